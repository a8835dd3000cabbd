// SPDX-License-Identifier: GPL-2.0
/// \file
/// What debugfs shows: the same fields in the same order as the C driver's of the same kernel.
#include "driver.hpp"

#include <cxxrt/enforce.hpp>

namespace binder {

namespace {

void show_transaction(debugfs::Text& out, const Process& process, const char* prefix,
		      const Transaction& t) NO_THREAD_SAFETY_ANALYSIS
{
	// Numbers say as much as addresses, and tell nothing of the kernel.
	out.print<"%s %u: %u from %d:%d to %d:%d code %x flags %x pri %d r%d">(
		prefix, t.id, t.id, kSince6_12 || !t.from_is_gone ? t.from_group : 0,
		kSince6_12 || !t.from_is_gone ? t.from_thread : 0, t.is_outstanding ? t.to->group : 0,
		t.to_thread ? t.to_thread->id : 0, t.code, t.flags, t.nice, t.needs_reply ? 1 : 0);
	if constexpr (kSince6_12)
		out.print<" elapsed %llums">((now_ns() - t.start_ns) / 1000000);
	if (&process != t.to.get()) {
		out.print<"\n">();
		return;
	}
	const Buffer* buffer = t.buffer;
	if (buffer == nullptr) {
		out.print<" buffer free\n">();
		return;
	}
	if (buffer->target)
		out.print<" node %u">(buffer->target->id);
	out.print<" size %llu:%llu offset %llx\n">(buffer->data_size(), buffer->offsets_size(), buffer->offset());
}

// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): in the order of C
void show_work(debugfs::Text& out, const Process& process, const char* prefix, const char* transaction_prefix,
	       const WorkItem& work)
{
	using What = WorkItem::What;
	switch (work.what) {
	case What::Transaction:
		show_transaction(out, process, transaction_prefix, as<const Transaction>(work));
		break;
	case What::ReturnError:
		out.print<"%stransaction error: %u\n">(prefix, as<const ReturnError>(work).command);
		break;
	case What::Complete:
		out.print<"%stransaction complete\n">(prefix);
		break;
	case What::CompletePending:
	case What::CompleteSpam:
		out.print<"%sunknown work: type %d\n">(prefix, work.what == What::CompletePending ? 3 : 4);
		break;
	case What::Node: {
		const auto& node = as<const Node>(work);
		out.print<"%snode work %u: u%016llx c%016llx\n">(prefix, node.id, node.address, node.cookie);
		break;
	}
	case What::DeadBinder:
		out.print<"%shas dead binder\n">(prefix);
		break;
	case What::DeadBinderAndClear:
		out.print<"%shas cleared dead binder\n">(prefix);
		break;
	case What::ClearDeath:
		out.print<"%shas cleared death notification\n">(prefix);
		break;
	case What::FrozenBinder:
		out.print<"%shas frozen binder\n">(prefix);
		break;
	case What::ClearFreeze:
		out.print<"%shas cleared freeze notification\n">(prefix);
		break;
	}
}

void show_thread(debugfs::Text& out, const Process& process, Thread& thread, bool all, const Held<Inner>& held)
	REQUIRES(Inner::held)
{
	const size_t start = out.size();
	out.print<"  thread %d: l %02x need_return %u tr %d\n">(thread.id, thread.looper_bits.load_relaxed(),
								thread.must_return.load_relaxed(), 0);
	const size_t header = out.size();
	for (const Transaction* t = thread.stack; t != nullptr;) {
		if (t->from.get() == &thread) {
			show_transaction(out, process, "    outgoing transaction", *t);
			t = t->from_parent;
		} else {
			show_transaction(out, process, "    incoming transaction", *t);
			t = t->to_parent;
		}
	}
	if (thread.has_own_completion())
		out.print<"    transaction complete\n">();
	thread.todo.for_each(held,
			     [&](WorkItem& work) { show_work(out, process, "    ", "    pending transaction", work); });
	if (!all && out.size() == header)
		out.cut(start);
}

void show_node(debugfs::Text& out, Node& node)
{
	const KindGuard<Watchers> watchers_guard{node.watchers_lock};
	const NestedKindGuard<Inner> guard{node.owner().inner};
	const Node::Counts counts = node.counts(guard);
	out.print<"  node %u: u%016llx c%016llx hs %d hw %d ls %u lw %u is %u iw %u tr %u">(
		node.id, node.address, node.cookie, int(counts.has_strong), int(counts.has_weak), counts.local_strong,
		counts.local_weak, counts.strong_by_handles, counts.handles, counts.pins);
	if (counts.handles != 0) {
		out.print<" proc">();
		node.watchers.for_each(watchers_guard, [&](Handle& handle) { out.print<" %d">(handle.holder.group); });
	}
	out.print<"\n">();
	node.async_todo.for_each(guard, [&](WorkItem& work) {
		show_work(out, node.owner(), "    ", "    pending async transaction", work);
	});
}

}  // namespace

void Process::show(debugfs::Text& out, bool all)
{
	const size_t start = out.size();
	out.print<"proc %d\ncontext %s\n">(group, context_->name);
	const size_t header = out.size();
	{
		const KindGuard<Inner> guard{inner};
		threads.for_each([&](unsigned long, Thread& thread)
					 NO_THREAD_SAFETY_ANALYSIS { show_thread(out, *this, thread, all, guard); });
	}
	u64 next = 0;
	for (;;) {
		Node* node = nullptr;
		bool wanted = false;
		{
			const KindGuard<Inner> guard{inner};
			node = nodes_.lower_bound(next);
			if (node != nullptr) {
				node->pin(guard);
				wanted = all || node->has_async;
			}
		}
		if (node == nullptr)
			break;
		if (wanted)
			show_node(out, *node);
		const u64 address = node->address;
		unpin(*node);
		if (address == ~u64(0))
			break;
		next = address + 1;
	}
	if (all) {
		const KindGuard<Handles> guard{handles_lock};
		handles.for_each(guard, [&](Handle& handle) NO_THREAD_SAFETY_ANALYSIS {
			out.print<"  ref %u: desc %u %snode %u s %u w %u d %u\n">(handle.id, handle.number,
										  handle.node->is_dead ? "dead " : "",
										  handle.node->id, handle.strong,
										  handle.weak, handle.death ? 1u : 0u);
		});
	}
	buffers.show_allocated(out);
	{
		const KindGuard<Inner> guard{inner};
		todo.for_each(guard,
			      [&](WorkItem& work) { show_work(out, *this, "  ", "  pending transaction", work); });
		if (!delivered_deaths.is_empty(guard))
			out.print<"  has delivered dead binder\n">();
		if (!delivered_freezes.is_empty(guard))
			out.print<"  has delivered freeze binder\n">();
	}
	if (!all && out.size() == header)
		out.cut(start);
}

void Process::show_stats(debugfs::Text& out)
{
	out.print<"proc %d\ncontext %s\n">(group, context_->name);
	Traffic all{};
	u32 thread_count = 0;
	u32 ready = 0;
	u32 node_count = 0;
	u32 pending = 0;
	{
		const KindGuard<Inner> guard{inner};
		all = past_;
		threads.for_each([&](unsigned long, Thread& thread) {
			++thread_count;
			all.add(thread.traffic);
		});
		waiting.for_each(guard, [&](Thread&) { ++ready; });
		nodes_.for_each([&](Node&) { ++node_count; });
		todo.for_each(guard,
			      [&](WorkItem& work) { pending += work.what == WorkItem::What::Transaction ? 1 : 0; });
		out.print<"  threads: %u\n  requested threads: %u+%u/%u\n">(thread_count, requested, started,
									    max_threads);
	}
	out.print<"  ready threads %u\n  free async space %llu\n  nodes: %u\n">(ready, buffers.free_async_space(),
										node_count);
	u32 count = 0;
	u32 strong = 0;
	u32 weak = 0;
	{
		const KindGuard<Handles> guard{handles_lock};
		handles.for_each(guard, [&](Handle& handle) NO_THREAD_SAFETY_ANALYSIS {
			++count;
			strong += handle.strong;
			weak += handle.weak;
		});
	}
	out.print<"  refs: %u s %u w %u\n  buffers: %u\n">(count, strong, weak, buffers.allocated_count());
	buffers.show_pages(out);
	out.print<"  pending transactions: %u\n">(pending);
	all.show(out, "  ");
}

void Process::show_dead(debugfs::Text& out, bool& any)
{
	// Whoever holds the list's lock keeps it: nodes that are looked at are pinned.
	Node* node = nullptr;
	{
		const KindGuard<Inner> guard{inner};
		node = dead_nodes_.front(guard);
		if (node != nullptr)
			node->pin(guard);
	}
	while (node != nullptr) {
		if (!exchange(any, true))
			out.print<"dead nodes:\n">();
		show_node(out, *node);
		Node* next = nullptr;
		{
			const KindGuard<Inner> guard{inner};
			next = dead_nodes_.next(*node, guard);
			if (next != nullptr)
				next->pin(guard);
		}
		unpin(*node);
		node = next;
	}
}

void Driver::show_state(debugfs::Text& out)
{
	out.print<"binder state:\n">();
	// Those that are gone, and still known by others: the last look at one may be its end, for which the lock has to be free.
	bool any_dead = false;
	for (u32 which = 0;; ++which) {
		Ref<Process> gone;
		u32 at = 0;
		bool found = false;
		{
			const Guard guard{lock_};
			for (Process& process : processes_) {
				if (process.is_released && at++ == which) {
					gone = Ref<Process>::try_to(process);
					found = true;
				}
			}
		}
		if (!found)
			break;
		if (gone)
			gone->show_dead(out, any_dead);
	}
	const Guard guard{lock_};
	for (Process& process : processes_) {
		if (!process.is_released)
			process.show(out, true);
	}
}

void Driver::show_stats(debugfs::Text& out)
{
	out.print<"binder stats:\n">();
	const Guard guard{lock_};
	Traffic all = past_;
	for (Process& process : processes_) {
		if (process.is_released)
			continue;
		const KindGuard<Inner> inner_guard{process.inner};
		all.add(process.past_);
		process.threads.for_each([&](unsigned long, Thread& thread) { all.add(thread.traffic); });
	}
	all.show(out, "");
	stats::show_objects(out);
	for (Process& process : processes_) {
		if (!process.is_released)
			process.show_stats(out);
	}
}

void Driver::show_transactions(debugfs::Text& out)
{
	out.print<"binder transactions:\n">();
	const Guard guard{lock_};
	for (Process& process : processes_) {
		if (!process.is_released)
			process.show(out, false);
	}
}

void Driver::show_group(debugfs::Text& out, int group)
{
	const Guard guard{lock_};
	for (Process& one : processes_) {
		if (one.is_released || one.group != group)
			continue;
		out.print<"binder proc state:\n">();
		one.show(out, true);
	}
}

void Driver::show(debugfs::Text& out, u32 file)
{
	switch (File(min(file, kGroup))) {
	case File::State:
		show_state(out);
		break;
	case File::Stats:
		show_stats(out);
		break;
	case File::Transactions:
		show_transactions(out);
		break;
	case File::Log:
	case File::FailedLog: {
		// Names of contexts stay meanwhile.
		const Guard guard{lock_};
		(File(file) == File::Log ? log : failed_log).show(out);
		break;
	}
	case File::Group:
		show_group(out, int(file - kGroup));
		break;
	}
}

}  // namespace binder
