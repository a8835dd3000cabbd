// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// The kernel's types and functions, as cxxrt sees them. Not together with the C library's headers, whose macros have some
/// of the names.
#include <cerrno>
// The kernel's have these names, too.
#undef E2BIG
#undef EPERM
#undef ENOENT
#undef EINTR
#undef EIO
#undef ENXIO
#undef EAGAIN
#undef ENOMEM
#undef EACCES
#undef EFAULT
#undef EBUSY
#undef EEXIST
#undef ENODEV
#undef EINVAL
#undef ENOTTY
#undef ENOSPC
#undef ERANGE
#undef ENODATA
#undef EILSEQ
#undef EBADE
#undef EREMOTEIO
#undef ENOLINK
#undef EOPNOTSUPP
#undef ETIMEDOUT
#undef EOVERFLOW
#undef ECANCELED
#undef EWOULDBLOCK
#undef ENETRESET
#undef ENOTCONN
#undef EHOSTUNREACH
#undef EMSGSIZE
#undef ESHUTDOWN
#undef ECONNRESET
#undef EPROTO
#undef EBADF
#undef ESRCH
#undef EALREADY
#undef EINPROGRESS

#include "raw_types.hpp"
#include "raw_constants.hpp"
#define CXXRT_KERNEL_VERSION(major, minor, patch) (((major) << 16) + ((minor) << 8) + (patch))
#define CXXRT_KERNEL_6_12 (CXXRT_LINUX_VERSION_CODE >= CXXRT_KERNEL_VERSION(6, 12, 0))
#include "helpers.h"
