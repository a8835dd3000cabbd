// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// The module's parameters, as load has corrected them.
/// Context: any after correct(); they never change again.

#include "config.hpp"
#include "inject.hpp"

namespace null_blk::params {

/// Corrects the parameters in place, with the C driver's lines.
/// Context: process, once, at load.   Errors: EINVAL.
CXXRT_INIT Result<void> correct();
/// What a new device starts with.
Config default_config();
/// What a new device fails to do.
const FaultConfigs& default_faults();
/// The ceiling for every device's polled queues.
u32 most_poll_queues();
/// How many devices load creates.
u32 device_count();
/// True if the module takes the C driver's names.
bool use_compat_names();

}  // namespace null_blk::params
