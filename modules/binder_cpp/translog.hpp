// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// The last calls and replies, for debugfs: each CPU keeps its own, and the newest of all are shown.

#include <cxxrt/debugfs.hpp>
#include <cxxrt/memory.hpp>

namespace binder {

using namespace cxxrt;

class TransactionLog : Pinned {
public:
	enum class Kind : u8 { Call, Async, Reply };
	struct Entry {
		u64 time_ns;
		const char* context;
		u32 id;
		u32 kind;
		int from_group, from_thread, to_group, to_thread;
		u32 to_node, handle, data_size, offsets_size, return_error;
		int error;
		u32 line;
	};
	static constexpr u32 kShown = 32;

	/// Context: process; sleeps.   Errors: ENOMEM.
	Result<void> begin();
	/// Context: process; never sleeps.
	void record(const Entry& entry);
	void show(debugfs::Text& out);
	/// Whether an entry has the context of this very name.
	bool has(const char* context);

private:
	struct Ring {
		u32 next;
		Entry entries[kShown];
	};
	Box<PerCpu<Ring>> rings_;
};

}  // namespace binder
