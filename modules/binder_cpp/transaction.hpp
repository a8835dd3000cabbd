// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// One call or reply on its way.
///
/// Somebody owns a transaction at any time: who builds it; then the list that it waits in; then, for a call that is to be
/// answered, the stack of the thread that took it, until the reply. The caller's stack only refers to it. When the thread
/// that is to have the reply is gone, the transaction that its caller waits for is found by `from_parent`.

#include <cxxrt/file.hpp>

#include "buffers.hpp"
#include "node.hpp"

namespace binder {

class Thread;

/// A file on its way to a descriptor, whose number is written into the buffer when the receiver reads.
struct FileFixup : Pinned {
	FileFixup(file::Open&& file, u64 offset) : file(move(file)), offset(offset) {}
	file::Open file;  ///< none: closed on the way
	u64 offset;	  ///< in the buffer
	file::Descriptor descriptor;
	Box<FileFixup> next;
};

class Transaction : public WorkItem {
public:
	Transaction();
	~Transaction();

	bool is_oneway() const { return (flags & TransactionData::kOneWay) != 0; }
	/// Back to as if it were new, for its next use. Nothing refers to it.
	void clear();
	/// The caller, who runs, lends its priority, if that is of real time.   Context: process.
	void lend_real_time();
	/// Who serves it, and runs, takes that as far as it may; and has its own again.   Context: process; no lock held.
	void take_real_time() EXCLUDES(atomic_context);
	CXXRT_INLINE void return_real_time() EXCLUDES(atomic_context)
	{
		if (real_time == RealTime::Taken) [[unlikely]]
			end_real_time();
	}
	/// Closes what was not delivered.   Context: process.
	void drop_files();
	/// Closes them, and has it fail when it is read.   Context: any.
	void close_files();

	u32 id = 0;
	u32 code = 0, flags = 0;
	int nice = 0;
	task::UserId sender;
	int from_group = 0, from_thread = 0;  ///< for debugfs, after they are gone
	u64 start_ns = 0;
	u64 security_context = 0;  ///< its address for the receiver, or 0
	bool needs_reply = false;
	/// Whether who serves it is to run with the caller's real-time priority, and does.
	enum class RealTime : u8 { None, Lent, Taken };
	RealTime real_time = RealTime::None;
	task::Scheduling scheduling;  ///< the caller's; once that was taken, the server's own
	Box<FileFixup> files;

	Ref<Thread> from;  ///< waits for the reply; none for replies and oneway calls
	Ref<Process> to;

	// Guarded by the Inner lock of from's process.
	bool from_is_gone = false;	     ///< does not wait any more
	Transaction* from_parent = nullptr;  ///< what was on from's stack
	// Guarded by that of `to`.
	bool is_outstanding = false;	   ///< counts there
	Ref<Thread> to_thread;		   ///< that took it
	Transaction* to_parent = nullptr;  ///< what was on to_thread's stack
	Buffer* buffer = nullptr;	   ///< until it is given back
	int saved_nice = 0;		   ///< of to_thread, which is the only one to look

private:
	void end_real_time() EXCLUDES(atomic_context);
};

/// Owns a transaction of which nothing is queued yet, or any more; it detaches the buffer, and what counts.
/// Context: process; the Inner lock of its receiver is free.
void finish(Box<Transaction>&& transaction, Thread* cache);
/// The caller gets `error` instead of a reply, or, if it is gone, the one that waits for the caller.
void fail_reply(Box<Transaction>&& transaction, u32 error);
/// What was not delivered is undone: who waits for it gets `error`.
void cancel(Box<Transaction>&& transaction, u32 error);

}  // namespace binder
