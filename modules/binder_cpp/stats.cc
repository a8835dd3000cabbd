// SPDX-License-Identifier: GPL-2.0
#include "stats.hpp"

#include <cxxrt/enforce.hpp>

namespace binder {

namespace {

constexpr const char* kReturns[] = {
	"BR_ERROR",
	"BR_OK",
	"BR_TRANSACTION",
	"BR_REPLY",
	"BR_ACQUIRE_RESULT",
	"BR_DEAD_REPLY",
	"BR_TRANSACTION_COMPLETE",
	"BR_INCREFS",
	"BR_ACQUIRE",
	"BR_RELEASE",
	"BR_DECREFS",
	"BR_ATTEMPT_ACQUIRE",
	"BR_NOOP",
	"BR_SPAWN_LOOPER",
	"BR_FINISHED",
	"BR_DEAD_BINDER",
	"BR_CLEAR_DEATH_NOTIFICATION_DONE",
	"BR_FAILED_REPLY",
	"BR_FROZEN_REPLY",
	"BR_ONEWAY_SPAM_SUSPECT",
	"BR_TRANSACTION_PENDING_FROZEN",
	"BR_FROZEN_BINDER",
	"BR_CLEAR_FREEZE_NOTIFICATION_DONE",
};
constexpr const char* kCommands[] = {
	"BC_TRANSACTION",
	"BC_REPLY",
	"BC_ACQUIRE_RESULT",
	"BC_FREE_BUFFER",
	"BC_INCREFS",
	"BC_ACQUIRE",
	"BC_RELEASE",
	"BC_DECREFS",
	"BC_INCREFS_DONE",
	"BC_ACQUIRE_DONE",
	"BC_ATTEMPT_ACQUIRE",
	"BC_REGISTER_LOOPER",
	"BC_ENTER_LOOPER",
	"BC_EXIT_LOOPER",
	"BC_REQUEST_DEATH_NOTIFICATION",
	"BC_CLEAR_DEATH_NOTIFICATION",
	"BC_DEAD_BINDER_DONE",
	"BC_TRANSACTION_SG",
	"BC_REPLY_SG",
	"BC_REQUEST_FREEZE_NOTIFICATION",
	"BC_CLEAR_FREEZE_NOTIFICATION",
	"BC_FREEZE_NOTIFICATION_DONE",
};
constexpr const char* kObjectNames[kObjects] = {
	"proc", "thread", "node", "ref", "death", "transaction", "transaction_complete", "freeze",
};

constinit Optional<PerCpu<stats::Objects>*> objects;
constinit Atomic<u32> last_id;

}  // namespace

void Traffic::show(debugfs::Text& out, const char* prefix) const
{
	for (u32 i = 0; i < bc::kCount; ++i) {
		if (bc[i] != 0)
			out.print<"%s%s: %u\n">(prefix, kCommands[i], bc[i]);
	}
	for (u32 i = 0; i < br::kCount; ++i) {
		if (br[i] != 0)
			out.print<"%s%s: %u\n">(prefix, kReturns[i], br[i]);
	}
}

Result<void> stats::begin()
{
	auto made = TRY(PerCpu<Objects>::create());
	auto box = TRY(Box<PerCpu<Objects>>::make(Gfp::Kernel, move(made)));
	objects = box.leak();
	return {};
}

void stats::end() { Box<PerCpu<Objects>>::adopt(*objects).reset(); }

void stats::created(Object what) { (*objects)->add_at<&Objects::created>(size_t(what)); }
void stats::deleted(Object what) { (*objects)->add_at<&Objects::deleted>(size_t(what)); }

void stats::show_objects(debugfs::Text& out)
{
	Objects all{};
	(*objects)->for_each([&](const Objects& one) {
		for (u32 i = 0; i < kObjects; ++i) {
			all.created[i] += one.created[i];
			all.deleted[i] += one.deleted[i];
		}
	});
	for (u32 i = 0; i < kObjects; ++i) {
		if (all.created[i] != 0 || all.deleted[i] != 0)
			out.print<"%s: active %d total %u\n">(kObjectNames[i], int(all.created[i] - all.deleted[i]),
							      all.created[i]);
	}
}

u32 stats::next_id() { return last_id.fetch_add_relaxed(1) + 1; }
CXXRT_COLD u32 stats::next_ids(u32 count) { return last_id.fetch_add_relaxed(count) + 1; }

}  // namespace binder
