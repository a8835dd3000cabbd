// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// What is counted, for debugfs: on each CPU alone, and added up when somebody asks.

#include <cxxrt/trace/binder.hpp>
#include <cxxrt/atomic.hpp>
#include <cxxrt/debugfs.hpp>
#include <cxxrt/memory.hpp>

#include "uapi.hpp"

namespace binder {

/// What there are objects of.
enum class Object : u8 { Process, Thread, Node, Handle, Death, Transaction, TransactionComplete, Freeze };
inline constexpr u32 kObjects = 8;

/// Commands and returns of one thread, or of all that are gone.
struct Traffic {
	u32 bc[bc::kCount];
	u32 br[br::kCount];

	void count_command(u32 command)
	{
		trace::binder_command(command);
		if (number_of(command) < bc::kCount)
			++bc[number_of(command)];
	}
	void count_return(u32 command)
	{
		trace::binder_return(command);
		if (number_of(command) < br::kCount)
			++br[number_of(command)];
	}
	void add(const Traffic& other)
	{
		for (u32 i = 0; i < bc::kCount; ++i)
			bc[i] += other.bc[i];
		for (u32 i = 0; i < br::kCount; ++i)
			br[i] += other.br[i];
	}
	void show(debugfs::Text& out, const char* prefix) const;
};

namespace stats {
struct Objects {
	u32 created[kObjects];
	u32 deleted[kObjects];
};
/// Context: process; sleeps.   Errors: ENOMEM.
Result<void> begin();
void end();
void created(Object what);
void deleted(Object what);
void show_objects(debugfs::Text& out);
/// A number that nothing else has.
u32 next_id();
/// `count` such numbers in a row, from the one returned.
u32 next_ids(u32 count);
}  // namespace stats

}  // namespace binder
