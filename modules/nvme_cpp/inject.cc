// SPDX-License-Identifier: GPL-2.0
#include "inject.hpp"

#include "controller.hpp"
#include "path.hpp"

#include <cxxrt/enforce.hpp>

namespace nvme {

Fault Inject::next()
{
	Guard guard{lock_};
	const auto field = [&](Field which) NO_THREAD_SAFETY_ANALYSIS -> u32& { return fields_[u32(which)]; };
	if (++seen_ < field(Field::Interval))
		return {};
	seen_ = 0;
	u32& times = field(Field::Times);
	if (times == 0)
		return {};
	if (times != kAlways)
		--times;
	if (field(Field::Drop) != 0)
		return {.kind = Fault::Kind::Drop, .status = {}};
	constexpr u32 kFinal = 0x4000;
	if (const u32 status = field(Field::Status); status != 0)
		return {.kind = Fault::Kind::Fail,
			.status = Status{status | (field(Field::DontRetry) != 0 ? kFinal : 0)}};
	if (const u32 delay_ms = field(Field::DelayMs); delay_ms != 0)
		return {.kind = Fault::Kind::Delay, .status = {}, .delay_ms = delay_ms};
	return {};
}

bool IoPath::inject(Queue& queue, Request rq)
{
	Command& cmd = rq.pdu();
	// It has been late.
	if (exchange(cmd.delayed, false))
		return false;
	const Fault fault = queue.controller().inject().next();
	switch (fault.kind) {
	case Fault::Kind::None:
		return false;
	case Fault::Kind::Drop: {
		InFlight started = rq.start();
		(void)queue.next_id(rq);
		(void)move(started).park();
		return true;
	}
	case Fault::Kind::Fail: {
		InFlight started = rq.start();
		cmd.status = fault.status;
		move(started).complete();
		return true;
	}
	case Fault::Kind::Delay:
		break;
	}
	cmd.delayed = true;
	rq.start().requeue_after(fault.delay_ms);
	return true;
}

namespace attributes {

template <Inject::Field field> Result<size_t> Injected<field>::show(ControllerNode& node, device::Buffer out)
{
	const u32 value = node.controller().inject().get(field);
	if constexpr (field == Inject::Field::Status)
		return out.print<"0x%x\n">(value);
	return out.print<"%d\n">(int(value));
}

template <Inject::Field field> Result<void> Injected<field>::store(ControllerNode& node, const char* text)
{
	constexpr auto limits = [] {
		struct Limits {
			int least, most;
		};
		constexpr int kAny = 0x7fffffff;
		switch (field) {
		case Inject::Field::Status:
			return Limits{0, 0x3fff};
		case Inject::Field::DelayMs:
			return Limits{0, 600000};
		case Inject::Field::Interval:
			return Limits{1, kAny};
		case Inject::Field::Times:
			return Limits{-1, kAny};
		default:
			return Limits{0, kAny};
		}
	}();
	const int value = TRY(parse<int>(text, 0));
	if (value < limits.least || value > limits.most)
		return EINVAL;
	if constexpr (field == Inject::Field::Times)
		node.controller().inject_times(u32(value));
	else
		node.controller().inject().set(field, u32(value));
	return {};
}

template struct Injected<Inject::Field::Status>;
template struct Injected<Inject::Field::DontRetry>;
template struct Injected<Inject::Field::Drop>;
template struct Injected<Inject::Field::DelayMs>;
template struct Injected<Inject::Field::Interval>;
template struct Injected<Inject::Field::Times>;

}  // namespace attributes

void Controller::inject_times(u32 times)
{
	inject_.set(Inject::Field::Times, times);
	Guard guard{scan_lock_};
	for (Namespace& ns : namespaces_)
		ns.inject(times != 0);
}

}  // namespace nvme
