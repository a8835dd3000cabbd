// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// The memory in which a process receives: a mapping that is cut into buffers, best fit first, whose pages come when they
/// are needed and stay until memory is short.

#include <cxxrt/atomic.hpp>
#include <cxxrt/debugfs.hpp>
#include <cxxrt/mm.hpp>
#include <cxxrt/trace/binder.hpp>
#include <cxxrt/tree.hpp>
#include <cxxrt/user.hpp>

#include "kinds.hpp"

namespace binder {

class Buffers;
class Node;
class Process;
class Transaction;

/// A stretch of the mapping, free or not.
/// Invariant: neighbours are not both free.
class Buffer : Pinned {
public:
	/// Where it begins.   Units: bytes from the mapping's start.
	u64 offset() const { return offset_; }
	u64 data_size() const { return data_size_; }
	u64 offsets_size() const { return offsets_size_; }
	/// Where the offsets of its objects begin.   Units: bytes from its start.
	u64 offsets_start() const { return align8(data_size_); }
	/// Where what objects point at begins.
	u64 extra_start() const { return offsets_start() + align8(offsets_size_); }
	u64 extra_size() const { return extra_size_; }
	bool is_async() const { return is_async_; }
	bool is_spam_suspect() const { return is_spam_suspect_; }
	static constexpr u64 align8(u64 size) { return (size + 7) & ~u64(7); }

	/// User space may give it back from now on: it has been told of it, and all that was to be written to it is.
	void deliver() { may_be_freed_.store_release(1); }

	u32 id = 0;						     ///< that of its transaction
	bool clear_on_free = false;				     ///< written before it is delivered
	Ref<Node> target;					     ///< whose strong count it holds; none for replies
	Transaction* transaction GUARDED_BY(Inner::held) = nullptr;  ///< that is not through yet

private:
	friend class Buffers;
	static u64 size_of(const Buffer& buffer) { return buffer.size_; }

	u64 offset_ = 0, size_ = 0;
	u64 data_size_ = 0, offsets_size_ = 0, extra_size_ = 0;
	bool is_free_ = true, is_async_ = false, is_spam_suspect_ = false;
	int sender_ = 0;
	Atomic<u32> may_be_freed_;
	HeldHook<Memory> by_address_;
	HeldHook<Memory> in_page_;  // of those that begin in a page; of spare ones
	TreeHook by_size_;	    // of free ones
};

/// Tells traces that a buffer goes.
inline void trace_release(const Buffer& buffer)
{
	trace::binder_transaction_buffer_release(buffer.id, buffer.data_size(), buffer.offsets_size(),
						 buffer.extra_size());
}

/// Invariant: the addresses from start() to start() + size() are covered by buffers without a gap.
class Buffers : Pinned {
public:
	explicit Buffers(Process& process) : mapping_(process) {}
	~Buffers() EXCLUDES(atomic_context);

	static constexpr u64 kMost = 4 << 20;

	/// From mmap(): once.   Context: process; sleeps.
	/// Errors: EINVAL another address space than at open; EBUSY mapped already; ENOMEM.
	Result<void> map(mm::Area area) EXCLUDES(atomic_context);

	struct Sizes {
		u64 data, offsets, extra;
	};
	/// A buffer with its pages in place.   Context: process; sleeps.
	/// Errors: ESRCH nothing is mapped (any more); EINVAL the sizes are too much; ENOSPC; ENOMEM.
	Result<Buffer*> allocate(Sizes sizes, bool is_async) EXCLUDES(atomic_context);
	/// What became of a buffer that user space gives back: `rest` is the caller's to give back; if null, it is given back.
	struct Claimed {
		Buffer* rest = nullptr;
		Ref<Node> node;			     ///< that it held
		Transaction* transaction = nullptr;  ///< that had it
	};
	/// Claims the delivered buffer that begins at a user address; nobody else gets it then. One that nothing refers to, and
	/// that holds no objects, is given back at once; with Inner held, so is one of a call, whose transaction is the caller's to tell.
	/// Errors: EPERM not delivered, or being given back; ENOENT.
	Result<void> claim(u64 address, bool holds_inner, Claimed& claimed);
	/// Gives it back. Nothing refers to it any more.
	void give_back(Buffer& buffer);

	/// Where user space has the buffer.
	u64 address_of(const Buffer& buffer) const { return start_ + buffer.offset_; }
	u64 start() const { return start_; }
	/// Whether user space has them, and anybody can read what is in them. Once not, never again; the process is told then.
	bool are_mapped() const { return mapping_.is_attached(); }

	/// Copies to or from a buffer that is not free, at `offset` in it.   Errors: EINVAL that is not inside, or not
	/// aligned to 4; EFAULT.
	Result<void> write(const Buffer& buffer, u64 offset, const void* from, u64 bytes);
	Result<void> read(const Buffer& buffer, u64 offset, void* to, u64 bytes);
	Result<void> write_from_user(const Buffer& buffer, u64 offset, UserAddress from, u64 bytes)
		EXCLUDES(atomic_context);

	/// Pages that nothing needs now.   Context: any.
	u32 idle_pages() const { return idle_pages_.load_relaxed(); }
	/// Gives back at most `most` of them; returns how many.   Context: process, in the middle of any allocation.
	u32 shrink(u64 most);

	/// The process is gone: its buffers hold nothing any more, and nobody gets them back.
	void abandon() EXCLUDES(atomic_context);

	void show_allocated(debugfs::Text& out);
	void show_pages(debugfs::Text& out);
	u64 free_async_space();
	u32 allocated_count();

private:
	struct Slot : Pinned {
		explicit Slot(const Kind<Memory>& lock) : buffers(lock) {}
		Atomic<Page*> page;			 // set while users > 0, or with the lock
		u32 users GUARDED_BY(Memory::held) = 0;	 // buffers that touch it
		HeldList<&Buffer::in_page_> buffers;	 // that begin in it and are not free
	};
	/// What is freed once the lock is gone.
	struct Leftover {
		Box<Buffer> box[2];
		u32 count = 0;
	};
	/// What a user of memory that keeps coming has.
	static constexpr u32 kSpares = 8;

	/// The process's, for traces.
	int group() const;
	Slot& slot_of(u64 offset) const { return slots_[offset >> kPageShift]; }
	Result<void> add_spare() EXCLUDES(atomic_context);
	Buffer* take_spare(const Held<Memory>& held) REQUIRES(Memory::held);
	void put_spare(Buffer& buffer, const Held<Memory>& held, Leftover& leftover) REQUIRES(Memory::held);
	Result<Buffer*> allocate_locked(u64 size, bool is_async, const Held<Memory>& held) REQUIRES(Memory::held);
	bool is_spam_locked(const Held<Memory>& held) REQUIRES(Memory::held);
	void give_back_locked(Buffer& buffer, const Held<Memory>& held, Leftover& leftover) REQUIRES(Memory::held);
	Result<void> install(const Buffer& buffer) EXCLUDES(atomic_context);
	bool is_inside(const Buffer& buffer, u64 offset, u64 bytes) const;
	template <class F> Result<void> for_each_piece(const Buffer& buffer, u64 offset, u64 bytes, F&& f);

	Kind<Memory> lock_;
	mm::Space space_ = mm::Space::current();
	u64 start_ = 0;
	Atomic<u32> taken_;  // mapped, now or before
	Atomic<u64> size_;   // once there are slots
	Array<Slot> slots_;
	HeldList<&Buffer::by_address_> all_{lock_};
	HeldList<&Buffer::in_page_> spares_{lock_};
	Tree<&Buffer::by_size_, &Buffer::size_of> free_ GUARDED_BY(Memory::held);
	u32 spare_count_ GUARDED_BY(Memory::held) = 0;
	u64 free_async_ GUARDED_BY(Memory::held) = 0;
	bool spam_detected_ GUARDED_BY(Memory::held) = false;
	u32 pages_high_ GUARDED_BY(Memory::held) = 0;
	Atomic<u32> idle_pages_;  // written with the lock
	mm::Mapping<Process> mapping_;
};

}  // namespace binder
