// SPDX-License-Identifier: GPL-2.0
/// \file
/// binder_cpp: Android's calls between processes.
#include <cxxrt/mm.hpp>
#include <cxxrt/module.hpp>
#include <cxxrt/task.hpp>

#include "driver.hpp"
#include "params.hpp"

#include <cxxrt/enforce.hpp>

namespace binder {

namespace {

constinit module::TextParam<1024> devices{"binder_cpp"};
CXXRT_PARAM(devices, "Names of the devices, with commas between them (default: binder_cpp)");
constinit module::Param<bool> compat_names{false};
CXXRT_PARAM(compat_names, "Take the C driver's names, /dev/binder and debugfs's binder (default: no)");
constinit module::Param<u32> debug_mask{7};
CXXRT_PARAM_LIVE_AS(debug_mask, debug_mask, "Classes of messages that are logged");
constinit module::Param<u32> alloc_debug_mask{1};
CXXRT_PARAM_LIVE_AS(alloc_debug_mask, alloc_debug_mask, "The same of buffers");
constinit module::Param<int> stop_on_user_error{0};
CXXRT_PARAM_LIVE_AS(stop_on_user_error, stop_on_user_error,
		    "Not 0: the first mistake of user space makes it 2, with which calls wait");

constinit module::Param<bool> wake_here{false};
CXXRT_PARAM_LIVE_AS(wake_here, wake_here,
		    "Who gets a call or a reply is to run on the sender's CPU; since Linux 6.6 (default: no)");
constinit module::Param<bool> coalesce_completions{false};
CXXRT_PARAM_LIVE_AS(coalesce_completions, coalesce_completions,
		    "A looper learns that its reply is on its way with its next work, and not before (default: no)");
constinit module::Param<bool> inherit_rt{false};
CXXRT_PARAM_LIVE_AS(inherit_rt, inherit_rt,
		    "Nodes with Android's flag 0x800 are served with the caller's real-time priority (default: no)");

/// What this kernel lets the module do.
constexpr Literal kFeatures = [] {
	if constexpr (task::kAsksSecurityModules && mm::kCanZap)
		return Literal{"security-modules,shrinker"};
	else if constexpr (mm::kCanZap)
		return Literal{"shrinker"};
	else if constexpr (task::kAsksSecurityModules)
		return Literal{"security-modules"};
	else
		return Literal{""};
}();
constinit module::FixedParam<kFeatures> features;
CXXRT_PARAM(
	features,
	"What this kernel allows: security-modules, asked about calls; shrinker, pages are given back when memory is short (read-only)");

/// In the object of the module: lives as long.
class Module : Pinned {
public:
	static Result<Box<Module>> create();
	Module() = default;
	~Module();

private:
	Box<log::RateLimit> limit_;
	Box<Driver> driver_;
};

constinit log::RateLimit* limit;

Result<Box<Module>> Module::create()
{
	if constexpr (!task::kAsksSecurityModules)
		log::warn<"this kernel has security modules and does not let binder ask them: everything is allowed">();
	auto made = TRY(Box<Module>::make(Gfp::Kernel));
	made->limit_ = TRY(Box<log::RateLimit>::make(Gfp::Kernel));
	limit = made->limit_.get();
	made->driver_ = TRY(Driver::create());
	return made;
}

Module::~Module()
{
	if (!driver_)
		return;
	driver_.reset();
	stats::end();
}

}  // namespace

const char* params::devices()
{
	const char* names = binder::devices.get();
	return compat_names() && equal(names, "binder_cpp") ? "binder" : names;
}
bool params::compat_names() { return binder::compat_names.get(); }
u32 params::debug_mask() { return binder::debug_mask.get(); }
u32 params::alloc_debug_mask() { return binder::alloc_debug_mask.get(); }
task::Wakeup::Hint params::sync_hint()
{
	return binder::wake_here.get() ? task::Wakeup::Hint::Here : task::Wakeup::Hint::WakerSleeps;
}
bool params::coalesces_completions() { return binder::coalesce_completions.get(); }
bool params::inherits_rt() { return binder::inherit_rt.get(); }
int params::stop_on_user_error() { return binder::stop_on_user_error.get(); }
bool params::log_allows() { return limit->allows(); }
bool params::wants_line(u32 debug_class)
{
	if ((debug_class & debug::kMayStop) != 0 && binder::stop_on_user_error.get() != 0)
		binder::stop_on_user_error.set(2);
	return (debug_mask() & debug_class & ~debug::kMayStop) != 0 && log_allows();
}

}  // namespace binder

CXXRT_MODULE(binder::Module, "The cxxrt authors", "Android's binder in C++");
