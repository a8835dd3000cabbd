// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// The module's parameters.

#include <cxxrt/module.hpp>

namespace nvme::params {
using namespace cxxrt;

/// Context: process, once, at load.   Errors: EBUSY names are wanted that the C driver has.
Result<void> check();

u32 io_queue_depth();
u32 write_queues();
u32 poll_queues();
u32 admin_timeout_ms();
u32 io_timeout_ms();
/// The least time that a controller has to shut down.   Units: seconds.
u32 shutdown_timeout_s();
/// How often a request is tried again.
u32 max_retries();
/// How long the pieces of data have to be on average for SGLs to describe it; may change.   Units: bytes; 0: never.
u32 sgl_threshold();
/// Interrupts have a thread each that does their work.
bool threaded_interrupts();
/// Doorbells in memory are used where there are such.
bool shadow_doorbells();
/// Protection information is used only in front of the metadata.
bool disable_pi_offsets();
/// Every NVMe controller without a driver is taken.
bool binds_all();
/// Faults may be asked for.
bool injects();
/// The C driver's names are taken.
bool use_compat_names();

}  // namespace nvme::params
