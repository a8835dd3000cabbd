// SPDX-License-Identifier: GPL-2.0
/// \file
/// Processes that are to get no calls for a while.
#include "driver.hpp"
#include "process.hpp"

#include <cxxrt/enforce.hpp>

namespace binder {

bool Process::is_busy(const Held<Inner>&)
{
	if (outstanding > 0)
		return true;
	bool busy = false;
	threads.for_each([&](unsigned long, Thread& thread)
				 NO_THREAD_SAFETY_ANALYSIS { busy |= thread.stack != nullptr; });
	return busy;
}

CXXRT_COLD void Process::tell_of_freezing(bool frozen)
{
	if constexpr (!kSince6_12)
		return;
	u64 next = 0;
	for (;;) {
		Node* node = nullptr;
		{
			const KindGuard<Inner> guard{inner};
			if (is_dead.load_relaxed() == 0)
				node = nodes_.lower_bound(next);
			if (node != nullptr)
				node->pin(guard);
		}
		if (node == nullptr)
			return;
		{
			After after;
			const KindGuard<Watchers> watchers_guard{node->watchers_lock};
			node->watchers.for_each(watchers_guard, [&](Handle& handle) NO_THREAD_SAFETY_ANALYSIS {
				if (!handle.freeze)
					return;
				const NestedKindGuard<Inner> guard{handle.holder.inner};
				Freeze& freeze = *handle.freeze;
				if (!freeze.hook.is_linked(guard)) {
					freeze.is_frozen = frozen;
					after.wakeup = handle.holder.queue(freeze, guard);
				} else {
					if (freeze.is_sent && freeze.is_frozen != frozen)
						freeze.resend = true;
					freeze.is_frozen = frozen;
				}
			});
		}
		const u64 address = node->address;
		unpin(*node);
		if (address == ~u64(0))
			return;
		next = address + 1;
	}
}

CXXRT_COLD Result<void> Process::freeze(const FreezeInfo& info)
{
	{
		const KindGuard<Inner> guard{inner};
		sync_received = async_received = false;
		is_frozen = info.enable != 0;
	}
	if (info.enable == 0) {
		tell_of_freezing(false);
		return {};
	}
	Result<void> done;
	if (info.timeout_ms > 0) {
		const auto waited = freeze_waiters.wait(info.timeout_ms, [&] {
			const KindGuard<Inner> guard{inner};
			return outstanding == 0;
		});
		if (!waited.ok())
			done = waited.error();
	}
	{
		const KindGuard<Inner> guard{inner};
		if (done.ok() && is_busy(guard))
			done = EAGAIN;
		if (!done.ok())
			is_frozen = false;
	}
	if (done.ok())
		tell_of_freezing(true);
	return done;
}

CXXRT_COLD Result<void> Process::set_frozen(UserAddress argument)
{
	const auto info = TRY(argument.read<FreezeInfo>());
	// Each open of that group, one after the other: none waits with the driver's lock held.
	for (u32 which = 0;; ++which) {
		Ref<Process> found;
		u32 at = 0;
		const bool any = context_->driver.for_each_of(int(info.pid), [&](Process& process) {
			if (at++ == which)
				found = Ref<Process>::to(process);
		});
		if (!any && which == 0)
			return EINVAL;
		if (!found)
			return {};
		TRY(found->freeze(info));
	}
}

}  // namespace binder
