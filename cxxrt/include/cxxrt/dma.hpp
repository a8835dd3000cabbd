// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Memory that a device reads and writes: coherent arrays of wire structs, pages that it only reads, and streaming
/// maps of a request's data.
/// C side: include/linux/dma-mapping.h, include/linux/dmapool.h, helpers/device.c.   Ordering: docs/ordering.md.

#include <cxxrt/endian.hpp>
#include <cxxrt/memory.hpp>
#include <cxxrt/page.hpp>

namespace cxxrt::dma {

/// Where the device finds something: neither an integer nor a pointer. Given out by maps and allocations.
class Addr {
public:
	constexpr Addr() = default;
	/// The bytes that follow, in the same allocation or map.
	constexpr Addr operator+(u64 bytes) const { return Addr{bits_ + bytes}; }
	/// How far into an aligned block of `size` bytes it is; `size` is a power of two.
	constexpr u32 offset_in(u32 size) const { return u32(bits_ & (size - 1)); }
	/// For a register or a wire struct.
	constexpr le64 wire() const { return bits_; }
	constexpr u64 bits() const { return bits_; }
	constexpr bool is_null() const { return bits_ == 0; }
	friend constexpr bool operator==(Addr, Addr) = default;
	/// Safety: `wire` came from wire(), and the device could not change it since.
	static constexpr Addr unsafe_from(u64 bits) { return Addr{bits}; }

private:
	constexpr explicit Addr(u64 bits) : bits_(bits) {}
	u64 bits_ = 0;
};

enum class Direction : u8 {
	Both = raw::DMA_BIDIRECTIONAL,
	ToDevice = raw::DMA_TO_DEVICE,
	FromDevice = raw::DMA_FROM_DEVICE,
};

/// A device that does DMA: borrowed, one pointer. A bus gives it out.
class Device {
public:
	explicit Device(raw::device* dev) : dev_(dev) {}
	raw::device* unsafe_raw() const { return dev_; }
	/// The node that its memory is best on.
	Node node() const { return Node{raw::cxxrt_dev_to_node(dev_)}; }
	/// Says how many address bits the device has.   Context: process.   Errors: EIO the platform needs more.
	Result<void> set_mask(u32 bits) const
	{
		const u64 mask = bits >= 64 ? ~0ull : (1ull << bits) - 1;
		return from_c(raw::cxxrt_dma_set_mask_and_coherent(dev_, mask));
	}
	/// Maps keep the low bits of an address: `alignment` is a power of two.   Context: process.
	void keep_offset_in(u32 alignment) const { raw::cxxrt_dma_set_min_align_mask(dev_, alignment - 1); }
	/// The longest map there can be.   Units: bytes.
	u64 most_bytes() const { return raw::dma_max_mapping_size(dev_); }
	/// The longest map that is not slower than several.   Units: bytes.
	u64 best_bytes() const { return raw::dma_opt_mapping_size(dev_); }

private:
	raw::device* dev_;
};

/// Orders a read of what the device writes last before reads of the rest. C side: dma_rmb().
CXXRT_INLINE void read_barrier() { raw::cxxrt_dma_rmb(); }
/// Orders writes of what the device reads before the write that gives it to the device, if that is in memory.
CXXRT_INLINE void write_barrier() { raw::cxxrt_dma_wmb(); }

/// Orders writes before reads of what the device writes, where both sides say in memory how far they are, and each must
/// see the other's word or be seen. C side: dma_mb().
CXXRT_INLINE void full_barrier() { raw::cxxrt_dma_mb(); }

template <class T> class Coherent;

/// A word of coherent memory that one side writes and the other looks at, at any time: borrowed.
/// Context: any.   Ordering: none; see the barriers above.
class SharedWord {
public:
	constexpr SharedWord() = default;
	explicit operator bool() const { return word_ != nullptr; }
	CXXRT_INLINE u32 load() const { return u32(raw::cxxrt_read_once_int(reinterpret_cast<const int*>(word_))); }
	CXXRT_INLINE void store(u32 value) const
	{
		raw::cxxrt_write_once_int(reinterpret_cast<int*>(word_), int(value));
	}

	/// Safety: `word` is coherent memory, or there is no device, and it outlives this.
	static constexpr SharedWord unsafe_from(le32* word) { return SharedWord{word}; }

private:
	template <class T> friend class Coherent;
	constexpr explicit SharedWord(le32* word) : word_(word) {}
	le32* word_ = nullptr;
};

/// Elements that the CPU and the device both read and write, as many as a page or more holds.
/// Invariant: the device has been told to stop using it before it goes.
template <class T> class [[nodiscard]] Coherent<T[]> : MoveOnly {
	static_assert(kTriviallyCopyable<T> && sizeof(T) % 8 == 0, "wire structs are plain, in words of 8 bytes");

public:
	Coherent() = default;
	Coherent(Coherent&& other)
		: dev_(other.dev_),
		  items_(exchange(other.items_, nullptr)),
		  count_(exchange(other.count_, 0u)),
		  addr_(other.addr_)
	{
	}
	Coherent& operator=(Coherent&& other)
	{
		if (this != &other) {
			reset();
			dev_ = other.dev_;
			items_ = exchange(other.items_, nullptr);
			count_ = exchange(other.count_, 0u);
			addr_ = other.addr_;
		}
		return *this;
	}
	~Coherent() { reset(); }

	/// `count` zeroed elements, page-aligned for both.   Context: process; sleeps.   Errors: ENOMEM.
	static Result<Coherent> alloc(Device dev, u32 count, SleepingGfp flags) EXCLUDES(atomic_context)
	{
		raw::dma_addr_t addr = 0;
		auto* items = static_cast<T*>(raw::dma_alloc_attrs(dev.unsafe_raw(), sizeof(T) * count, &addr,
								   flags.bits() | u32(raw::__GFP_NOWARN), 0));
		if (items == nullptr)
			return ENOMEM;
		return Coherent{dev.unsafe_raw(), items, count, Addr::unsafe_from(addr)};
	}
	explicit operator bool() const { return items_ != nullptr; }
	u32 size() const { return count_; }
	Addr addr() const { return addr_; }

	/// Only for i < size(). Each word is read once: checks and uses see the same bytes.
	CXXRT_INLINE T load(u32 i) const
	{
		struct Words {
			long all[sizeof(T) / 8];
		} words;
		for (size_t word = 0; word < sizeof(T) / 8; ++word)
			words.all[word] = raw::cxxrt_read_once_long(reinterpret_cast<const long*>(&items_[i]) + word);
		return __builtin_bit_cast(T, words);
	}
	/// One 4-byte member alone, read once.
	CXXRT_INLINE u32 load(u32 i, le32 T::* member) const
	{
		return u32(raw::cxxrt_read_once_int(reinterpret_cast<const int*>(&(items_[i].*member))));
	}
	/// One 8-byte member alone, read once.
	CXXRT_INLINE u64 load(u32 i, le64 T::* member) const
	{
		return u64(raw::cxxrt_read_once_long(reinterpret_cast<const long*>(&(items_[i].*member))));
	}
	/// One of them after the other, for loops that cannot afford to compute where each is: borrowed.
	class Cursor {
	public:
		/// As load() for the one it is at.
		CXXRT_INLINE u32 load(le32 T::* member) const
		{
			return u32(raw::cxxrt_read_once_int(reinterpret_cast<const int*>(&(item_->*member))));
		}
		CXXRT_INLINE u64 load(le64 T::* member) const
		{
			return u64(raw::cxxrt_read_once_long(reinterpret_cast<const long*>(&(item_->*member))));
		}
		/// To the next; only if there is one.
		CXXRT_INLINE void advance() { ++item_; }

	private:
		friend Coherent;
		explicit Cursor(const T* item) : item_(item) {}
		const T* item_;
	};
	/// Only for i < size().
	CXXRT_INLINE Cursor at(u32 i) const { return Cursor{&items_[i]}; }
	/// One 4-byte member, for as long as the array is there.   Only for i < size().
	SharedWord word(u32 i, le32 T::* member) const { return SharedWord{&(items_[i].*member)}; }
	/// Only for i < size(). The device may look at it when it has been told to, by a Doorbell.
	CXXRT_INLINE void store(u32 i, const T& value) { items_[i] = value; }
	/// Zeroes every element.   Locks: no other user, and not the device.
	void clear() { raw::memset(items_, 0, sizeof(T) * count_); }

private:
	Coherent(raw::device* dev, T* items, u32 count, Addr addr)
		: dev_(dev), items_(items), count_(count), addr_(addr)
	{
	}
	void reset()
	{
		if (T* items = exchange(items_, nullptr))
			raw::dma_free_attrs(dev_, sizeof(T) * count_, items, addr_.bits(), 0);
	}

	raw::device* dev_ = nullptr;
	T* items_ = nullptr;
	u32 count_ = 0;
	Addr addr_;
};

/// A page of memory that the device reads and cannot write, if there is an IOMMU: what the CPU stored in it, it finds
/// again. Mapped once, so that a request does not have to.
class [[nodiscard]] OutboundPage : MoveOnly {
public:
	OutboundPage() = default;
	OutboundPage(OutboundPage&& other) : dev_(other.dev_), page_(exchange(other.page_, nullptr)), addr_(other.addr_)
	{
	}
	OutboundPage& operator=(OutboundPage&& other)
	{
		if (this != &other) {
			reset();
			dev_ = other.dev_;
			page_ = exchange(other.page_, nullptr);
			addr_ = other.addr_;
		}
		return *this;
	}
	~OutboundPage() { reset(); }

	/// A page of zeroes.   Context: process; sleeps.   Errors: ENOMEM.
	static Result<OutboundPage> alloc(Device dev, SleepingGfp flags) EXCLUDES(atomic_context)
	{
		return map(dev, TRY(PageBox::zeroed(flags, dev.node())));
	}
	/// Context: any; never sleeps.   Errors: ENOMEM.
	static Result<OutboundPage> alloc(Device dev, AtomicGfp flags)
	{
		return map(dev, TRY(PageBox::zeroed(flags, dev.node())));
	}
	explicit operator bool() const { return page_ != nullptr; }
	Addr addr() const { return addr_; }
	/// The whole page as elements of T.
	template <class T> CXXRT_INLINE T* items() const
	{
		static_assert(kTriviallyCopyable<T> && kPageSize % sizeof(T) == 0);
		return static_cast<T*>(raw::cxxrt_page_address(page_));
	}
	/// The address that was stored in such a page: the device cannot have changed it.
	static Addr stored(le64 wire) { return Addr::unsafe_from(wire.get()); }
	/// What was stored in these bytes is what the device will see.   Units: bytes, inside the page.
	CXXRT_INLINE void publish(u32 offset, u32 length) const
	{
		raw::cxxrt_dma_sync_for_device(dev_, (addr_ + offset).bits(), length, raw::DMA_TO_DEVICE);
	}

private:
	OutboundPage(raw::device* dev, raw::page* page, Addr addr) : dev_(dev), page_(page), addr_(addr) {}
	static Result<OutboundPage> map(Device dev, PageBox&& page)
	{
		const u64 addr = raw::dma_map_page_attrs(dev.unsafe_raw(), (*page).unsafe_raw(), 0, kPageSize,
							 raw::DMA_TO_DEVICE, 0);
		if (raw::cxxrt_dma_mapping_error(dev.unsafe_raw(), addr) != 0)
			return ENOMEM;
		return OutboundPage{dev.unsafe_raw(), page.leak()->unsafe_raw(), Addr::unsafe_from(addr)};
	}
	void reset()
	{
		raw::page* page = exchange(page_, nullptr);
		if (page == nullptr)
			return;
		raw::dma_unmap_page_attrs(dev_, addr_.bits(), kPageSize, raw::DMA_TO_DEVICE, 0);
		raw::cxxrt_free_page(page);
	}

	raw::device* dev_ = nullptr;
	raw::page* page_ = nullptr;
	Addr addr_;
};

/// Blocks of one size, smaller than a page, that the CPU and the device both read and write.
/// Locks: its own, with interrupts off, one for the pool.
template <class T> class Pool : MoveOnly {
public:
	Pool(Pool&& other) : pool_(exchange(other.pool_, nullptr)) {}
	~Pool() { raw::dma_pool_destroy(pool_); }
	/// `name` shows in sysfs and is copied; blocks are aligned to `align` bytes, a power of two, and cross no multiple
	/// of `boundary`, unless that is 0.   Context: process; sleeps.   Errors: ENOMEM.
	static Result<Pool> create(const char* name, Device dev, u32 align, u32 boundary = 0) EXCLUDES(atomic_context)
	{
		auto* pool = TRY(from_null(raw::dma_pool_create(name, dev.unsafe_raw(), sizeof(T), align, boundary)));
		return Pool{pool};
	}

	/// One block, given back with the object.
	class [[nodiscard]] Block : MoveOnly {
	public:
		Block(Block&& other) : pool_(other.pool_), item_(exchange(other.item_, nullptr)), addr_(other.addr_) {}
		~Block()
		{
			if (item_ != nullptr)
				raw::dma_pool_free(pool_, item_, addr_.bits());
		}
		T& operator*() const { return *item_; }
		T* operator->() const { return item_; }
		Addr addr() const { return addr_; }

	private:
		friend Pool;
		Block(raw::dma_pool* pool, T* item, Addr addr) : pool_(pool), item_(item), addr_(addr) {}
		raw::dma_pool* pool_;
		T* item_;
		Addr addr_;
	};
	/// A block of zeroes.   Context: process; sleeps.   Errors: ENOMEM.
	Result<Block> alloc(SleepingGfp flags) EXCLUDES(atomic_context) { return build(flags.bits()); }
	/// Context: any; never sleeps.   Errors: ENOMEM.
	Result<Block> alloc(AtomicGfp flags) { return build(flags.bits()); }

private:
	explicit Pool(raw::dma_pool* pool) : pool_(pool) {}
	Result<Block> build(u32 flags)
	{
		raw::dma_addr_t addr = 0;
		void* item = raw::dma_pool_alloc(pool_, flags | u32(raw::__GFP_ZERO), &addr);
		if (item == nullptr)
			return ENOMEM;
		return Block{pool_, static_cast<T*>(item), Addr::unsafe_from(addr)};
	}
	raw::dma_pool* pool_;
};

/// Gives a piece of memory, which may be several pages in a row, to the device. Undone by unmap() with the same length
/// and direction, once; until then the CPU leaves it alone.   Context: any.
/// Errors: ENOMEM no address, or no bounce buffer, now.
CXXRT_INLINE Result<Addr> map(Device dev, const Segment& piece, Direction direction)
{
	const u64 addr = raw::dma_map_page_attrs(dev.unsafe_raw(), piece.page.unsafe_raw(), piece.offset, piece.length,
						 raw::dma_data_direction(direction), 0);
	if (raw::cxxrt_dma_mapping_error(dev.unsafe_raw(), addr) != 0) [[unlikely]]
		return ENOMEM;
	return Addr::unsafe_from(addr);
}
/// Takes it back.   Context: any.
CXXRT_INLINE void unmap(Device dev, Addr addr, u32 length, Direction direction)
{
	raw::dma_unmap_page_attrs(dev.unsafe_raw(), addr.bits(), length, raw::dma_data_direction(direction), 0);
}

/// Memory of the heap for a few bytes to or from a device, mapped from its beginning until unmap().
class [[nodiscard]] Bounce : MoveOnly {
public:
	Bounce() = default;
	Bounce(Bounce&& other)
		: dev_(other.dev_),
		  memory_(exchange(other.memory_, nullptr)),
		  bytes_(other.bytes_),
		  direction_(other.direction_),
		  addr_(exchange(other.addr_, Addr{}))
	{
	}
	Bounce& operator=(Bounce&& other)
	{
		swap(dev_, other.dev_);
		swap(memory_, other.memory_);
		swap(bytes_, other.bytes_);
		swap(direction_, other.direction_);
		swap(addr_, other.addr_);
		return *this;
	}
	~Bounce()
	{
		unmap();
		raw::kfree(memory_);
	}
	/// `fill(void*)` puts there what goes to the device, and returns a Result<void>.
	/// Context: process; sleeps.   Errors: ENOMEM, also when it is too much; `fill`'s.
	template <class F> static Result<Bounce> make(Device dev, u32 bytes, Direction direction, F&& fill)
		EXCLUDES(atomic_context)
	{
		Bounce made;
		made.memory_ = TRY(from_null(
			raw::cxxrt_kmalloc_node(bytes, u32(raw::GFP_KERNEL | raw::__GFP_ZERO | raw::__GFP_NOWARN),
						dev.node().id())));
		made.bytes_ = bytes;
		if (direction != Direction::FromDevice)
			TRY(fill(made.memory_));
		const Segment piece{.page = Page::unsafe_from(raw::cxxrt_virt_to_page(made.memory_)),
				    .offset = raw::cxxrt_offset_in_page(made.memory_),
				    .length = bytes};
		made.addr_ = TRY(map(dev, piece, direction));
		made.dev_ = dev;
		made.direction_ = direction;
		return made;
	}
	explicit operator bool() const { return memory_ != nullptr; }
	Addr addr() const { return addr_; }
	u32 bytes() const { return bytes_; }
	/// Takes it back from the device, which is there. Again: nothing.   Context: any.
	void unmap()
	{
		if (!addr_.is_null())
			cxxrt::dma::unmap(dev_, exchange(addr_, Addr{}), bytes_, direction_);
	}
	/// Only when not mapped.
	const void* memory() const { return memory_; }

private:
	Device dev_{nullptr};
	void* memory_ = nullptr;
	u32 bytes_ = 0;
	Direction direction_ = Direction::Both;
	Addr addr_;
};

}  // namespace cxxrt::dma
