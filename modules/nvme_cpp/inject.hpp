// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Faults on request, for tests of what lies above the driver: files in a folder `inject` of the controller, if the module is
/// loaded with inject=1. They are for requests of disks, not for commands of user space, which can fail by themselves.
/// Names are those of the C driver's debugfs, where the kernel has fault injection: status, dont_retry, times, interval.
///
/// While nothing is injected, a request does not meet any of this: namespaces' requests take the way of those that are
/// unusual only while `times` is not 0.

#include <cxxrt/device.hpp>
#include <cxxrt/lock.hpp>

#include "status.hpp"

namespace nvme {

class ControllerNode;

/// What is to happen to a request.
struct Fault {
	enum class Kind : u8 { None, Fail, Drop, Delay };
	Kind kind = Kind::None;
	Status status;	   ///< of Fail
	u32 delay_ms = 0;  ///< of Delay
};

/// Which requests of a controller fail, and how.   Context: process or softirq; what is set counts from the next request on.
class Inject : Pinned {
public:
	/// What there is to set. Status is as a completion has it, without "do not retry", which has a word of its own; Times is
	/// how many more requests are to have a fault, and Interval has all but every nth one get by.
	enum class Field : u8 { Status, DontRetry, Drop, DelayMs, Interval, Times };
	static constexpr u32 kFields = 6;
	/// For Times: always.
	static constexpr u32 kAlways = ~0u;

	u32 get(Field field)
	{
		Guard guard{lock_};
		return fields_[u32(field)];
	}
	void set(Field field, u32 value)
	{
		Guard guard{lock_};
		fields_[u32(field)] = value;
	}
	bool is_on() { return get(Field::Times) != 0; }
	/// The next request's. Drop comes before Fail, and that before Delay.
	Fault next();

private:
	SpinLock lock_{lock_class<"nvme Inject::lock_">};
	u32 fields_[kFields] GUARDED_BY(lock_) = {0, 0, 0, 0, 1, 0};
	u32 seen_ GUARDED_BY(lock_) = 0;
};

namespace attributes {

/// One file: a number, which may be written as C writes them.   Errors: EINVAL, ERANGE.
template <Inject::Field field> struct Injected {
	static Result<size_t> show(ControllerNode& node, device::Buffer out);
	static Result<void> store(ControllerNode& node, const char* text) EXCLUDES(atomic_context);
};

using OfInject = device::Attributes<device::Attribute<"status", Injected<Inject::Field::Status>>,
				    device::Attribute<"dont_retry", Injected<Inject::Field::DontRetry>>,
				    device::Attribute<"drop", Injected<Inject::Field::Drop>>,
				    device::Attribute<"delay_ms", Injected<Inject::Field::DelayMs>>,
				    device::Attribute<"interval", Injected<Inject::Field::Interval>>,
				    device::Attribute<"times", Injected<Inject::Field::Times>>>;

}  // namespace attributes

}  // namespace nvme
