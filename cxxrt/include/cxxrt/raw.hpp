// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// The kernel's types, constants and functions as C++ sees them, in namespace raw. For cxxrt's
/// own headers only: a driver that names raw:: does not pass the border check.
/// C side: the generated raw_types.hpp and raw_constants.hpp, and helpers/*.h.

#include <cxxrt/types.hpp>

#include "raw_types.hpp"
#include "raw_constants.hpp"

#define CXXRT_KERNEL_VERSION(major, minor, patch) (((major) << 16) + ((minor) << 8) + (patch))
/// True from Linux 6.12 on, where queue limits are passed at allocation and bio-only features went.
#define CXXRT_KERNEL_6_12 (CXXRT_LINUX_VERSION_CODE >= CXXRT_KERNEL_VERSION(6, 12, 0))

#include "helpers.h"
