// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Single pages, and copying between pages that may not be mapped.
/// C side: include/linux/mm.h, include/linux/highmem.h, helpers/memory.c.

#include <cxxrt/memory.hpp>

namespace cxxrt {

inline constexpr u32 kPageShift = u32(raw::PAGE_SHIFT);
inline constexpr u32 kPageSize = u32(raw::PAGE_SIZE);

/// A page of memory, wherever it came from; never built by C++ code, only referred to.
class Page {
public:
	Page() = delete;
	Page(const Page&) = delete;

	raw::page* unsafe_raw() { return reinterpret_cast<raw::page*>(this); }
	static Page& unsafe_from(raw::page* page) { return *reinterpret_cast<Page*>(page); }
};

/// The only owner of a page.
class [[nodiscard]] PageBox : MoveOnly {
public:
	CXXRT_INLINE PageBox(PageBox&& other) : page_(exchange(other.page_, nullptr)) {}
	CXXRT_INLINE ~PageBox()
	{
		if (page_ != nullptr)
			raw::cxxrt_free_page(page_->unsafe_raw());
	}
	/// A page of zero bytes.   Context: process; may sleep.   Errors: ENOMEM.
	CXXRT_INLINE static Result<PageBox> zeroed(SleepingGfp flags, Node node = {}) EXCLUDES(atomic_context)
	{
		return build(flags.bits(), node);
	}
	/// Context: any; never sleeps.   Errors: ENOMEM.
	CXXRT_INLINE static Result<PageBox> zeroed(AtomicGfp flags, Node node = {})
	{
		return build(flags.bits(), node);
	}

	/// A page with the bytes of another.   As zeroed().
	CXXRT_INLINE static Result<PageBox> copy_of(Page& source, AtomicGfp flags, Node node = {});

	Page& operator*() const { return *page_; }
	[[nodiscard]] Page* leak() { return exchange(page_, nullptr); }
	/// Safety: `page` came from leak(), once.
	static PageBox adopt(Page& page) { return PageBox{&page}; }

private:
	explicit PageBox(Page* page) : page_(page) {}
	CXXRT_INLINE static Result<PageBox> build(u32 flags, Node node, u32 fill = u32(raw::__GFP_ZERO))
	{
		raw::page* page = TRY(from_null(raw::cxxrt_alloc_page(flags | fill, node.id())));
		return PageBox{&Page::unsafe_from(page)};
	}

	Page* page_;
};

/// Pages linked through themselves. It owns them.   Locks: the caller's.
class PageList : Pinned {
public:
	PageList() { head_.next = head_.prev = &head_; }
	~PageList()
	{
		free_all([] {});
	}

	bool is_empty() const { return head_.next == &head_; }
	void push_back(PageBox&& page) { raw::cxxrt_list_add_tail(&page.leak()->unsafe_raw()->lru, &head_); }
	/// Moves everything to the end of `to`.
	void splice_to(PageList& to) { raw::cxxrt_list_splice_tail_init(&head_, &to.head_); }
	/// Frees all; calls `between()` after each.
	template <class F> void free_all(F&& between)
	{
		while (!is_empty()) {
			raw::page& page = owner_of<&raw::page::lru>(*head_.next);
			raw::cxxrt_list_del_init(&page.lru);
			(void)PageBox::adopt(Page::unsafe_from(&page));
			between();
		}
	}

private:
	raw::list_head head_;
};

/// A page mapped for a scope on this CPU.   Context: any; unmap in reverse order.
class [[nodiscard]] LocalMap : Pinned {
public:
	[[nodiscard]] CXXRT_INLINE explicit LocalMap(Page& page)
		: bytes_(static_cast<u8*>(raw::cxxrt_kmap_local_page(page.unsafe_raw())))
	{
	}
	CXXRT_INLINE ~LocalMap() { raw::cxxrt_kunmap_local(bytes_); }
	CXXRT_INLINE u8* bytes() const { return bytes_; }

private:
	u8* bytes_;
};

/// Part of one page: offset + length <= kPageSize.   Units: bytes.
struct Segment {
	Page& page;
	u32 offset;
	u32 length;
};

/// Copies `length` bytes between two pages.   Only for ranges inside both.   Context: any.
CXXRT_INLINE void copy_page_bytes(Page& to, u32 to_offset, Page& from, u32 from_offset, u32 length)
{
	LocalMap target{to};
	LocalMap source{from};
	// What fits whole pages only knows its size and alignment.
	if (length == kPageSize)
		raw::cxxrt_copy_page(target.bytes(), source.bytes());
	else
		raw::memcpy(target.bytes() + to_offset, source.bytes() + from_offset, length);
}

/// The same from or to other memory of the kernel's.
CXXRT_INLINE void copy_to_page(Page& to, u32 offset, const void* from, u32 length)
{
	LocalMap target{to};
	raw::memcpy(target.bytes() + offset, from, length);
}
CXXRT_INLINE void copy_from_page(void* to, Page& from, u32 offset, u32 length)
{
	LocalMap source{from};
	raw::memcpy(to, source.bytes() + offset, length);
}

CXXRT_INLINE void fill_page_bytes(Page& page, u32 offset, u32 length, u8 value)
{
	LocalMap target{page};
	raw::memset(target.bytes() + offset, value, length);
}
CXXRT_INLINE void zero_page_bytes(Page& page, u32 offset, u32 length)
{
	LocalMap target{page};
	if (length == kPageSize)
		raw::cxxrt_clear_page(target.bytes());
	else
		raw::memset(target.bytes() + offset, 0, length);
}

CXXRT_INLINE Result<PageBox> PageBox::copy_of(Page& source, AtomicGfp flags, Node node)
{
	PageBox made = TRY(build(flags.bits(), node, 0));
	copy_page_bytes(*made, 0, source, 0, kPageSize);
	return made;
}

/// For pages that user space may map, before reading and after writing them.
inline void flush_dcache(Page& page) { raw::cxxrt_flush_dcache_page(page.unsafe_raw()); }

}  // namespace cxxrt
