// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Whether there is binderfs, and what a process has of it.

#ifndef CXXRT_BINDERFS
/// make CXXRT_BINDERFS=0 leaves it out, as CONFIG_ANDROID_BINDERFS=n does from the C driver.
#define CXXRT_BINDERFS 1
#endif

#if CXXRT_BINDERFS
#include <cxxrt/filesystem.hpp>
#endif

namespace binder {

#if CXXRT_BINDERFS
/// A process among the logs of a mount.
using LogFile = cxxrt::filesystem::Entry;
#else
struct LogFile {};
#endif

}  // namespace binder
