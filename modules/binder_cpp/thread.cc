// SPDX-License-Identifier: GPL-2.0
#include "thread.hpp"

#include "driver.hpp"
#include "params.hpp"
#include "process.hpp"

#include <cxxrt/enforce.hpp>

namespace binder {

Thread::Thread(Process& process, int id)
	: id(id), todo(process.inner), must_return(1), process_(Ref<Process>::to(process))
{
	stats::created(Object::Thread);
}

Thread::~Thread() { stats::deleted(Object::Thread); }

CXXRT_HOT task::Wakeup Thread::queue(WorkItem& work, const Held<Inner>& held, task::Wakeup::Hint hint)
{
	todo.push_back(work, held);
	process_todo = true;
	waiting_hook.unlink(held);
	if ((looper_bits.load_relaxed() & looper::kPoll) != 0)
		process_->pollers.wake();
	return sleeper.wakeup(hint);
}

CXXRT_HOT void Thread::queue_own(Box<Completion>&& completion)
{
	if (!has_own_completion() && todo.seems_empty()) [[likely]]
		own_completion_.store_relaxed(completion.leak());
	else
		list_completion(move(completion), false);
}

CXXRT_COLD void Thread::list_completion(Box<Completion>&& completion, bool first)
{
	const KindGuard<Inner> guard{process_->inner};
	process_todo = true;
	if (first)
		todo.push_front(*completion.leak(), guard);
	else
		todo.push_back(*completion.leak(), guard);
}

CXXRT_HOT void Thread::queue_deferred(WorkItem& work, const Held<Inner>& held) { todo.push_back(work, held); }

void Thread::set_return_error(u32 command, const Held<Inner>& held)
{
	return_error_.command = command;
	// This thread runs, and is its own waker.
	const task::Wakeup own = queue(return_error_, held);
}

ExtendedError Thread::take_extended_error()
{
	const KindGuard<Inner> guard{process_->inner};
	return exchange(extended_error, ExtendedError{.id = 0, .command = br::kOk, .error = 0});
}

namespace {

/// Apart, for where there is a spare one.
template <class T> CXXRT_COLD Result<Box<T>> make_fresh() { return Box<T>::make(Gfp::Kernel); }

}  // namespace

CXXRT_HOT u32 Thread::next_id()
{
	// Fetched some at a time, so that threads do not wait for each other's counting.
	if (ids_left_ == 0) [[unlikely]] {
		ids_left_ = 32;
		next_id_ = stats::next_ids(ids_left_);
	}
	--ids_left_;
	return next_id_++;
}

CXXRT_HOT Result<Box<Transaction>> Thread::new_transaction()
{
	Box<Transaction> made;
	for (Box<Transaction>& spare : spare_transactions_) {
		if (spare) {
			made = move(spare);
			break;
		}
	}
	if (!made) [[unlikely]]
		made = TRY(make_fresh<Transaction>());
	stats::created(Object::Transaction);
	return made;
}

CXXRT_HOT void Thread::keep(Box<Transaction>&& spare)
{
	for (Box<Transaction>& place : spare_transactions_) {
		if (!place) {
			spare->clear();
			place = move(spare);
			return;
		}
	}
	const Box<Transaction> gone = move(spare);
}

CXXRT_HOT Result<Box<Completion>> Thread::new_completion()
{
	Box<Completion> made;
	for (Box<Completion>& spare : spare_completions_) {
		if (spare) {
			made = move(spare);
			break;
		}
	}
	if (!made) [[unlikely]]
		made = TRY(make_fresh<Completion>());
	made->what = WorkItem::What::Complete;
	stats::created(Object::TransactionComplete);
	return made;
}

CXXRT_HOT void Thread::keep(Box<Completion>&& spare)
{
	stats::deleted(Object::TransactionComplete);
	for (Box<Completion>& place : spare_completions_) {
		if (!place) {
			place = move(spare);
			return;
		}
	}
	const Box<Completion> gone = move(spare);
}

CXXRT_COLD u32 Thread::release()
{
	Process& p = *process_;
	Box<Transaction> unanswered;
	u32 active = 0;
	task::Scheduling former;
	bool has_taken = false;
	{
		const KindGuard<Inner> guard{p.inner};
		is_dead = true;
		waiting_hook.unlink(guard);
		bool top = true;
		for (Transaction* t = exchange(stack, nullptr); t != nullptr; top = false) {
			++active;
			// Taken by this thread, or sent by it: never both.
			if (t->from.get() != this) {
				if (exchange(t->is_outstanding, false))
					p.uncount_outstanding(guard);
				if (Buffer* buffer = exchange(t->buffer, nullptr))
					buffer->transaction = nullptr;
				// The outermost has what was before all.
				if (t->real_time == Transaction::RealTime::Taken) {
					former = t->scheduling;
					has_taken = true;
				}
				if (top)
					unanswered = Box<Transaction>::adopt(t);
				t = t->to_parent;
			} else {
				t->from_is_gone = true;
				t = t->from_parent;
			}
		}
		p.count_past(traffic, guard);
	}
	// The thread's own doing, or that of who closed the file, who is another.
	if (has_taken && id == task::current_id())
		(void)former.set_current();
	if (unanswered)
		fail_reply(move(unanswered), br::kDeadReply);
	if (Completion* own = own_completion_.swap(nullptr)) {
		Box<Completion>::adopt(own).reset();
		stats::deleted(Object::TransactionComplete);
	}
	p.cancel_all(todo);
	return active;
}

}  // namespace binder
