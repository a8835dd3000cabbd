// SPDX-License-Identifier: GPL-2.0
#include "buffers.hpp"

#include "params.hpp"
#include "process.hpp"

#include <cxxrt/task.hpp>
#include <cxxrt/trace/binder.hpp>

#include <cxxrt/enforce.hpp>

namespace binder {

namespace {

constexpr u32 kAllocUserError = 1u << 0;

template <Literal Format, class... Args> CXXRT_COLD void alloc_note(Args... args)
{
	if ((params::alloc_debug_mask() & kAllocUserError) != 0 && params::log_allows())
		log::info<Format>(args...);
}

/// All sizes together; 0 if that is too much for a number.
u64 total_size(Buffers::Sizes sizes)
{
	u64 total = Buffer::align8(sizes.data) + Buffer::align8(sizes.offsets);
	if (Buffer::align8(sizes.data) < sizes.data || total < sizes.data ||
	    Buffer::align8(sizes.offsets) < sizes.offsets || total < sizes.offsets)
		return 0;
	const u64 all = total + Buffer::align8(sizes.extra);
	if (all < total || all < sizes.extra)
		return 0;
	// Those without data need addresses of their own, too.
	return max(all, u64(8));
}

}  // namespace

int Buffers::group() const { return mapping_.owner().group; }

CXXRT_COLD Buffers::~Buffers()
{
	for (Slot& slot : slots_) {
		const KindGuard<Memory> guard{lock_};
		while (slot.buffers.pop_front(guard) != nullptr)
			;
	}
	for (;;) {
		Box<Buffer> gone;
		{
			const KindGuard<Memory> guard{lock_};
			Buffer* first = all_.pop_front(guard);
			if (first == nullptr)
				first = spares_.pop_front(guard);
			if (first == nullptr)
				break;
			free_.erase(*first);
			gone = Box<Buffer>::adopt(first);
		}
	}
	for (Slot& slot : slots_) {
		if (Page* page = slot.page.load_relaxed())
			(void)PageBox::adopt(*page);
	}
}

CXXRT_COLD Result<void> Buffers::map(mm::Area area)
{
	if (!space_.is_of(area))
		return EINVAL;
	const u64 size = min(area.size(), kMost);
	if (taken_.swap(1) != 0)
		return EBUSY;
	auto slots = Array<Slot>::make(Gfp::Kernel, cxxrt::Node{}, size >> kPageShift, lock_);
	auto first = Box<Buffer>::make(Gfp::Kernel);
	if (!slots.ok() || !first.ok()) {
		taken_.store_release(0);
		return ENOMEM;
	}
	slots_ = slots.take();
	start_ = area.start();
	{
		const KindGuard<Memory> guard{lock_};
		Buffer& whole = *first.take().leak();
		whole.size_ = size;
		all_.push_back(whole, guard);
		free_.insert(whole);
		free_async_ = size / 2;
	}
	// Pairs with claim_locked(): the slots before their size. Senders see the mapping last.
	size_.store_release(size);
	mapping_.attach(area);
	return {};
}

Buffer* Buffers::take_spare(const Held<Memory>& held)
{
	Buffer* spare = spares_.pop_front(held);
	if (spare != nullptr)
		--spare_count_;
	return spare;
}

void Buffers::put_spare(Buffer& buffer, const Held<Memory>& held, Leftover& leftover)
{
	if (spare_count_ < kSpares) {
		++spare_count_;
		spares_.push_front(buffer, held);
	} else {
		leftover.box[leftover.count++] = Box<Buffer>::adopt(&buffer);
	}
}

bool Buffers::is_spam_locked(const Held<Memory>& held)
{
	const u64 size = size_.load_relaxed();
	if (free_async_ >= size / 10) {
		spam_detected_ = false;
		return false;
	}
	const int sender = task::current_group_id();
	u64 bytes = 0;
	u32 count = 0;
	all_.for_each(held, [&](Buffer& buffer) {
		if (!buffer.is_free_ && buffer.is_async_ && buffer.sender_ == sender) {
			bytes += buffer.size_;
			++count;
		}
	});
	if (count <= 50 && bytes <= size / 4)
		return false;
	alloc_note<"%d spams with oneway calls? it has %u buffers of %llu bytes together">(sender, count, bytes);
	return !exchange(spam_detected_, true);
}

Result<Buffer*> Buffers::allocate_locked(u64 size, bool is_async, const Held<Memory>& held)
{
	if (is_async && free_async_ < size)
		return ENOSPC;
	Buffer* best = free_.lower_bound(size);
	if (best == nullptr)
		return ENOSPC;
	if (best->size_ != size) {
		Buffer* rest = take_spare(held);
		if (rest == nullptr)
			return EAGAIN;
		free_.erase(*best);
		rest->offset_ = best->offset_ + size;
		rest->size_ = best->size_ - size;
		rest->is_free_ = true;
		all_.insert_after(*best, *rest, held);
		free_.insert(*rest);
		best->size_ = size;
	} else {
		free_.erase(*best);
	}
	best->is_free_ = false;
	best->is_async_ = is_async;
	best->is_spam_suspect_ = false;
	best->may_be_freed_.store_relaxed(0);
	best->sender_ = 0;
	slot_of(best->offset_).buffers.push_front(*best, held);
	const u64 last = (best->offset_ + size - 1) >> kPageShift;
	for (u64 i = best->offset_ >> kPageShift; i <= last; ++i) {
		Slot& slot = slots_[i];
		const bool has_page = slot.page.load_relaxed() != nullptr;
		if (slot.users++ == 0 && has_page) {
			trace::binder_alloc_lru_start(group(), i);
			idle_pages_.store_relaxed(idle_pages_.load_relaxed() - 1);
			trace::binder_alloc_lru_end(group(), i);
		}
		if (!has_page && i + 1 > pages_high_)
			pages_high_ = u32(i + 1);
	}
	if (is_async) {
		free_async_ -= size;
		// Of those that were there before, as C counts them.
		best->is_spam_suspect_ = is_spam_locked(held);
	}
	best->sender_ = task::current_group_id();
	return best;
}

CXXRT_HOT Result<Buffer*> Buffers::allocate(Sizes sizes, bool is_async)
{
	if (!mapping_.is_attached())
		return ESRCH;
	const u64 size = total_size(sizes);
	if (size == 0)
		return EINVAL;
	for (;;) {
		auto got = [&] {
			const KindGuard<Memory> guard{lock_};
			return allocate_locked(size, is_async, guard);
		}();
		if (got.ok()) [[likely]] {
			Buffer& buffer = *got.take();
			buffer.data_size_ = sizes.data;
			buffer.offsets_size_ = sizes.offsets;
			buffer.extra_size_ = sizes.extra;
			const auto installed = install(buffer);
			if (!installed.ok()) {
				give_back(buffer);
				return installed.error();
			}
			return &buffer;
		}
		if (got.error() != EAGAIN) {
			if (!is_async)
				alloc_note<"no room for a buffer of %llu bytes">(size);
			return got.error();
		}
		TRY(add_spare());
	}
}

CXXRT_COLD Result<void> Buffers::add_spare()
{
	Box<Buffer> spare = TRY(Box<Buffer>::make(Gfp::Kernel));
	const KindGuard<Memory> guard{lock_};
	++spare_count_;
	spares_.push_front(*spare.leak(), guard);
	return {};
}

CXXRT_HOT Result<void> Buffers::install(const Buffer& buffer)
{
	const u64 last = (buffer.offset_ + buffer.size_ - 1) >> kPageShift;
	u64 i = buffer.offset_ >> kPageShift;
	// Pairs with the store below. Pages that are there stay: the buffer counts as their user.
	while (i <= last && slots_[i].page.load_acquire() != nullptr)
		++i;
	if (i > last) [[likely]]
		return {};
	trace::binder_update_page_range(group(), true, i << kPageShift, (last + 1 - i) << kPageShift);
	const mm::Space::Use use{space_};
	if (!use)
		return ESRCH;
	const mm::WriteLock lock{use};
	for (; i <= last; ++i) {
		Slot& slot = slots_[i];
		// Somebody else may have been faster: the address space's lock is between us.
		if (slot.page.load_acquire() != nullptr)
			continue;
		if (!mapping_.is_attached())
			return ESRCH;
		trace::binder_alloc_page_start(group(), i);
		PageBox page = TRY(PageBox::zeroed(Gfp::Kernel));
		TRY(mapping_.insert(lock, start_ + (i << kPageShift), *page));
		// The page's bytes before the page.
		slot.page.store_release(page.leak());
		trace::binder_alloc_page_end(group(), i);
	}
	return {};
}

CXXRT_HOT Result<void> Buffers::claim(u64 address, bool holds_inner, Claimed& claimed)
{
	const u64 offset = address - start_;
	if (offset >= size_.load_acquire())
		return ENOENT;
	Leftover leftover;
	// With or without Inner around it.
	const NestedKindGuard<Memory> guard{lock_};
	Buffer* found = slot_of(offset).buffers.find(guard, [&](Buffer& buffer) { return buffer.offset_ == offset; });
	if (found == nullptr)
		return ENOENT;
	// Pairs with deliver().
	if (found->may_be_freed_.load_acquire() == 0)
		return EPERM;
	found->may_be_freed_.store_relaxed(0);
	// A reply's has no node, and once it is delivered no transaction.
	if (found->offsets_size_ != 0 || found->clear_on_free || (found->target && (!holds_inner || found->is_async_)))
		[[unlikely]] {
		claimed.rest = found;
		return {};
	}
	claimed.node = move(found->target);
	if (holds_inner)
		claimed.transaction = [&]() NO_THREAD_SAFETY_ANALYSIS {
			return exchange(found->transaction, nullptr);
		}();
	trace_release(*found);
	give_back_locked(*found, guard, leftover);
	return {};
}

void Buffers::give_back_locked(Buffer& buffer, const Held<Memory>& held, Leftover& leftover)
{
	if (buffer.is_async_)
		free_async_ += buffer.size_;
	const u64 last = (buffer.offset_ + buffer.size_ - 1) >> kPageShift;
	for (u64 i = buffer.offset_ >> kPageShift; i <= last; ++i) {
		Slot& slot = slots_[i];
		if (--slot.users == 0 && slot.page.load_relaxed() != nullptr) {
			trace::binder_free_lru_start(group(), i);
			idle_pages_.store_relaxed(idle_pages_.load_relaxed() + 1);
			trace::binder_free_lru_end(group(), i);
		}
	}
	buffer.in_page_.unlink(held);
	buffer.is_free_ = true;
	Buffer* into = &buffer;
	if (Buffer* next = all_.next(buffer, held); next != nullptr && next->is_free_) {
		free_.erase(*next);
		next->by_address_.unlink(held);
		buffer.size_ += next->size_;
		put_spare(*next, held, leftover);
	}
	if (Buffer* previous = all_.previous(buffer, held); previous != nullptr && previous->is_free_) {
		free_.erase(*previous);
		buffer.by_address_.unlink(held);
		previous->size_ += buffer.size_;
		put_spare(buffer, held, leftover);
		into = previous;
	}
	free_.insert(*into);
}

CXXRT_COLD void Buffers::give_back(Buffer& buffer)
{
	if (exchange(buffer.clear_on_free, false)) {
		const auto cleared = for_each_piece(buffer, 0, buffer.size_, [](Page& page, u32 at, u32 length) {
			zero_page_bytes(page, at, length);
			return Result<void>{};
		});
		cleared.ignore("pages that never came hold nothing");
	}
	Leftover leftover;
	const KindGuard<Memory> guard{lock_};
	give_back_locked(buffer, guard, leftover);
}

bool Buffers::is_inside(const Buffer& buffer, u64 offset, u64 bytes) const
{
	return bytes <= buffer.size_ && offset <= buffer.size_ - bytes && offset % 4 == 0;
}

// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): in the order of C
template <class F> CXXRT_INLINE Result<void> Buffers::for_each_piece(const Buffer& buffer, u64 offset, u64 bytes, F&& f)
{
	u64 at = buffer.offset_ + offset;
	while (bytes != 0) {
		const u32 in_page = u32(at & (kPageSize - 1));
		const u32 length = u32(min(bytes, u64(kPageSize - in_page)));
		Page* page = slot_of(at).page.load_relaxed();
		if (page == nullptr)
			return EINVAL;
		TRY(f(*page, in_page, length));
		at += length;
		bytes -= length;
	}
	return {};
}

CXXRT_HOT Result<void> Buffers::write(const Buffer& buffer, u64 offset, const void* from, u64 bytes)
{
	if (!is_inside(buffer, offset, bytes))
		return EINVAL;
	const u8* source = static_cast<const u8*>(from);
	return for_each_piece(buffer, offset, bytes, [&](Page& page, u32 at, u32 length) {
		copy_to_page(page, at, source, length);
		source += length;
		return Result<void>{};
	});
}

CXXRT_HOT Result<void> Buffers::read(const Buffer& buffer, u64 offset, void* to, u64 bytes)
{
	if (!is_inside(buffer, offset, bytes))
		return EINVAL;
	u8* target = static_cast<u8*>(to);
	return for_each_piece(buffer, offset, bytes, [&](Page& page, u32 at, u32 length) {
		copy_from_page(target, page, at, length);
		target += length;
		return Result<void>{};
	});
}

CXXRT_HOT Result<void> Buffers::write_from_user(const Buffer& buffer, u64 offset, UserAddress from, u64 bytes)
{
	if (!is_inside(buffer, offset, bytes))
		return EINVAL;
	return for_each_piece(buffer, offset, bytes, [&](Page& page, u32 at, u32 length) {
		const LocalMap map{page};
		const auto copied = from.read_bytes(map.bytes() + at, length);
		from = from + length;
		return copied;
	});
}

CXXRT_COLD u32 Buffers::shrink(u64 most)
{
	if (idle_pages() == 0)
		return 0;
	const mm::Space::Use use{space_};
	if (!use)
		return 0;
	const mm::TryReadLock reading{use};
	if (!reading)
		return 0;
	u32 freed = 0;
	for (u64 i = 0; i < slots_.size() && freed < most; ++i) {
		Slot& slot = slots_[i];
		const u64 address = start_ + (i << kPageShift);
		Page* page = nullptr;
		mm::Reach reach = mm::Reach::Gone;
		{
			TryKindGuard<Memory> guard{lock_};
			if (!guard)
				return freed;
			const bool is_idle = [&]() NO_THREAD_SAFETY_ANALYSIS { return slot.users == 0; }();
			page = slot.page.load_relaxed();
			if (page == nullptr || !is_idle)
				continue;
			reach = mapping_.reach(reading, address);
			if (reach == mm::Reach::NotOurs)
				continue;
			slot.page.store_relaxed(nullptr);
			idle_pages_.store_relaxed(idle_pages_.load_relaxed() - 1);
		}
		if (reach == mm::Reach::Mapped) {
			trace::binder_unmap_user_start(group(), i);
			mapping_.zap(reading, address, kPageSize);
			trace::binder_unmap_user_end(group(), i);
		}
		trace::binder_unmap_kernel_start(group(), i);
		(void)PageBox::adopt(*page);
		trace::binder_unmap_kernel_end(group(), i);
		++freed;
	}
	return freed;
}

CXXRT_COLD void Buffers::abandon()
{
	for (;;) {
		Ref<Node> target;
		const KindGuard<Memory> guard{lock_};
		Buffer* found = all_.find(guard, [](Buffer& buffer) { return bool(buffer.target); });
		if (found == nullptr)
			return;
		target = move(found->target);
	}
}

CXXRT_COLD void Buffers::show_allocated(debugfs::Text& out)
{
	const KindGuard<Memory> guard{lock_};
	all_.for_each(guard, [&](Buffer& buffer) {
		if (buffer.is_free_)
			return;
		const bool is_delivered = [&]() NO_THREAD_SAFETY_ANALYSIS { return buffer.transaction == nullptr; }();
		out.print<"  buffer %u: %llx size %llu:%llu:%llu %s\n">(buffer.id, buffer.offset_, buffer.data_size_,
									buffer.offsets_size_, buffer.extra_size_,
									is_delivered ? "delivered" : "active");
	});
}

CXXRT_COLD void Buffers::show_pages(debugfs::Text& out)
{
	u32 active = 0;
	u32 idle = 0;
	u32 missing = 0;
	u32 high = 0;
	{
		const KindGuard<Memory> guard{lock_};
		high = pages_high_;
		if (mapping_.is_attached()) {
			for (Slot& slot : slots_) {
				if (slot.page.load_relaxed() == nullptr)
					++missing;
				else if (slot.users == 0)
					++idle;
				else
					++active;
			}
		}
	}
	out.print<"  pages: %u:%u:%u\n  pages high watermark: %u\n">(active, idle, missing, high);
}

u64 Buffers::free_async_space()
{
	const KindGuard<Memory> guard{lock_};
	return free_async_;
}

u32 Buffers::allocated_count()
{
	u32 count = 0;
	const KindGuard<Memory> guard{lock_};
	all_.for_each(guard, [&](Buffer& buffer) { count += buffer.is_free_ ? 0 : 1; });
	return count;
}

}  // namespace binder
