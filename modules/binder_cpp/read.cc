// SPDX-License-Identifier: GPL-2.0
/// \file
/// What a thread is told: it waits for work, and turns it into returns.
#include "driver.hpp"
#include "params.hpp"
#include "process.hpp"
#include "thread.hpp"

#include <cxxrt/enforce.hpp>

namespace binder {

/// Returns that are put together before they go to user space at once.
struct Thread::Batch {
	static constexpr u32 kSize = 256;
	u8 bytes[kSize];
	u32 length = 0;
	bool ends = false;     ///< nothing more in this read
	bool spawn = false;    ///< user space is to start another thread
	bool counted = false;  ///< spawn was decided
	bool missing_page = false;

	bool has_room() const { return length + br::kLongest + (4 * (4 + sizeof(PointerCookie))) <= kSize; }
	void put(u32 value)
	{
		__builtin_memcpy(bytes + length, &value, sizeof(value));
		length += sizeof(value);
	}
	void put64(u64 value)
	{
		__builtin_memcpy(bytes + length, &value, sizeof(value));
		length += sizeof(value);
	}
	/// All of it to user space.   Errors: EFAULT.
	Result<void> flush(UserAddress buffer, u64& at)
	{
		if (length == 0)
			return {};
		TRY(buffer.operator+(at).write_bytes(bytes, length));
		at += length;
		length = 0;
		return {};
	}
};

bool Thread::has_work(const Held<Inner>& held, bool process_work) const
{
	return process_todo || has_own_completion() || must_return.load_relaxed() != 0 ||
	       (process_work && !process_->todo.is_empty(held));
}

void set_nice(int value)
{
	if (value == task::nice::current())
		return;
	if (task::nice::is_allowed(value)) {
		task::nice::set_current(value);
		return;
	}
	const int best = task::nice::best_by_limit();
	note<debug::kPriorityCap, "%d: nice value %d is not allowed, %d is">(task::current_id(), value, best);
	if (best <= task::nice::kMost) {
		task::nice::set_current(best);
		return;
	}
	task::nice::set_current(task::nice::kMost);
	user_error<"%d: RLIMIT_NICE is not set">(task::current_id());
}

CXXRT_INLINE void Thread::prepare_to_wait(bool process_work, const Held<Inner>& held)
{
	sleeper.prepare();
	if (process_work)
		process_->waiting.push_front(*this, held);
}

CXXRT_HOT void Thread::spawn_and_leftovers(const Held<Inner>& held, After& after, Batch& batch)
{
	Process& p = *process_;
	if (batch.counted)
		return;
	batch.counted = true;
	if (p.requested == 0 && p.waiting.is_empty(held) && p.started < p.max_threads &&
	    (looper_bits.load_relaxed() & (looper::kRegistered | looper::kEntered)) != 0) {
		++p.requested;
		p.threads_changed(held);
		batch.spawn = true;
	}
	if (!p.todo.is_empty(held))
		after.wakeup = p.wake_one(held);
}

// NOLINTNEXTLINE(readability-function-cognitive-complexity): a case for each kind
CXXRT_HOT Transaction* Thread::take_work(Batch& batch, bool process_work, u64 room, const Held<Inner>& held,
					 After& after)
{
	Process& p = *process_;
	for (;;) {
		// NOLINTNEXTLINE(readability-avoid-nested-conditional-operator): a table in words
		Todo* list = !todo.is_empty(held) ? &todo : process_work && !p.todo.is_empty(held) ? &p.todo : nullptr;
		if (list == nullptr)
			return nullptr;
		if (room < batch.length + br::kLongest) {
			batch.ends = true;
			return nullptr;
		}
		if (!batch.has_room() || after.node)
			return nullptr;
		WorkItem& work = *list->pop_front(held);
		if (todo.is_empty(held))
			process_todo = false;
		u32 told = 0;
		switch (work.what) {
		case WorkItem::What::Transaction: {
			auto& t = as<Transaction>(work);
			if (t.needs_reply) {
				t.to_parent = stack;
				t.to_thread = Ref<Thread>::to(*this);
				stack = &t;
			} else {
				// Through, as soon as it is delivered: nothing refers to it any more.
				if (exchange(t.is_outstanding, false))
					p.uncount_outstanding(held);
				t.buffer->transaction = nullptr;
			}
			return &t;
		}
		case WorkItem::What::ReturnError: {
			auto& error = as<ReturnError>(work);
			told = exchange(error.command, br::kOk);
			batch.put(told);
			break;
		}
		case WorkItem::What::Complete:
		case WorkItem::What::CompletePending:
		case WorkItem::What::CompleteSpam:
			told = work.what == WorkItem::What::CompleteSpam && p.detects_spam ? br::kSpamSuspect
			       // NOLINTNEXTLINE(readability-avoid-nested-conditional-operator): a table in words
			       : work.what == WorkItem::What::CompletePending ? br::kPendingFrozen
									      : br::kTransactionComplete;
			keep(Box<Completion>::adopt(&as<Completion>(work)));
			batch.put(told);
			break;
		case WorkItem::What::Node: {
			auto& node = as<Node>(work);
			const u64 address = node.address;
			const u64 cookie = node.cookie;
			u32 commands[4];
			const u32 count = node.report(commands, held, after);
			for (u32 i = 0; i < count; ++i) {
				batch.put(commands[i]);
				batch.put64(address);
				batch.put64(cookie);
				traffic.count_return(commands[i]);
			}
			continue;
		}
		case WorkItem::What::DeadBinder:
		case WorkItem::What::DeadBinderAndClear: {
			auto& death = as<Death>(work);
			told = br::kDeadBinder;
			batch.put(told);
			batch.put64(death.cookie);
			p.delivered_deaths.push_back(death, held);
			batch.ends = true;
			break;
		}
		case WorkItem::What::ClearDeath: {
			const Box<Death> death = Box<Death>::adopt(&as<Death>(work));
			stats::deleted(Object::Death);
			told = br::kClearDeathDone;
			batch.put(told);
			batch.put64(death->cookie);
			break;
		}
		case WorkItem::What::FrozenBinder: {
			auto& freeze = as<Freeze>(work);
			told = br::kFrozenBinder;
			batch.put(told);
			batch.put64(freeze.cookie);
			batch.put(freeze.is_frozen ? 1 : 0);
			batch.put(0);
			freeze.is_sent = true;
			p.delivered_freezes.push_back(freeze, held);
			batch.ends = true;
			break;
		}
		case WorkItem::What::ClearFreeze: {
			const Box<Freeze> freeze = Box<Freeze>::adopt(&as<Freeze>(work));
			stats::deleted(Object::Freeze);
			told = br::kClearFreezeDone;
			batch.put(told);
			batch.put64(freeze->cookie);
			break;
		}
		}
		traffic.count_return(told);
		if (batch.ends)
			return nullptr;
	}
}

CXXRT_HOT bool Thread::is_settled() const
{
	return (looper_bits.load_relaxed() & (looper::kRegistered | looper::kEntered)) != 0 &&
	       task::nice::current() == process_->default_nice;
}

CXXRT_COLD bool Thread::waits_for_any() const
{
	const u32 bits = looper_bits.load_relaxed();
	const bool in_no_call = [&]() NO_THREAD_SAFETY_ANALYSIS { return stack == nullptr; }();
	return in_no_call && (bits & (looper::kRegistered | looper::kEntered)) != 0 && (bits & looper::kPoll) == 0 &&
	       must_return.load_relaxed() == 0;
}

CXXRT_HOT bool Thread::take_own_completion(Batch& batch, u64 room)
{
	Process& p = *process_;
	Box<Completion> own = Box<Completion>::adopt(own_completion_.load_relaxed());
	own_completion_.store_relaxed(nullptr);
	const bool may_spawn = p.may_ask_for_thread.load_relaxed() != 0 && p.waiting.seems_empty();
	if (room >= br::kLongest && !may_spawn && todo.seems_empty() && p.todo.seems_empty() &&
	    !trace::binder_wait_for_work_enabled()) [[likely]] {
		keep(move(own));
		batch.put(br::kTransactionComplete);
		traffic.count_return(br::kTransactionComplete);
		return true;
	}
	list_completion(move(own), true);
	return false;
}

// NOLINTNEXTLINE(readability-function-cognitive-complexity): a case for each kind
CXXRT_HOT Result<void> Thread::read(UserAddress buffer, u64 size, u64& consumed, bool may_wait)
{
	Process& p = *process_;
	u64 at = consumed;
	const UserAddress start = buffer + 0;
	if (at == 0) {
		TRY(start.write(br::kNoop));
		at += 4;
	}
	Batch batch;
	if (has_own_completion() && take_own_completion(batch, size > at ? size - at : 0) &&
	    !(params::coalesces_completions() && may_wait && waits_for_any())) [[likely]] {
		TRY(batch.flush(buffer, at));
		consumed = at;
		return {};
	}
	bool process_work = false;
	// What was there is handed out at once: only a read that has nothing yet waits.
	for (bool first_pass = true;; first_pass = false) {
		const u64 room = size > at ? size - at : 0;
		Transaction* taken = nullptr;
		bool must_wait = false;
		bool waits = false;
		bool gone = false;
		bool with_process_work = false;
		{
			After after;
			const KindGuard<Inner> guard{p.inner};
			// Decided once for each wait: what was taken since does not matter.
			process_work = stack == nullptr && todo.is_empty(guard);
			with_process_work = process_work;
			if (first_pass && trace::binder_wait_for_work_enabled()) [[unlikely]]
				trace::binder_wait_for_work(process_work, stack != nullptr, !todo.is_empty(guard));
			if (!has_work(guard, process_work)) {
				must_wait = true;
				// Where nothing is to be done before, the lock is not needed again for it.
				waits = may_wait && (first_pass || at == 4) && (!process_work || is_settled());
				if (waits)
					prepare_to_wait(process_work, guard);
			} else {
				taken = take_work(batch, process_work, room, guard, after);
				gone = bool(after.node);
				if (taken != nullptr || batch.ends || batch.length != 0 || at != 4 ||
				    must_return.load_relaxed() != 0)
					spawn_and_leftovers(guard, after, batch);
			}
		}
		if (with_process_work && !waits) {
			if ((looper_bits.load_relaxed() & (looper::kRegistered | looper::kEntered)) == 0)
				user_error<"%d:%d waits for work of the process, and is no looper (state %x)">(
					p.group, id, looper_bits.load_relaxed());
			set_nice(p.default_nice);
		}
		if (must_wait && !first_pass && at != 4)
			break;
		if (must_wait) {
			if (!may_wait) {
				After after;
				const KindGuard<Inner> guard{p.inner};
				batch.counted = false;
				if (!p.todo.is_empty(guard))
					after.wakeup = p.wake_one(guard);
				return EAGAIN;
			}
			// Only this thread changes its bits but for kPoll, which is set once.
			bool interrupted = false;
			for (bool first = !waits;; first = false) {
				if (!first)
					task::Sleeper::sleep();
				After after;
				const KindGuard<Inner> guard{p.inner};
				if (!first) {
					waiting_hook.unlink(guard);
					if (task::signal_is_pending()) {
						sleeper.end();
						interrupted = true;
						if (!p.todo.is_empty(guard))
							after.wakeup = p.wake_one(guard);
						break;
					}
				}
				if (has_work(guard, process_work)) {
					sleeper.end();
					taken = take_work(batch, process_work, room, guard, after);
					gone = bool(after.node);
					if (taken != nullptr || batch.ends || batch.length != 0 || at != 4 ||
					    must_return.load_relaxed() != 0)
						spawn_and_leftovers(guard, after, batch);
					break;
				}
				prepare_to_wait(process_work, guard);
			}
			if (interrupted && batch.length == 0)
				return EINTR;
		}
		if (taken != nullptr) {
			bool delivered = false;
			TRY(deliver(Box<Transaction>::adopt(taken), buffer, at, batch, delivered));
			if (!delivered)
				continue;
			break;
		}
		TRY(batch.flush(buffer, at));
		if (batch.ends)
			break;
		// A node was freed, or the batch was full: there may be more.
		if (gone)
			continue;
		if (at == 4 && must_return.load_relaxed() == 0)
			continue;
		break;
	}
	consumed = at;
	if (batch.spawn) {
		TRY(start.write(br::kSpawnLooper));
		traffic.count_return(br::kSpawnLooper);
	}
	return {};
}

namespace {

/// Reserves a number for each file, and writes it into the buffer.   Errors: ENOMEM no number; ESRCH closed on the way; EINVAL.
Result<void> place_files(Process& process, Transaction& transaction)
{
	for (FileFixup* fixup = transaction.files.get(); fixup != nullptr; fixup = fixup->next.get()) {
		if (!fixup->file.is_held())
			return ESRCH;
		auto reserved = file::Descriptor::reserve();
		if (!reserved.ok())
			return ENOMEM;
		fixup->descriptor = reserved.take();
		const u32 number = fixup->descriptor.number();
		TRY(process.buffers.write(*transaction.buffer, fixup->offset, &number, sizeof(number)));
	}
	for (FileFixup* fixup = transaction.files.get(); fixup != nullptr; fixup = fixup->next.get()) {
		trace::binder_transaction_fd_recv(transaction.id, int(fixup->descriptor.number()), fixup->offset);
		fixup->descriptor.install(move(fixup->file));
	}
	transaction.drop_files();
	return {};
}

}  // namespace

// NOLINTNEXTLINE(readability-function-cognitive-complexity): a case for each kind
CXXRT_HOT Result<void> Thread::deliver(Box<Transaction>&& transaction, UserAddress user, u64& at, Batch& batch,
				       bool& delivered)
{
	Box<Transaction> t = move(transaction);
	Process& p = *process_;
	const bool is_call = t->needs_reply;
	// Not given back before it was delivered, so that it stays.
	Buffer& buffer = *t->buffer;
	TransactionDataSg out{};
	TransactionData& data = out.data;
	const Node* node = buffer.target.get();
	u32 command = br::kReply;
	if (node != nullptr) {
		command = br::kTransaction;
		data.target = node->address;
		data.cookie = node->cookie;
		t->saved_nice = task::nice::current();
		if (t->nice < node->min_nice && !t->is_oneway())
			set_nice(t->nice);
		else if (!t->is_oneway() || t->saved_nice > node->min_nice)
			set_nice(node->min_nice);
		if (t->real_time == Transaction::RealTime::Lent && node->inherits_rt) [[unlikely]]
			t->take_real_time();
	}
	data.code = t->code;
	data.flags = t->flags;
	data.sender_euid = t->sender.seen_by_current();
	const bool has_sender = t->from && [&]() NO_THREAD_SAFETY_ANALYSIS { return !t->from_is_gone; }();
	data.sender_pid = has_sender ? t->from->process().group_id.seen_by_current() : 0;
	Result<void> done = t->files ? place_files(p, *t) : Result<void>{};
	const bool files_failed = !done.ok();
	if (!files_failed) {
		data.data_size = buffer.data_size();
		data.offsets_size = buffer.offsets_size();
		data.buffer = p.buffers.address_of(buffer);
		data.offsets = data.buffer + buffer.offsets_start();
		out.buffers_size = t->security_context;
		u32 bytes = sizeof(data);
		if (t->security_context != 0) {
			command = br::kTransactionSecCtx;
			bytes = sizeof(out);
		}
		batch.put(command);
		__builtin_memcpy(batch.bytes + batch.length, &out, bytes);
		batch.length += bytes;
		done = batch.flush(user, at);
	}
	if (!is_call)
		t->buffer = nullptr;
	if (!done.ok()) [[unlikely]] {
		t->return_real_time();
		if (is_call) {
			const KindGuard<Inner> guard{p.inner};
			stack = t->to_parent;
		}
		const u32 failed_id = t->id;
		cancel(move(t), br::kFailedReply);
		p.release_buffer(buffer, this, Process::Release::Undelivered);
		if (!files_failed)
			return EFAULT;
		note<debug::kFailedTransaction, "%d:%d transaction %u: its files cannot be had">(p.group, id,
												 failed_id);
		TRY(batch.flush(user, at));
		if (command == br::kReply) {
			batch.put(br::kFailedReply);
			traffic.count_return(br::kFailedReply);
			TRY(batch.flush(user, at));
			delivered = true;
		}
		return {};
	}
	trace::binder_transaction_received(t->id);
	traffic.count_return(command);
	delivered = true;
	if (is_call) {
		buffer.deliver();
		// It is on the stack, until the reply.
		(void)t.leak();
		return {};
	}
	finish(move(t), this);
	buffer.deliver();
	return {};
}

CXXRT_HOT Result<void> Thread::write_read(UserAddress argument, bool may_wait)
{
	WriteRead bwr = TRY(argument.read<WriteRead>());
	if (bwr.write_size > 0) {
		const auto written = write(UserAddress{bwr.write_buffer}, bwr.write_size, bwr.write_consumed);
		trace::binder_write_done(written.to_c());
		if (!written.ok()) {
			bwr.read_consumed = 0;
			TRY(argument.write(bwr));
			return written;
		}
	}
	if (bwr.read_size > 0) {
		looper_bits.store_relaxed(looper_bits.load_relaxed() | looper::kWaiting);
		const auto got = read(UserAddress{bwr.read_buffer}, bwr.read_size, bwr.read_consumed, may_wait);
		looper_bits.store_relaxed(looper_bits.load_relaxed() & ~looper::kWaiting);
		trace::binder_read_done(got.to_c());
		if (!got.ok()) {
			TRY(argument.write(bwr));
			return got;
		}
	}
	return argument.write(bwr);
}

}  // namespace binder
