// SPDX-License-Identifier: GPL-2.0
/// \file
/// What a thread commands.
#include "driver.hpp"
#include "params.hpp"
#include "process.hpp"
#include "thread.hpp"

#include <cxxrt/enforce.hpp>

namespace binder {

CXXRT_HOT Result<void> Thread::write(UserAddress buffer, u64 size, u64& consumed)
{
	u64 at = consumed;
	// A failure that is still to be told is told first; what comes after it is for the next call.
	while (at < size && return_error_.command == br::kOk) {
		const u32 what = TRY((buffer + at).read<u32>());
		traffic.count_command(what);
		at += 4;
		at += TRY(command(what, buffer + at));
		consumed = at;
	}
	return {};
}

// NOLINTNEXTLINE(readability-function-cognitive-complexity): a case for each kind
CXXRT_HOT Result<u64> Thread::command(u32 what, UserAddress payload)
{
	Process& p = *process_;
	switch (what) {
	case bc::kTransaction:
	case bc::kReply: {
		const auto data = TRY(payload.read<TransactionData>());
		transact(data, what == bc::kReply, 0);
		return sizeof(data);
	}
	case bc::kTransactionSg:
	case bc::kReplySg: {
		const auto data = TRY(payload.read<TransactionDataSg>());
		transact(data.data, what == bc::kReplySg, data.buffers_size);
		return sizeof(data);
	}
	case bc::kFreeBuffer: {
		const u64 address = TRY(payload.read<u64>());
		const auto freed = p.free_buffer(address, *this);
		if (!freed.ok()) [[unlikely]]
			user_error<"%d:%d BC_FREE_BUFFER %llx: %s">(p.group, id, address,
								    freed.error() == EPERM
									    ? "undelivered, or freed by another"
									    : "no match");
		return sizeof(address);
	}
	case bc::kIncRefs:
	case bc::kAcquire:
	case bc::kRelease:
	case bc::kDecRefs: {
		const u32 number = TRY(payload.read<u32>());
		TRY(change_count(what, number));
		return sizeof(number);
	}
	case bc::kIncRefsDone:
	case bc::kAcquireDone: {
		const auto node = TRY(payload.read<PointerCookie>());
		acknowledge(what, node);
		return sizeof(node);
	}
	case bc::kRegisterLooper:
		register_looper();
		return 0;
	case bc::kEnterLooper: {
		u32 bits = looper_bits.load_relaxed();
		if ((bits & looper::kRegistered) != 0) {
			bits |= looper::kInvalid;
			user_error<"%d:%d BC_ENTER_LOOPER after BC_REGISTER_LOOPER">(p.group, id);
		}
		looper_bits.store_relaxed(bits | looper::kEntered);
		return 0;
	}
	case bc::kExitLooper:
		looper_bits.store_relaxed(looper_bits.load_relaxed() | looper::kExited);
		return 0;
	case bc::kRequestDeath:
	case bc::kClearDeath: {
		const auto target = TRY(payload.read<HandleCookie>());
		death_command(what, target);
		return sizeof(target);
	}
	case bc::kDeadBinderDone: {
		const u64 cookie = TRY(payload.read<u64>());
		dead_binder_done(cookie);
		return sizeof(cookie);
	}
	case bc::kAttemptAcquire:
	case bc::kAcquireResult:
		note<debug::kUserError, "%d:%d command %x is not supported">(p.group, id, what);
		return EINVAL;
	default:
		break;
	}
	if constexpr (kSince6_12) {
		if (what == bc::kRequestFreeze || what == bc::kClearFreeze) {
			const auto target = TRY(payload.read<HandleCookie>());
			TRY(freeze_command(what, target));
			return sizeof(target);
		}
		if (what == bc::kFreezeDone) {
			const u64 cookie = TRY(payload.read<u64>());
			TRY(freeze_done(cookie));
			return sizeof(cookie);
		}
	}
	note<debug::kUserError, "%d:%d unknown command %x">(p.group, id, what);
	return EINVAL;
}

CXXRT_COLD void Thread::register_looper()
{
	Process& p = *process_;
	u32 bits = looper_bits.load_relaxed();
	bool refused = false;
	{
		const KindGuard<Inner> guard{p.inner};
		if ((bits & looper::kEntered) != 0 || p.requested == 0) {
			refused = true;
		} else {
			--p.requested;
			++p.started;
			p.threads_changed(guard);
		}
	}
	if (refused) {
		user_error<"%d:%d BC_REGISTER_LOOPER %s">(p.group, id,
							  (bits & looper::kEntered) != 0 ? "after BC_ENTER_LOOPER"
											 : "without a request");
		bits |= looper::kInvalid;
	}
	looper_bits.store_relaxed(bits | looper::kRegistered);
}

CXXRT_COLD Result<void> Thread::change_count(u32 what, u32 number)
{
	Process& p = *process_;
	const Strength strength = what == bc::kAcquire || what == bc::kRelease ? Strength::Strong : Strength::Weak;
	const bool up = what == bc::kIncRefs || what == bc::kAcquire;
	Result<void> done = EINVAL;
	if (up && number == 0) {
		if (const Ref<Node> manager = p.context().manager()) {
			if (&manager->owner() == &p) {
				user_error<"%d:%d the context manager counts itself">(p.group, id);
				return EINVAL;
			}
			auto counted = p.count_node(*manager, strength, nullptr);
			if (counted.ok())
				return {};
		}
	}
	if (up) {
		const auto counted = p.count_handle(number, strength);
		done = counted.ok() ? Result<void>{} : Result<void>{counted.error()};
	} else {
		done = p.uncount_handle(number, strength);
	}
	if (!done.ok())
		user_error<"%d:%d command %x: no such count of handle %u">(p.group, id, what, number);
	return {};
}

CXXRT_COLD void Thread::acknowledge(u32 what, const PointerCookie& named)
{
	Process& p = *process_;
	const char* name = what == bc::kAcquireDone ? "BC_ACQUIRE_DONE" : "BC_INCREFS_DONE";
	Node* node = p.pin_node(named.pointer);
	if (node == nullptr) {
		user_error<"%d:%d %s: no node %llx">(p.group, id, name, named.pointer);
		return;
	}
	bool done = false;
	if (named.cookie == node->cookie) {
		After after;
		const KindGuard<Inner> guard{p.inner};
		done = node->acknowledge(what == bc::kAcquireDone ? Strength::Strong : Strength::Weak, guard, after)
			       .ok();
	}
	if (!done)
		user_error<"%d:%d %s: node %u with cookie %llx waits for none">(p.group, id, name, node->id,
										named.cookie);
	p.unpin(*node);
}

// NOLINTNEXTLINE(readability-function-cognitive-complexity): a case for each kind
CXXRT_COLD void Thread::death_command(u32 what, const HandleCookie& target)
{
	Process& p = *process_;
	const char* name = what == bc::kRequestDeath ? "BC_REQUEST_DEATH_NOTIFICATION" : "BC_CLEAR_DEATH_NOTIFICATION";
	Box<Death> fresh;
	if (what == bc::kRequestDeath) {
		auto made = Box<Death>::make(Gfp::Kernel, target.cookie());
		if (!made.ok()) {
			After after;
			const KindGuard<Inner> guard{p.inner};
			set_return_error(br::kError, guard);
			return;
		}
		fresh = made.take();
	}
	const char* wrong = nullptr;
	{
		After after;
		const KindGuard<Handles> handles_guard{p.handles_lock};
		Handle* handle = p.handles.find(target.handle, handles_guard);
		if (handle == nullptr) {
			wrong = "no such handle";
		} else {
			Node& node = *handle->node;
			const NestedKindGuard<Watchers> watchers_guard{node.watchers_lock};
			const bool owner_is_dead = [&]() NO_THREAD_SAFETY_ANALYSIS { return node.is_dead; }();
			if (what == bc::kRequestDeath) {
				if (handle->death) {
					wrong = "set already";
				} else {
					stats::created(Object::Death);
					const NestedKindGuard<Inner> guard{p.inner};
					handle->death = move(fresh);
					if (owner_is_dead)
						after.wakeup = p.queue(*handle->death, guard);
				}
			} else if (!handle->death) {
				wrong = "not set";
			} else if (handle->death->cookie != target.cookie()) {
				wrong = "another cookie";
			} else {
				const NestedKindGuard<Inner> guard{p.inner};
				Death& cleared = *handle->death.leak();
				if (!cleared.hook.is_linked(guard)) {
					cleared.what = WorkItem::What::ClearDeath;
					if ((looper_bits.load_relaxed() & (looper::kRegistered | looper::kEntered)) !=
					    0)
						after.wakeup = queue(cleared, guard);
					else
						after.wakeup = p.queue(cleared, guard);
				} else {
					cleared.what = WorkItem::What::DeadBinderAndClear;
				}
			}
		}
	}
	if (wrong != nullptr)
		user_error<"%d:%d %s of handle %u: %s">(p.group, id, name, target.handle, wrong);
}

CXXRT_COLD void Thread::dead_binder_done(u64 cookie)
{
	Process& p = *process_;
	bool found = false;
	{
		After after;
		const KindGuard<Inner> guard{p.inner};
		WorkItem* work = p.delivered_deaths.find(guard, [&](WorkItem& item) {
			return as<Death>(item).cookie == cookie;
		});
		if (work != nullptr) {
			found = true;
			work->hook.unlink(guard);
			if (work->what == WorkItem::What::DeadBinderAndClear) {
				work->what = WorkItem::What::ClearDeath;
				if ((looper_bits.load_relaxed() & (looper::kRegistered | looper::kEntered)) != 0)
					after.wakeup = queue(*work, guard);
				else
					after.wakeup = p.queue(*work, guard);
			}
		}
	}
	if (!found)
		user_error<"%d:%d BC_DEAD_BINDER_DONE: no cookie %llx">(p.group, id, cookie);
}

// NOLINTNEXTLINE(readability-function-cognitive-complexity): a case for each kind
CXXRT_COLD Result<void> Thread::freeze_command(u32 what, const HandleCookie& target)
{
	Process& p = *process_;
	Box<Freeze> fresh;
	if (what == bc::kRequestFreeze)
		fresh = TRY(Box<Freeze>::make(Gfp::Kernel, target.cookie()));
	const char* wrong = nullptr;
	{
		After after;
		const KindGuard<Handles> handles_guard{p.handles_lock};
		Handle* handle = p.handles.find(target.handle, handles_guard);
		if (handle == nullptr) {
			wrong = "no such handle";
		} else {
			Node& node = *handle->node;
			const NestedKindGuard<Watchers> watchers_guard{node.watchers_lock};
			if (what == bc::kRequestFreeze) {
				if (handle->freeze) {
					wrong = "set already";
				} else {
					stats::created(Object::Freeze);
					const bool owner_is_dead = [&]() NO_THREAD_SAFETY_ANALYSIS {
						return node.is_dead;
					}();
					if (!owner_is_dead) {
						const NestedKindGuard<Inner> guard{node.owner().inner};
						fresh->is_frozen = node.owner().is_frozen;
					}
					const NestedKindGuard<Inner> guard{p.inner};
					handle->freeze = move(fresh);
					if (!owner_is_dead)
						after.wakeup = p.queue(*handle->freeze, guard);
				}
			} else if (!handle->freeze) {
				wrong = "not set";
			} else if (handle->freeze->cookie != target.cookie()) {
				wrong = "another cookie";
			} else {
				const NestedKindGuard<Inner> guard{p.inner};
				Freeze& cleared = *handle->freeze.leak();
				cleared.what = WorkItem::What::ClearFreeze;
				if (!cleared.hook.is_linked(guard))
					after.wakeup = p.queue(cleared, guard);
				else if (cleared.is_sent)
					cleared.resend = true;
			}
		}
	}
	if (wrong == nullptr)
		return {};
	user_error<"%d:%d freeze notification of handle %u: %s">(p.group, id, target.handle, wrong);
	return EINVAL;
}

CXXRT_COLD Result<void> Thread::freeze_done(u64 cookie)
{
	Process& p = *process_;
	{
		After after;
		const KindGuard<Inner> guard{p.inner};
		WorkItem* work = p.delivered_freezes.find(guard, [&](WorkItem& item) {
			return as<Freeze>(item).cookie == cookie;
		});
		if (work != nullptr) {
			auto& freeze = as<Freeze>(*work);
			freeze.hook.unlink(guard);
			freeze.is_sent = false;
			if (exchange(freeze.resend, false))
				after.wakeup = p.queue(freeze, guard);
			return {};
		}
	}
	user_error<"%d:%d BC_FREEZE_NOTIFICATION_DONE: no cookie %llx">(p.group, id, cookie);
	return EINVAL;
}

}  // namespace binder
