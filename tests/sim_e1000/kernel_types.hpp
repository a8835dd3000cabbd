// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// The kernel's types and functions, as cxxrt sees them. Not together with the C library's headers, whose macros have some
/// of the names.
#include <cerrno>
#include "undef_errno.hpp"

#include "raw_types.hpp"
#include "raw_constants.hpp"
#define CXXRT_KERNEL_VERSION(major, minor, patch) (((major) << 16) + ((minor) << 8) + (patch))
#define CXXRT_KERNEL_6_12 (CXXRT_LINUX_VERSION_CODE >= CXXRT_KERNEL_VERSION(6, 12, 0))
#include "helpers.h"
