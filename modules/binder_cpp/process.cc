// SPDX-License-Identifier: GPL-2.0
#include "process.hpp"

#include "driver.hpp"
#include "params.hpp"

#include <cxxrt/enforce.hpp>

namespace binder {

CXXRT_COLD Result<Ref<Process>> Process::open(Context& context, chardev::File file)
{
	auto process = TRY(Ref<Process>::make(Gfp::Kernel, context, file));
	context.driver.add(*process);
	return process;
}

Process::Process(Context& context, chardev::File file)
	: group(task::current_group_id()),
	  group_id(task::Leader::current()),
	  credentials(task::Credentials::of(file)),
	  default_nice(task::nice::current()),
	  context_(Ref<Context>::to(context)),
	  leader_(task::Leader::current())
{
	stats::created(Object::Process);
	note<debug::kOpenClose, "%d:%d opens a device">(group, task::current_id());
}

CXXRT_COLD Process::~Process() { context_->driver.remove(*this); }

// --- nodes ---

Node* Process::pin_node(u64 address)
{
	const KindGuard<Inner> guard{inner};
	Node* node = nodes_.find(address);
	if (node != nullptr)
		node->pin(guard);
	return node;
}

void Process::unpin(Node& node)
{
	After after;
	const KindGuard<Inner> guard{inner};
	node.unpin(guard, after);
}

Result<Node*> Process::pin_node_for(const FlatObject& object)
{
	if (Node* node = pin_node(object.binder))
		return node;
	auto fresh = TRY(Ref<Node>::make(Gfp::Kernel, *this, object, stats::next_id()));
	const KindGuard<Inner> guard{inner};
	// Somebody else may have been faster.
	Node* node = nodes_.find(object.binder);
	if (node == nullptr) {
		node = fresh.leak();
		node->list(guard);
		nodes_.insert(*node);
	}
	node->pin(guard);
	return node;
}

Ref<Node> Process::forget(Node& node, const Held<Inner>& held)
{
	if (node.by_address.is_linked())
		nodes_.erase(node);
	else
		node.dead_hook.unlink(held);
	return Ref<Node>::adopt(&node);
}

CXXRT_COLD NodeDebugInfo Process::node_after(u64 address)
{
	NodeDebugInfo info{};
	const KindGuard<Inner> guard{inner};
	if (address == ~u64(0))
		return info;
	if (const Node* node = nodes_.lower_bound(address + 1))
		info = {.pointer = node->address,
			.cookie = node->cookie,
			.has_strong = node->user_has_strong(guard) ? 1u : 0u,
			.has_weak = node->user_has_weak(guard) ? 1u : 0u};
	return info;
}

// --- handles ---

CXXRT_HOT Result<Ref<Node>> Process::node_of(u32 number, Strength strength)
{
	const KindGuard<Handles> guard{handles_lock};
	Handle* handle = handles.find(number, guard);
	if (handle == nullptr || (strength == Strength::Strong && handle->strong == 0))
		return EINVAL;
	return handle->node.clone();
}

Result<Ref<Node>> Process::pin_node_of(u32 number, Strength strength, u32& id)
{
	const KindGuard<Handles> guard{handles_lock};
	Handle* handle = handles.find(number, guard);
	if (handle == nullptr || (strength == Strength::Strong && handle->strong == 0))
		return EINVAL;
	const NestedKindGuard<Inner> owner_guard{handle->node->owner().inner};
	id = handle->id;
	handle->node->pin(owner_guard);
	return handle->node.clone();
}

CXXRT_COLD Box<Handle> Process::detach_handle(Handle& handle, const Held<Handles>& held, After& after)
{
	Node& node = *handle.node;
	handles.erase(handle, held);
	{
		const NestedKindGuard<Watchers> watchers_guard{node.watchers_lock};
		handle.watch_hook.unlink(watchers_guard);
		{
			const NestedKindGuard<Inner> guard{node.owner().inner};
			if (handle.strong != 0)
				node.uncount_handle(guard, after);
			node.remove_handle(guard, after);
		}
		const NestedKindGuard<Inner> guard{inner};
		if (handle.death) {
			handle.death->hook.unlink(guard);
			stats::deleted(Object::Death);
		}
		if (handle.freeze) {
			handle.freeze->hook.unlink(guard);
			stats::deleted(Object::Freeze);
		}
	}
	return Box<Handle>::adopt(&handle);
}

// NOLINTNEXTLINE(readability-function-cognitive-complexity): a case for each kind
Result<Process::HandleInfo> Process::count_node(Node& node, Strength strength, Thread* notify)
{
	Box<Handle> fresh;
	bool wants_fresh = false;
	bool wants_room = false;
	u32 size = 0;
	HandleTable::Room room;
	for (;;) {
		if (wants_fresh && !fresh)
			fresh = TRY(Box<Handle>::make(Gfp::Kernel, *this, Ref<Node>::to(node), stats::next_id()));
		if (wants_room)
			room = TRY(HandleTable::make_room(size));
		Box<Handle> failed;
		After after;
		const KindGuard<Handles> guard{handles_lock};
		if (exchange(wants_room, false))
			handles.grow(room, guard);
		Handle* handle = handles.find(node, guard);
		const bool is_new = handle == nullptr;
		if (is_new) {
			if (!fresh) {
				wants_fresh = true;
				continue;
			}
			const u32 least = context_->is_manager(node) ? 0 : 1;
			if (!handles.has_room(least, guard)) {
				wants_room = true;
				size = handles.size(guard);
				continue;
			}
			handle = fresh.leak();
			handles.insert(*handle, least, guard);
			const NestedKindGuard<Watchers> watchers_guard{node.watchers_lock};
			node.watchers.push_front(*handle, watchers_guard);
			const NestedKindGuard<Inner> owner_guard{node.owner().inner};
			node.add_handle(owner_guard);
		}
		u32& count = strength == Strength::Strong ? handle->strong : handle->weak;
		if (count == 0) {
			Result<void> counted;
			{
				const NestedKindGuard<Inner> owner_guard{node.owner().inner};
				counted = node.count_handle(owner_guard, notify, strength);
			}
			if (!counted.ok()) {
				if (is_new)
					failed = detach_handle(*handle, guard, after);
				return counted.error();
			}
		}
		++count;
		return HandleInfo{.id = handle->id,
				  .number = handle->number,
				  .strong = handle->strong,
				  .weak = handle->weak};
	}
}

Result<Process::HandleInfo> Process::count_handle(u32 number, Strength strength)
{
	const KindGuard<Handles> guard{handles_lock};
	Handle* handle = handles.find(number, guard);
	if (handle == nullptr || (strength == Strength::Strong && handle->strong == 0))
		return EINVAL;
	u32& count = strength == Strength::Strong ? handle->strong : handle->weak;
	if (count == 0) {
		const NestedKindGuard<Inner> owner_guard{handle->node->owner().inner};
		TRY(handle->node->count_handle(owner_guard, nullptr, strength));
	}
	++count;
	return HandleInfo{.id = handle->id, .number = number, .strong = handle->strong, .weak = handle->weak};
}

Result<void> Process::uncount_handle(u32 number, Strength strength)
{
	Box<Handle> gone;
	After after;
	After after_last;
	const KindGuard<Handles> guard{handles_lock};
	Handle* handle = handles.find(number, guard);
	if (handle == nullptr)
		return EINVAL;
	u32& count = strength == Strength::Strong ? handle->strong : handle->weak;
	if (count == 0)
		return EINVAL;
	if (--count == 0 && strength == Strength::Strong) {
		const NestedKindGuard<Inner> owner_guard{handle->node->owner().inner};
		handle->node->uncount_handle(owner_guard, after);
	}
	if (handle->strong == 0 && handle->weak == 0)
		gone = detach_handle(*handle, guard, after_last);
	return {};
}

// --- work ---

CXXRT_HOT task::Wakeup Process::wake_one(const Held<Inner>& held, task::Wakeup::Hint hint)
{
	if (Thread* thread = waiting.pop_front(held))
		return thread->sleeper.wakeup(hint);
	pollers.wake();
	return {};
}

CXXRT_HOT task::Wakeup Process::queue(WorkItem& work, const Held<Inner>& held)
{
	todo.push_back(work, held);
	return wake_one(held);
}

CXXRT_COLD bool Process::accepts_files(const Held<Inner>&)
{
	was_sent_files = true;
	return buffers.are_mapped();
}

CXXRT_HOT void Process::uncount_outstanding(const Held<Inner>&)
{
	if (--outstanding == 0 && is_frozen)
		freeze_waiters.wake_all();
}

namespace {

/// Whether a queued call to who is frozen is of no use any more once `t` is there.
bool is_superseded_by(const Transaction& queued, const Transaction& t)
{
	constexpr u32 kBoth = TransactionData::kOneWay | TransactionData::kUpdate;
	return (queued.flags & t.flags & kBoth) == kBoth && queued.code == t.code && queued.flags == t.flags &&
	       queued.from_group == t.from_group && queued.buffer->target->address == t.buffer->target->address &&
	       queued.buffer->target->cookie == t.buffer->target->cookie;
}

}  // namespace

CXXRT_HOT u32 Process::accept(Transaction& t, Ref<Node>& target, Thread* to, After& after, Box<Transaction>& superseded)
{
	Node& node = *target;
	const bool oneway = t.is_oneway();
	const auto hint = oneway ? task::Wakeup::Hint::None : params::sync_hint();
	const KindGuard<Inner> guard{inner};
	const bool frozen = is_frozen;
	if (frozen) [[unlikely]] {
		sync_received |= !oneway;
		async_received |= oneway;
	}
	if ((frozen && !oneway) || is_dead.load_relaxed() != 0 || node.is_dead || (to != nullptr && to->is_dead))
		[[unlikely]]
		return frozen ? br::kFrozenReply : br::kDeadReply;
	if (!accepts_files_of(t, guard)) [[unlikely]]
		return br::kDeadReply;
	// Who called gave up its count meanwhile, and nobody else has one: the owner's user space may have let it go.
	if (!node.is_strong(guard)) [[unlikely]]
		return br::kFailedReply;
	node.count(Strength::Strong, guard, nullptr).ignore("it is strong already");
	// Only now: what the process holds is given up when it is dead, and not after.
	t.buffer->target = move(target);
	t.buffer->transaction = &t;
	t.is_outstanding = true;
	++outstanding;
	if (oneway && exchange(node.has_async, true)) {
		if (frozen && (t.flags & TransactionData::kUpdate) != 0) {
			WorkItem* old = node.async_todo.find(guard, [&](WorkItem& item) {
				return item.what == WorkItem::What::Transaction &&
				       is_superseded_by(as<Transaction>(item), t);
			});
			if (old != nullptr) {
				auto& dropped = as<Transaction>(*old);
				dropped.hook.unlink(guard);
				dropped.is_outstanding = false;
				uncount_outstanding(guard);
				dropped.buffer->transaction = nullptr;
				superseded = Box<Transaction>::adopt(&dropped);
			}
		}
		node.async_todo.push_back(t, guard);
		return frozen ? br::kPendingFrozen : br::kOk;
	}
	Thread* thread = to != nullptr ? to : waiting.pop_front(guard);
	if (thread != nullptr) {
		after.wakeup = thread->queue(t, guard, hint);
	} else {
		todo.push_back(t, guard);
		pollers.wake();
	}
	return frozen ? br::kPendingFrozen : br::kOk;
}

CXXRT_COLD void Process::release_buffer(Buffer& buffer, Thread* thread, Release why)
{
	{
		const Ref<Node> node = move(buffer.target);
		After after;
		const KindGuard<Inner> guard{inner};
		if (Transaction* t = exchange(buffer.transaction, nullptr))
			t->buffer = nullptr;
		if (node) {
			if (buffer.is_async() && why != Release::Superseded) {
				WorkItem* next = node->async_todo.pop_front(guard);
				if (next == nullptr)
					node->has_async = false;
				else
					after.wakeup = queue(*next, guard);
			}
			node->uncount(Strength::Strong, guard, after);
		}
	}
	if (why == Release::Superseded)
		trace::binder_transaction_update_buffer_release(buffer.id, buffer.data_size(), buffer.offsets_size(),
								buffer.extra_size());
	else
		trace_release(buffer);
	if (buffer.offsets_size() != 0) [[unlikely]]
		release_objects(buffer, buffer.offsets_start() + buffer.offsets_size(), thread, why != Release::Given);
	buffers.give_back(buffer);
}

CXXRT_HOT Result<void> Process::free_buffer(u64 address, Thread& thread)
{
	Buffers::Claimed claimed;
	// Only how many locks it takes depends on it.
	const bool is_in_call = [&]() NO_THREAD_SAFETY_ANALYSIS { return thread.stack != nullptr; }();
	if (is_in_call) {
		After after;
		const KindGuard<Inner> guard{inner};
		TRY(buffers.claim(address, true, claimed));
		if (claimed.transaction != nullptr)
			claimed.transaction->buffer = nullptr;
		if (claimed.node)
			claimed.node->uncount(Strength::Strong, guard, after);
	} else {
		TRY(buffers.claim(address, false, claimed));
	}
	if (claimed.rest != nullptr) [[unlikely]]
		release_buffer(*claimed.rest, &thread, Release::Given);
	return {};
}

CXXRT_COLD void Process::cancel_all(Todo& list)
{
	for (;;) {
		WorkItem* work = nullptr;
		{
			const KindGuard<Inner> guard{inner};
			work = list.pop_front(guard);
		}
		if (work == nullptr)
			return;
		switch (work->what) {
		case WorkItem::What::Transaction:
			cancel(Box<Transaction>::adopt(&as<Transaction>(*work)), br::kDeadReply);
			break;
		case WorkItem::What::Complete:
		case WorkItem::What::CompletePending:
		case WorkItem::What::CompleteSpam:
			Box<Completion>::adopt(&as<Completion>(*work)).reset();
			stats::deleted(Object::TransactionComplete);
			break;
		case WorkItem::What::DeadBinderAndClear:
		case WorkItem::What::ClearDeath:
			Box<Death>::adopt(&as<Death>(*work)).reset();
			stats::deleted(Object::Death);
			break;
		case WorkItem::What::ClearFreeze:
			Box<Freeze>::adopt(&as<Freeze>(*work)).reset();
			stats::deleted(Object::Freeze);
			break;
		// What has an owner goes with that.
		case WorkItem::What::ReturnError:
		case WorkItem::What::Node:
		case WorkItem::What::DeadBinder:
		case WorkItem::What::FrozenBinder:
			break;
		}
	}
}

// --- the end ---

CXXRT_COLD void Process::unmapped()
{
	const KindGuard<Inner> guard{inner};
	// What is queued from here on has no files: see accepts_files_of().
	if (!was_sent_files)
		return;
	const auto close = [&](Todo& list) NO_THREAD_SAFETY_ANALYSIS {
		list.for_each(guard, [](WorkItem& item) {
			if (item.what == WorkItem::What::Transaction)
				as<Transaction>(item).close_files();
		});
	};
	close(todo);
	threads.for_each([&](unsigned long, Thread& thread) { close(thread.todo); });
	nodes_.for_each([&](Node& node) { close(node.async_todo); });
}

CXXRT_COLD void Process::release_node(Node& node)
{
	cancel_all(node.async_todo);
	{
		After after;
		const KindGuard<Watchers> watchers_guard{node.watchers_lock};
		{
			const NestedKindGuard<Inner> guard{inner};
			node.bury(guard);
			dead_nodes_.push_back(node, guard);
		}
		node.watchers.for_each(watchers_guard, [&](Handle& handle) NO_THREAD_SAFETY_ANALYSIS {
			if (!handle.death)
				return;
			const NestedKindGuard<Inner> guard{handle.holder.inner};
			if (!handle.death->hook.is_linked(guard))
				after.wakeup = handle.holder.queue(*handle.death, guard);
		});
	}
	unpin(node);
}

CXXRT_COLD void Process::released()
{
	// Nobody calls any more: the file is closed, and not mapped.
	log_file_ = {};
	context_->driver.mark_released(*this);
	file_ = {};
	context_->forget(*this);
	{
		const KindGuard<Inner> guard{inner};
		is_dead.store_relaxed(1);
		is_frozen = sync_received = async_received = false;
	}
	freeze_waiters.wake_all();
	threads.take_all([](Thread& thread) {
		const Ref<Thread> last = Ref<Thread>::adopt(&thread);
		(void)last->release();
	});
	for (;;) {
		Node* node = nullptr;
		{
			const KindGuard<Inner> guard{inner};
			node = nodes_.first();
			if (node != nullptr) {
				node->pin(guard);
				nodes_.erase(*node);
			}
		}
		if (node == nullptr)
			break;
		release_node(*node);
	}
	for (;;) {
		Box<Handle> gone;
		After after;
		const KindGuard<Handles> guard{handles_lock};
		Handle* handle = handles.first(guard);
		if (handle == nullptr)
			break;
		gone = detach_handle(*handle, guard, after);
	}
	cancel_all(todo);
	cancel_all(delivered_deaths);
	cancel_all(delivered_freezes);
	buffers.abandon();
	Traffic past{};
	{
		const KindGuard<Inner> guard{inner};
		past = past_;
	}
	context_->driver.count_past(past);
	leader_ = {};
	// Its memory may stay: not what user space calls a process.
	stats::deleted(Object::Process);
	note<debug::kOpenClose, "%d is closed">(group);
}

// --- operations of the file ---

CXXRT_HOT Result<Thread*> Process::current_thread()
{
	const int id = task::current_id();
	// Only this thread takes its own out.
	if (Thread* thread = threads.load(u64(id))) [[likely]]
		return thread;
	return new_thread(id);
}

CXXRT_COLD Result<Thread*> Process::new_thread(int id)
{
	auto made = TRY(Ref<Thread>::make(Gfp::Kernel, *this, id));
	TRY(threads.insert_or_get(u64(id), made.get(), Gfp::Kernel));
	return made.leak();
}

namespace {

/// Somebody looks at what user space did wrong; false for a signal.
CXXRT_COLD bool wait_while_stopped()
{
	while (params::stop_on_user_error() >= 2) {
		if (task::signal_is_pending())
			return false;
		sleep_ms(20);
	}
	return true;
}

}  // namespace

CXXRT_HOT long Process::ioctl(chardev::File file, u32 command, UserAddress argument)
{
	if (params::stop_on_user_error() >= 2 && !wait_while_stopped()) [[unlikely]]
		return ERESTARTSYS.to_c();
	trace::binder_ioctl(command, argument.bits());
	auto found = current_thread();
	Result<void> done = EINVAL;
	if (found.ok()) [[likely]] {
		Thread* thread = found.take();
		done = command == request::kWriteRead ? thread->write_read(argument, !file.is_nonblocking())
						      : other_request(thread, command, argument);
		if (thread != nullptr)
			thread->must_return.store_relaxed(0);
	} else {
		done = found.error();
	}
	// Who made the mistake stops, too.
	if (params::stop_on_user_error() >= 2) [[unlikely]]
		(void)wait_while_stopped();
	if (!done.ok() && done.error() != EINTR && params::log_allows())
		log::info<"%d:%d ioctl %x %llx returned %d">(group, task::current_id(), command, argument.bits(),
							     done.to_c());
	trace::binder_ioctl_done(done.to_c());
	return done.to_c();
}

// NOLINTNEXTLINE(readability-function-cognitive-complexity): a case for each kind
CXXRT_COLD Result<void> Process::other_request(Thread*& thread, u32 command, UserAddress argument)
{
	switch (command) {
	case request::kSetMaxThreads: {
		const auto most = argument.read<u32>();
		if (!most.ok())
			return EINVAL;
		const KindGuard<Inner> guard{inner};
		max_threads = Result<u32>{most}.take();
		threads_changed(guard);
		return {};
	}
	case request::kSetContextManager:
		return context_->set_manager(*this, FlatObject{});
	case request::kSetContextManagerExt: {
		auto object = argument.read<FlatObject>();
		if (!object.ok())
			return EINVAL;
		return context_->set_manager(*this, object.take());
	}
	case request::kThreadExit: {
		threads.erase(u64(thread->id));
		const Ref<Thread> last = Ref<Thread>::adopt(exchange(thread, nullptr));
		(void)last->release();
		return {};
	}
	case request::kVersion:
		return argument.write(kProtocolVersion).ok() ? Result<void>{} : Result<void>{EINVAL};
	case request::kGetNodeInfoForRef: {
		auto info = TRY(argument.read<NodeInfoForRef>());
		if (info.strong_count != 0 || info.weak_count != 0 || info.reserved[0] != 0 || info.reserved[1] != 0 ||
		    info.reserved[2] != 0) {
			user_error<"%d asks for a node's counts with more than a handle">(group);
			return EINVAL;
		}
		if (!context_->is_managed_by(*this))
			return EPERM;
		const Ref<Node> node = TRY(node_of(info.handle, Strength::Strong));
		{
			const KindGuard<Inner> guard{node->owner().inner};
			info.strong_count = node->strong_count(guard);
			info.weak_count = node->weak_count(guard);
		}
		return argument.write(info);
	}
	case request::kGetNodeDebugInfo: {
		const auto asked = TRY(argument.read<NodeDebugInfo>());
		return argument.write(node_after(asked.pointer));
	}
	case request::kFreeze:
		return set_frozen(argument);
	case request::kGetFrozenInfo: {
		auto info = TRY(argument.read<FrozenInfo>());
		info.sync_received = info.async_received = 0;
		const bool found = context_->driver.for_each_of(int(info.pid), [&](Process& process) {
			const KindGuard<Inner> guard{process.inner};
			info.sync_received |= u32(process.sync_received) | (u32(process.is_busy(guard)) << 1);
			info.async_received |= u32(process.async_received);
		});
		if (!found)
			return EINVAL;
		return argument.write(info);
	}
	case request::kEnableSpamDetection: {
		const u32 enable = TRY(argument.read<u32>());
		const KindGuard<Inner> guard{inner};
		detects_spam = enable != 0;
		return {};
	}
	case request::kGetExtendedError:
		return argument.write(thread->take_extended_error());
	default:
		return EINVAL;
	}
}

Result<void> Process::mmap(mm::Area area)
{
	if (!leader_.is_current())
		return EINVAL;
	if (area.is_writable())
		return EPERM;
	return buffers.map(area);
}

u32 Process::poll(task::PollQueue::Table table)
{
	auto found = current_thread();
	if (!found.ok())
		return task::PollQueue::kError;
	Thread& thread = *found.take();
	bool process_work = false;
	{
		const KindGuard<Inner> guard{inner};
		thread.looper_bits.store_relaxed(thread.looper_bits.load_relaxed() | looper::kPoll);
		process_work = thread.is_idle(guard);
	}
	pollers.add(table);
	const KindGuard<Inner> guard{inner};
	return thread.has_work(guard, process_work) ? task::PollQueue::kReadable : 0;
}

CXXRT_COLD void Process::flush()
{
	for (unsigned long index = 0;; ++index) {
		task::Wakeup wakeup;
		const KindGuard<Inner> guard{inner};
		// One that is on its way out waits for this lock.
		Thread* thread = threads.find(index);
		if (thread == nullptr)
			return;
		thread->must_return.store_relaxed(1);
		wakeup = thread->sleeper.wakeup();
	}
}

}  // namespace binder
