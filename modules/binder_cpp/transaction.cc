// SPDX-License-Identifier: GPL-2.0
#include "transaction.hpp"

#include "params.hpp"
#include "process.hpp"
#include "stats.hpp"
#include "thread.hpp"

#include <cxxrt/enforce.hpp>

namespace binder {

Transaction::Transaction() : WorkItem(What::Transaction) {}

Transaction::~Transaction() { drop_files(); }

CXXRT_COLD void Transaction::drop_files()
{
	// One after the other: a chain of them would be a chain of destructors.
	while (files) {
		Box<FileFixup> next = move(files->next);
		files = move(next);
	}
}

void Transaction::close_files()
{
	for (FileFixup* fixup = files.get(); fixup != nullptr; fixup = fixup->next.get())
		fixup->file.close();
}

CXXRT_COLD void Transaction::lend_real_time()
{
	scheduling = task::Scheduling::current();
	if (scheduling.is_real_time())
		real_time = RealTime::Lent;
}

CXXRT_COLD void Transaction::take_real_time()
{
	const task::Scheduling own = task::Scheduling::current();
	const task::Scheduling lent = scheduling.as_permitted();
	// Whose own is as good keeps it, deadlines are better than either.
	if (lent.priority() == 0 || own.priority() >= lent.priority() || own.has_deadline() || !lent.set_current())
		return;
	scheduling = own;
	real_time = RealTime::Taken;
}

CXXRT_COLD void Transaction::end_real_time()
{
	real_time = RealTime::None;
	// Back to less: nothing that can be refused.
	(void)scheduling.set_current();
}

CXXRT_HOT void Transaction::clear()
{
	if (files) [[unlikely]]
		drop_files();
	from = {};
	to = {};
	to_thread = {};
	security_context = 0;
	needs_reply = from_is_gone = is_outstanding = false;
	real_time = RealTime::None;
	from_parent = to_parent = nullptr;
	buffer = nullptr;
	saved_nice = 0;
}

namespace {

CXXRT_COLD void trace_end(const Transaction& t)
{
	const int to_thread = [&]() NO_THREAD_SAFETY_ANALYSIS { return t.to_thread ? t.to_thread->id : 0; }();
	trace::binder_txn_latency_free({.debug_id = int(t.id),
					.from_proc = t.from_group,
					.from_thread = t.from_thread,
					.to_proc = t.to ? t.to->group : 0,
					.to_thread = to_thread,
					.code = t.code,
					.flags = t.flags});
}

}  // namespace

CXXRT_HOT void finish(Box<Transaction>&& transaction, Thread* cache)
{
	Box<Transaction> gone = move(transaction);
	if (trace::binder_txn_latency_free_enabled()) [[unlikely]]
		trace_end(*gone);
	// Only while something refers to it; nobody else changes that back.
	if (gone->is_outstanding || gone->buffer != nullptr) {
		const KindGuard<Inner> guard{gone->to->inner};
		if (exchange(gone->is_outstanding, false))
			gone->to->uncount_outstanding(guard);
		if (Buffer* buffer = exchange(gone->buffer, nullptr))
			buffer->transaction = nullptr;
	}
	stats::deleted(Object::Transaction);
	if (cache != nullptr)
		cache->keep(move(gone));
}

CXXRT_COLD void fail_reply(Box<Transaction>&& transaction, u32 error)
{
	Box<Transaction> next = move(transaction);
	while (next) {
		Box<Transaction> failed = exchange(next, Box<Transaction>{});
		const Ref<Thread> from_ref = failed->from ? failed->from.clone() : Ref<Thread>{};
		if (!from_ref) {
			finish(move(failed), nullptr);
			return;
		}
		Thread& from = *from_ref;
		After after;
		Transaction* above = nullptr;
		bool told = false;
		{
			const KindGuard<Inner> guard{from.process().inner};
			above = failed->from_parent;
			if (!failed->from_is_gone) {
				told = true;
				from.stack = above;
				failed->from_is_gone = true;
				if (from.reply_error.command == br::kOk) {
					from.reply_error.command = error;
					after.wakeup = from.queue(from.reply_error, guard);
				} else {
					note<debug::kFailedTransaction,
					     "thread %d has a failure to be told already: %x">(
						from.id, from.reply_error.command);
				}
			}
		}
		if (!told && above != nullptr) {
			note<debug::kDeadBinder, "nobody waits for reply %u: its caller's caller gets the failure">(
				failed->id);
			next = Box<Transaction>::adopt(above);
		}
		// Its own end.
		finish(move(failed), nullptr);
		if (told)
			return;
	}
}

void cancel(Box<Transaction>&& transaction, u32 error)
{
	if (transaction->needs_reply && !transaction->is_oneway()) {
		fail_reply(move(transaction), error);
		return;
	}
	note<debug::kDeadTransaction, "transaction %u is not delivered">(transaction->id);
	finish(move(transaction), nullptr);
}

}  // namespace binder
