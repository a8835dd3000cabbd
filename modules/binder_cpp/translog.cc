// SPDX-License-Identifier: GPL-2.0
#include "translog.hpp"

#include <cxxrt/enforce.hpp>

namespace binder {

Result<void> TransactionLog::begin()
{
	auto rings = TRY(PerCpu<Ring>::create());
	rings_ = TRY(Box<PerCpu<Ring>>::make(Gfp::Kernel, move(rings)));
	return {};
}

CXXRT_HOT void TransactionLog::record(const Entry& entry)
{
	rings_->with_local([&](Ring& ring) { ring.entries[ring.next++ % kShown] = entry; });
}

bool TransactionLog::has(const char* context)
{
	bool found = false;
	rings_->for_each([&](const Ring& ring) {
		for (const Entry& entry : ring.entries)
			found = found || entry.context == context;
	});
	return found;
}

// NOLINTNEXTLINE(readability-function-cognitive-complexity): a case for each kind
void TransactionLog::show(debugfs::Text& out)
{
	// The newest, each before the one that is newer.
	auto made = Array<Entry>::make(Gfp::Kernel, cxxrt::Node{}, kShown);
	if (!made.ok())
		return;
	const auto newest = made.take();
	u32 count = 0;
	rings_->for_each([&](const Ring& ring) {
		for (const Entry& entry : ring.entries) {
			if (entry.time_ns == 0)
				continue;
			if (count == kShown && newest[0].time_ns >= entry.time_ns)
				continue;
			if (count == kShown) {
				for (u32 i = 0; i + 1 < count; ++i)
					newest[i] = newest[i + 1];
				--count;
			}
			u32 at = count++;
			for (; at > 0 && newest[at - 1].time_ns > entry.time_ns; --at)
				newest[at] = newest[at - 1];
			newest[at] = entry;
		}
	});
	for (u32 i = 0; i < count; ++i) {
		const Entry& e = newest[i];
		const char* kind = e.kind == u32(Kind::Reply) ? "reply"
				   // NOLINTNEXTLINE(readability-avoid-nested-conditional-operator): a table in words
				   : e.kind == u32(Kind::Async) ? "async"
								: "call ";
		out.print<"%u: %s from %d:%d to %d:%d context %s node %u handle %u size %u:%u ret %u/%d l=%u\n">(
			e.id, kind, e.from_group, e.from_thread, e.to_group, e.to_thread, e.context, e.to_node,
			e.handle, e.data_size, e.offsets_size, e.return_error, e.error, e.line);
	}
}

}  // namespace binder
