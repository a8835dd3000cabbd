// SPDX-License-Identifier: GPL-2.0
#include "params.hpp"

#include <cxxrt/pci.hpp>
#include <cxxrt/system.hpp>

#include <cxxrt/enforce.hpp>

namespace nvme::params {

using module::BoundedParam;
using module::Param;
using module::RangedParam;

namespace {

constinit RangedParam<2, 4095, 0> io_queue_depth_param{1024};
constinit BoundedParam<&possible_cpus> write_queues_param{0};
constinit BoundedParam<&possible_cpus> poll_queues_param{0};
constinit Param<u32> admin_timeout{60};
CXXRT_PARAM_LIVE_AS(admin_timeout, admin_timeout, "Seconds that an administrative command may take");
constinit Param<u32> io_timeout{30};
CXXRT_PARAM_LIVE_AS(io_timeout, io_timeout, "Seconds that a request may take");
constinit Param<u8> shutdown_timeout{5};
CXXRT_PARAM_LIVE_AS(shutdown_timeout, shutdown_timeout, "Seconds to wait at least for a controller to shut down");
constinit Param<u8> max_retries_param{5};
constinit Param<bool> disable_pi_offsets_param{false};
CXXRT_PARAM_AS_SINCE_6_12(disable_pi_offsets, disable_pi_offsets_param,
			  "Ignore protection information that is not in front of the metadata");
constinit Param<bool> bind_all{false};
CXXRT_PARAM(bind_all,
	    "Take every NVMe controller that has no driver, not only those given by driver_override or new_id");
constinit Param<bool> inject_param{false};
CXXRT_PARAM_AS(inject, inject_param, "Controllers have files in sysfs that make requests fail");
constinit Param<bool> compat_names{false};
CXXRT_PARAM(compat_names, "Take the C driver's names");

constinit Param<u32> sgl_threshold_param{32 << 10};
constinit Param<bool> shadow_doorbells_param{true};
constinit Param<int> threaded_interrupts_param{0};

CXXRT_PARAM_LIVE_AS(sgl_threshold, sgl_threshold_param,
		    "Data in pieces of at least this many bytes on average is described by SGLs; 0: none is");
CXXRT_PARAM_AS(shadow_doorbells, shadow_doorbells_param, "Use doorbells in memory where the controller offers them");
CXXRT_PARAM_AS(use_threaded_interrupts, threaded_interrupts_param,
	       "Not 0: completions are taken by a thread, not by the interrupt");
CXXRT_PARAM_LIVE_AS(io_queue_depth, io_queue_depth_param, "Entries of an I/O queue, 2 to 4095");
CXXRT_PARAM_LIVE_AS(write_queues, write_queues_param,
		    "Queues that are not for reads; then the others are for reads alone");
CXXRT_PARAM_LIVE_AS(poll_queues, poll_queues_param, "Queues without interrupts, for polled I/O");
CXXRT_PARAM_LIVE_AS(max_retries, max_retries_param, "How often a request that failed is tried again");

/// Milliseconds that fit the timers: more than a day is as good as for ever.
u32 to_ms(u32 seconds) { return (seconds > 100000 ? 100000 : seconds) * 1000; }

}  // namespace

u32 io_queue_depth() { return u32(io_queue_depth_param.get()); }
u32 write_queues() { return write_queues_param.get(); }
u32 poll_queues() { return poll_queues_param.get(); }
u32 admin_timeout_ms() { return to_ms(admin_timeout.get()); }
u32 io_timeout_ms() { return to_ms(io_timeout.get()); }
u32 shutdown_timeout_s() { return shutdown_timeout.get(); }
u32 max_retries() { return max_retries_param.get(); }
u32 sgl_threshold() { return sgl_threshold_param.get(); }
bool threaded_interrupts() { return threaded_interrupts_param.get() != 0; }
bool shadow_doorbells() { return shadow_doorbells_param.get(); }
bool disable_pi_offsets() { return disable_pi_offsets_param.get(); }
bool injects() { return inject_param.get(); }
bool binds_all() { return bind_all.get(); }
bool use_compat_names() { return compat_names.get(); }

Result<void> check()
{
	if (use_compat_names() && pci::is_driver_registered("nvme")) {
		log::error<"compat_names=1: the C driver has these names: unload nvme first">();
		return EBUSY;
	}
	return {};
}

}  // namespace nvme::params
