// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Memory with explicit flags and one owner: Box, Array, slab caches, per-CPU values, and counted
/// references (Ref, ARef). There is no bare `new`.
/// C side: include/linux/slab.h, include/linux/percpu.h, include/linux/refcount.h, helpers/memory.c.

#include <cxxrt/annotations.hpp>
#include <cxxrt/error.hpp>
#include <cxxrt/lockcontext.hpp>

namespace cxxrt {

/// A NUMA node, or any.
class Node {
public:
	constexpr Node() = default;
	constexpr explicit Node(int id) : id_(id) {}
	constexpr int id() const { return id_; }

private:
	int id_ = int(raw::NUMA_NO_NODE);
};

/// Allocation flags that may sleep: GFP_KERNEL, GFP_NOIO.
class SleepingGfp {
public:
	constexpr explicit SleepingGfp(unsigned long bits) : bits_(u32(bits)) {}
	constexpr u32 bits() const { return bits_; }

private:
	u32 bits_;
};

/// Allocation flags that never sleep: GFP_ATOMIC, GFP_NOWAIT.
class AtomicGfp {
public:
	constexpr explicit AtomicGfp(unsigned long bits) : bits_(u32(bits)) {}
	constexpr u32 bits() const { return bits_; }

private:
	u32 bits_;
};

/// The kernel's allocation flags by name. The two kinds are types, so that clang's thread-safety
/// analysis refuses a sleeping allocation under a spinlock.
struct Gfp {
	static constexpr SleepingGfp Kernel{raw::GFP_KERNEL};  ///< may sleep, start I/O, enter file systems
	static constexpr SleepingGfp NoIo{raw::GFP_NOIO};    ///< may sleep, starts no I/O: for block drivers' I/O paths
	static constexpr AtomicGfp Atomic{raw::GFP_ATOMIC};  ///< never sleeps, may use reserves
	static constexpr AtomicGfp NoWait{raw::GFP_NOWAIT | raw::__GFP_NOWARN};	 ///< never sleeps, fails quietly
};

namespace detail {
inline void* allocate(size_t bytes, u32 flags, Node node) { return raw::cxxrt_kmalloc_node(bytes, flags, node.id()); }
inline void release(const void* memory) { raw::kfree(memory); }

/// Of one object.   Units: bytes.
struct Layout {
	size_t size, align;
};

/// The size to ask for, so that the memory is aligned as objects of this layout need. kmalloc promises its minimal
/// alignment for any size, and alignment to its own size for a power of two; from a page on, to the page.
constexpr size_t aligned_size(size_t bytes, size_t align)
{
	if (align <= raw::ARCH_KMALLOC_MINALIGN || bytes >= raw::PAGE_SIZE)
		return bytes;
	size_t power = raw::ARCH_KMALLOC_MINALIGN;
	while (power < bytes)
		power *= 2;
	return power;
}
template <class T> inline constexpr size_t kAlignedSize = aligned_size(sizeof(T), alignof(T));

/// Context: process; sleeps if the flags do.   Errors: ENOMEM, also when it is too much.
Result<void*> allocate_array(size_t count, Layout item, u32 flags, Node node);
}  // namespace detail

/// The only owner of one T on the heap; destroys and frees it.
/// Context: destruction as T's destructor needs; freeing itself never sleeps.
template <class T> class [[nodiscard]] Box : MoveOnly {
public:
	constexpr Box() = default;
	CXXRT_INLINE Box(Box&& other) : object_(exchange(other.object_, nullptr)) {}
	CXXRT_INLINE Box& operator=(Box&& other)
	{
		const Box old{exchange(object_, other.leak())};
		return *this;
	}
	CXXRT_INLINE ~Box() { reset(); }

	/// Allocates and constructs a T in place.
	/// Context: process; may sleep.   Errors: ENOMEM.
	template <class... Args> static Result<Box> make(SleepingGfp flags, Args&&... args) EXCLUDES(atomic_context)
	{
		return make_on(Node{}, flags, forward<Args>(args)...);
	}
	/// The same on a NUMA node.
	template <class... Args>
	static Result<Box> make_on(Node node, SleepingGfp flags, Args&&... args) EXCLUDES(atomic_context)
	{
		return build(detail::allocate(detail::kAlignedSize<T>, flags.bits(), node), forward<Args>(args)...);
	}
	/// Context: any; never sleeps.   Errors: ENOMEM.
	template <class... Args> static Result<Box> make(AtomicGfp flags, Args&&... args)
	{
		return build(detail::allocate(detail::kAlignedSize<T>, flags.bits(), Node{}), forward<Args>(args)...);
	}

	explicit operator bool() const { return object_ != nullptr; }
	T& operator*() const { return *object_; }
	T* operator->() const { return object_; }
	T* get() const { return object_; }
	/// Destroys the object now.
	CXXRT_INLINE void reset()
	{
		if (T* object = exchange(object_, nullptr))
			destroy(object);
	}
	/// Gives the object away to a C callback that brings it back to adopt().
	[[nodiscard]] CXXRT_INLINE T* leak() { return exchange(object_, nullptr); }
	/// Safety: `object` came from leak(), once.
	static Box adopt(T* object) { return Box{object}; }

private:
	CXXRT_INLINE explicit Box(T* object) : object_(object) {}
	static void destroy(T* object)
	{
		object->~T();
		detail::release(object);
	}
	template <class... Args> static Result<Box> build(void* memory, Args&&... args)
	{
		static_assert(alignof(T) <= raw::PAGE_SIZE);
		if (memory == nullptr)
			return ENOMEM;
		return Box{new (memory) T(forward<Args>(args)...)};
	}

	T* object_ = nullptr;
};
/// The only owner of `size` objects in a row; its length never changes.
/// Context: as Box.   Units: elements.
template <class T> class [[nodiscard]] Array : MoveOnly {
public:
	constexpr Array() = default;
	CXXRT_INLINE Array(Array&& other) : items_(exchange(other.items_, nullptr)), size_(exchange(other.size_, 0u)) {}
	CXXRT_INLINE Array& operator=(Array&& other)
	{
		if (this != &other) {
			reset();
			items_ = exchange(other.items_, nullptr);
			size_ = exchange(other.size_, 0u);
		}
		return *this;
	}
	CXXRT_INLINE ~Array() { reset(); }

	/// Allocates `size` objects, each constructed from `args`. Falls back to pages that are not
	/// contiguous when the array is large.
	/// Context: process; sleeps.   Errors: ENOMEM, also when the size in bytes overflows.
	template <class... Args>
	static Result<Array> make(SleepingGfp flags, Node node, size_t size, const Args&... args)
		EXCLUDES(atomic_context)
	{
		auto* items = static_cast<T*>(TRY(
			detail::allocate_array(size, {.size = sizeof(T), .align = alignof(T)}, flags.bits(), node)));
		static_assert(alignof(T) <= raw::PAGE_SIZE);
		for (size_t i = 0; i < size; ++i)
			new (&items[i]) T(args...);
		return Array{items, size};
	}

	size_t size() const { return size_; }
	/// Only for i < size().
	T& operator[](size_t i) const { return items_[i]; }
	T* begin() const { return items_; }
	T* end() const { return items_ + size_; }
	/// Destroys the last element first; until all are gone the others can be used.
	CXXRT_INLINE void reset()
	{
		if (items_ != nullptr)
			destroy();
	}

private:
	void destroy()
	{
		for (size_t i = size_; i-- > 0;)
			items_[i].~T();
		raw::kvfree(exchange(items_, nullptr));
		size_ = 0;
	}
	Array(T* items, size_t size) : items_(items), size_(size) {}

	T* items_ = nullptr;
	size_t size_ = 0;
};

/// A slab cache of Ts.  Invariant: every object made here is destroyed before the cache.
template <class T> class SlabCache : MoveOnly {
public:
	SlabCache(SlabCache&& other) : cache_(exchange(other.cache_, nullptr)) {}
	~SlabCache() { raw::kmem_cache_destroy(cache_); }

	/// `name` shows in /proc/slabinfo and must outlive the cache.
	/// Context: process; sleeps.   Errors: ENOMEM.
	static Result<SlabCache> create(const char* name) EXCLUDES(atomic_context)
	{
		auto* cache = TRY(from_null(raw::cxxrt_kmem_cache_create(name, sizeof(T), alignof(T))));
		return SlabCache{cache};
	}

	/// One object of the cache; given back on destruction.
	class [[nodiscard]] Slot : MoveOnly {
	public:
		Slot(Slot&& other) : cache_(other.cache_), object_(exchange(other.object_, nullptr)) {}
		~Slot()
		{
			if (object_ != nullptr) {
				object_->~T();
				raw::kmem_cache_free(cache_, object_);
			}
		}
		T& operator*() const { return *object_; }
		T* operator->() const { return object_; }

	private:
		friend SlabCache;
		Slot(raw::kmem_cache* cache, T* object) : cache_(cache), object_(object) {}

		raw::kmem_cache* cache_;
		T* object_;
	};

	/// Context: process; may sleep.   Errors: ENOMEM.
	template <class... Args> Result<Slot> make(SleepingGfp flags, Args&&... args) EXCLUDES(atomic_context)
	{
		return build(flags.bits(), forward<Args>(args)...);
	}
	/// Context: any; never sleeps.   Errors: ENOMEM.
	template <class... Args> Result<Slot> make(AtomicGfp flags, Args&&... args)
	{
		return build(flags.bits(), forward<Args>(args)...);
	}

private:
	explicit SlabCache(raw::kmem_cache* cache) : cache_(cache) {}
	template <class... Args> Result<Slot> build(u32 flags, Args&&... args)
	{
		void* memory = raw::cxxrt_kmem_cache_alloc(cache_, flags);
		if (memory == nullptr)
			return ENOMEM;
		return Slot{cache_, new (memory) T(forward<Args>(args)...)};
	}

	raw::kmem_cache* cache_;
};

/// One T per possible CPU, zero-initialised.
template <class T> class PerCpu : MoveOnly {
	static_assert(kTriviallyCopyable<T>, "per-CPU values start as zero bytes and have no destructor");

public:
	PerCpu(PerCpu&& other) : base_(exchange(other.base_, nullptr)) {}
	~PerCpu() { raw::cxxrt_free_percpu(base_); }

	/// Context: process; sleeps.   Errors: ENOMEM.
	static Result<PerCpu> create() EXCLUDES(atomic_context)
	{
		void* base = TRY(from_null(raw::cxxrt_alloc_percpu(sizeof(T), alignof(T))));
		return PerCpu{base};
	}
	/// Calls `f(T&)` on this CPU's value with preemption off.
	/// Context: any but where T is also touched by an interrupt.
	template <class F> void with_local(F&& f)
	{
		f(*static_cast<T*>(raw::cxxrt_get_cpu_ptr(base_)));
		raw::cxxrt_put_cpu_ptr(base_);
	}
	/// Adds to a counter of this CPU, in one instruction where the machine has one.   Context: any.
	template <auto Counter> void add(u32 value = 1)
	{
		static_assert(same_as<typename detail::MemberOf<Counter>::Type, u32>);
		raw::cxxrt_this_cpu_add(&(static_cast<T*>(base_)->*Counter), value);
	}
	/// The same for a counter in an array that is a member; `index` is one of the array's.
	template <auto Counters> void add_at(size_t index, u32 value = 1)
	{
		raw::cxxrt_this_cpu_add(&(static_cast<T*>(base_)->*Counters)[index], value);
	}
	/// Calls `f(const T&)` for every possible CPU; values may change meanwhile.
	template <class F> void for_each(F&& f) const
	{
		const u32 end = raw::cxxrt_nr_cpu_ids();
		for (u32 cpu = raw::cxxrt_next_possible_cpu(-1); cpu < end;
		     cpu = raw::cxxrt_next_possible_cpu(int(cpu)))
			f(*static_cast<const T*>(raw::cxxrt_per_cpu_ptr(base_, cpu)));
	}

private:
	explicit PerCpu(void* base) : base_(base) {}

	void* base_;
};

/// Base of a class that Ref counts. The count saturates instead of wrapping (refcount_t).
class RefCounted : Pinned {
public:
	RefCounted() { raw::cxxrt_refcount_set(&count_, 1); }

private:
	template <class T> friend class Ref;
	raw::refcount_t count_;
};

/// One counted reference to a T on the heap; the last one destroys it.
/// Context: dropping the last reference runs T's destructor where it is dropped: never under a
/// spinlock.
template <class T> class [[nodiscard]] Ref : MoveOnly {
public:
	/// None.
	constexpr Ref() = default;
	Ref(Ref&& other) : object_(exchange(other.object_, nullptr)) {}
	Ref& operator=(Ref&& other)
	{
		if (this != &other) {
			drop();
			object_ = exchange(other.object_, nullptr);
		}
		return *this;
	}
	~Ref() { drop(); }

	/// Context: process; may sleep.   Errors: ENOMEM.
	template <class... Args> static Result<Ref> make(SleepingGfp flags, Args&&... args) EXCLUDES(atomic_context)
	{
		static_assert(derived_from<T, RefCounted>, "Ref counts what derives from RefCounted");
		Box<T> box = TRY(Box<T>::make(flags, forward<Args>(args)...));
		return Ref{box.leak()};
	}
	/// A reference to an object that is counted already, and that somebody's reference keeps.   Context: any.
	static Ref to(T& object)
	{
		raw::cxxrt_refcount_inc(&static_cast<RefCounted&>(object).count_);
		return Ref{&object};
	}
	/// The same for one that may be on its way out: none if nobody's reference keeps it. Its memory stays meanwhile.
	static Ref try_to(T& object)
	{
		return raw::cxxrt_refcount_inc_not_zero(&static_cast<RefCounted&>(object).count_) ? Ref{&object}
												  : Ref{};
	}
	/// Another reference to the same object.   Context: any.
	Ref clone() const
	{
		raw::cxxrt_refcount_inc(&counter());
		return Ref{object_};
	}
	explicit operator bool() const { return object_ != nullptr; }
	T& operator*() const { return *object_; }
	T* operator->() const { return object_; }
	T* get() const { return object_; }
	/// Gives the reference away to a C callback that brings it back to adopt().
	[[nodiscard]] T* leak() { return exchange(object_, nullptr); }
	/// Safety: `object` came from leak(), once.
	static Ref adopt(T* object) { return Ref{object}; }

private:
	explicit Ref(T* object) : object_(object) {}
	raw::refcount_t& counter() const { return static_cast<RefCounted*>(object_)->count_; }
	void drop()
	{
		if (object_ != nullptr && raw::cxxrt_refcount_dec_and_test(&counter()))
			Box<T>::adopt(object_).reset();
		object_ = nullptr;
	}

	T* object_ = nullptr;
};

/// An object that counts its own references: `T::get_ref(T&)` and `T::put_ref(T&)`.
template <class T> concept SelfCounted = requires(T& object) {
	T::get_ref(object);
	T::put_ref(object);
};

/// One counted reference to an object whose count the kernel keeps.
template <SelfCounted T> class [[nodiscard]] ARef : MoveOnly {
public:
	/// Takes a reference of its own.
	explicit ARef(T& object) : object_(&object) { T::get_ref(object); }
	ARef(ARef&& other) : object_(exchange(other.object_, nullptr)) {}
	~ARef()
	{
		if (object_ != nullptr)
			T::put_ref(*object_);
	}
	ARef clone() const { return ARef{*object_}; }
	T& operator*() const { return *object_; }
	T* operator->() const { return object_; }

private:
	T* object_;
};

}  // namespace cxxrt
