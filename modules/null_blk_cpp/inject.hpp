// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Faults on request: what should fail, how often, and how many times. Works on every kernel: those
/// of distributions have no fault injection of their own.
/// C side: struct fault_attr, setup_fault_attr() and should_fail(), lib/fault-inject.c.

#include <cxxrt/atomic.hpp>
#include <cxxrt/error.hpp>
#include <cxxrt/lock.hpp>

namespace null_blk {
using namespace cxxrt;

/// When a fault happens, under the kernel's names (Documentation/fault-injection).
struct FaultConfig {
	u32 interval = 1;     ///< only every so many times
	u32 probability = 0;  ///< in per cent; 0 is never
	u32 space = 0;	      ///< how many get by before the first
	int times = 1;	      ///< at most so many; -1 is no limit

	/// Reads "<interval>,<probability>,<space>,<times>", as the kernel does; "" leaves everything.
	/// Context: process, at load.   Errors: EINVAL.
	CXXRT_INIT static Result<FaultConfig> parse(const char* text);
	bool is_on() const { return probability != 0 && times != 0; }
};

/// Decides for one kind of fault of one device.
class Fault : Pinned {
public:
	explicit Fault(const FaultConfig& config) : config_(config), on_(config.is_on() ? 1 : 0) {}

	/// True if this is to fail.   Context: process.   Locks: none while the fault is off.
	bool happens() { return on_.load_relaxed() != 0 && decide(); }
	bool is_on() const { return on_.load_relaxed() != 0; }
	/// What is left of it.   Context: process.
	FaultConfig config()
	{
		Guard guard{lock_};
		return config_;
	}
	template <class T> void set(T FaultConfig::* field, T value)
	{
		Guard guard{lock_};
		config_.*field = value;
		on_.store_relaxed(config_.is_on() ? 1 : 0);
	}

private:
	CXXRT_NOINLINE bool decide();

	SpinLock lock_{lock_class<"null_blk Fault::lock_">};
	FaultConfig config_ GUARDED_BY(lock_);
	u32 asked_ GUARDED_BY(lock_) = 0;
	Atomic<int> on_;
};

struct FaultConfigs {
	FaultConfig timeout, requeue, init_hctx;
};

/// What can fail on request.
struct Faults : Pinned {
	explicit Faults(const FaultConfigs& configs)
		: timeout(configs.timeout), requeue(configs.requeue), init_hctx(configs.init_hctx)
	{
	}
	Fault timeout;	  // a request is lost until it times out
	Fault requeue;	  // a request is given back
	Fault init_hctx;  // a hardware queue cannot be set up
};

}  // namespace null_blk
