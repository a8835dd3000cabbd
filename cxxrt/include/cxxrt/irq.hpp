// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Interrupt handlers. A handler is a member of the object it serves, and does not run after it is gone.
/// C side: include/linux/interrupt.h, helpers/device.c.

#include <cxxrt/callback.hpp>
#include <cxxrt/error.hpp>
#include <cxxrt/lockcontext.hpp>

namespace cxxrt::irq {

/// Whether the interrupt was this device's.
enum class Handled : u8 { No = raw::IRQ_NONE, Yes = raw::IRQ_HANDLED };

/// Where a handler's function runs.
enum class Runs : u8 {
	InInterrupt,  ///< hardirq
	InThread,     ///< a thread of the interrupt's own: process
};

/// Whether others may have handlers on the line.
enum class Sharing : u8 { Any, None };

/// An interrupt's number. A bus gives it out.
class Line {
public:
	explicit Line(u32 number) : number_(number) {}
	u32 number() const { return number_; }

private:
	u32 number_;
};

/// A handler that may share its line with others:
///     irq::Handler irq_{callback<&Queue::irq_, &Queue::interrupted>};
/// where `irq::Handled interrupted()`, in hardirq context. One that may run in a thread instead is given a second function,
/// `bool has_work() const`, in hardirq context, which says whether the thread is to be woken:
///     irq::Handler irq_{callback<&Queue::irq_, &Queue::interrupted>, callback<&Queue::irq_, &Queue::has_work>};
/// Invariant: the function does not run unless requested, and not after the destructor.
class Handler : Pinned {
public:
	template <auto Member, auto Function> explicit Handler(Callback<Member, Function>)
		: thunk_(&thunk<Member, Function>)
	{
	}
	template <auto Member, auto Function, auto Looks>
	Handler(Callback<Member, Function>, Callback<Member, Looks>)
		: thunk_(&thunk<Member, Function>), looks_(&waking_thunk<Member, Looks>)
	{
	}
	/// As release().
	~Handler() EXCLUDES(atomic_context) { release(); }

	/// Has the function called from now on. `name` shows in /proc/interrupts and outlives the request.
	/// Context: process; sleeps.   Errors: EBUSY another who does not share has it, or this was requested already; EINVAL
	/// it has no function that says when to wake a thread; ENOMEM.
	/// Sharing::None fails without a line in the log.
	Result<void> request(Line line, const char* name, Sharing sharing) EXCLUDES(atomic_context)
	{
		return request(line, name, Runs::InInterrupt, sharing);
	}
	Result<void> request(Line line, const char* name, Runs where = Runs::InInterrupt,
			     Sharing sharing = Sharing::Any) EXCLUDES(atomic_context)
	{
		if (requested_)
			return EBUSY;
		if (where == Runs::InThread && looks_ == nullptr)
			return EINVAL;
		auto* const thread = where == Runs::InThread ? thunk_ : nullptr;
		TRY(from_c(
			raw::request_threaded_irq(line.number(), thread != nullptr ? looks_ : thunk_, thread,
						  sharing == Sharing::Any ? raw::IRQF_SHARED : raw::IRQF_PROBE_SHARED,
						  name, this)));
		line_ = line.number();
		requested_ = true;
		return {};
	}
	bool is_requested() const { return requested_; }
	/// The function is not called any more, and does not run.   Context: process; sleeps.
	void release() EXCLUDES(atomic_context)
	{
		if (!requested_)
			return;
		requested_ = false;
		raw::free_irq(line_, this);
	}
	/// Calls `f()` while the function does not run, on any CPU; other handlers of the line wait, too.
	/// Only while requested.   Context: process; sleeps.
	template <class F> void with_masked(F&& f) EXCLUDES(atomic_context)
	{
		raw::disable_irq(line_);
		f();
		raw::enable_irq(line_);
	}
	/// Calls the function once, as if there had been an interrupt, unless it runs. Only while requested.
	/// Context: any, with interrupts off.
	void call_now()
	{
		if (raw::disable_hardirq(line_))
			(void)thunk_(int(line_), this);
		raw::enable_irq(line_);
	}

private:
	template <auto Member, auto Function> CXXRT_HOT static raw::irqreturn_t thunk(int, void* handler)
	{
		// SAFETY: request() passed the Handler, and release() waits.
		auto& owner = owner_of<Member>(*static_cast<Handler*>(handler));
		return raw::irqreturn_t((owner.*Function)());
	}

	template <auto Member, auto Looks> static raw::irqreturn_t waking_thunk(int, void* handler)
	{
		// SAFETY: as in thunk().
		const auto& owner = owner_of<Member>(*static_cast<Handler*>(handler));
		return (owner.*Looks)() ? raw::IRQ_WAKE_THREAD : raw::IRQ_NONE;
	}

	raw::irqreturn_t (*thunk_)(int, void*);
	raw::irqreturn_t (*looks_)(int, void*) = nullptr;
	u32 line_ = 0;
	bool requested_ = false;
};

}  // namespace cxxrt::irq
