// SPDX-License-Identifier: GPL-2.0
/// \file
/// null_blk_cpp: a block device that moves no data, or keeps it in memory.
#include <cxxrt/module.hpp>

#include "device.hpp"

#include <cxxrt/enforce.hpp>

CXXRT_MODULE(null_blk::Registry, "The cxxrt authors", "A null block driver in C++");
