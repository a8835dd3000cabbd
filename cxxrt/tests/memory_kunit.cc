// SPDX-License-Identifier: GPL-2.0
#include <cxxrt/memory.hpp>

#include <cxxrt/kunit.hpp>
#include <cxxrt/system.hpp>
#include <cxxrt/work.hpp>

#include "tracked.hpp"

namespace cxxrt::kunit {
namespace {

template <size_t Align> struct alignas(Align) Aligned {
	u8 bytes[Align];
};

bool is_aligned(const void* pointer, size_t to) { return reinterpret_cast<uintptr_t>(pointer) % to == 0; }

/// Assigns an object to itself out of the compiler's sight, which would warn.
template <class T> void assign(T& to, T& from) { to = move(from); }

template <size_t Align> Result<void> expect_box_aligned(Test& test)
{
	auto one = TRY(Box<Aligned<Align>>::make(Gfp::Kernel));
	auto other = TRY(Box<Aligned<Align>>::make(Gfp::Atomic));
	test.expect(is_aligned(one.get(), Align));
	test.expect(is_aligned(other.get(), Align));
	return {};
}

class Shared : public RefCounted {
public:
	Shared(Counts& counts, int value) : tracked_(counts, value) {}
	int value() const { return tracked_.value(); }

private:
	Tracked tracked_;
};

/// Large enough that a leak of every one shows in the machine's free memory.
struct Large {
	u8 bytes[2048];
};
class SharedLarge : public RefCounted {
	[[maybe_unused]] Large large_{};
};
constexpr int kManyTimes = 1000;

/// Adds to the value of the CPU that its work runs on.
class PerCpuCounters : Pinned {
public:
	static constexpr u64 kTimes = 1000;
	explicit PerCpuCounters(PerCpu<u64>&& values) : values_(move(values)) {}
	PerCpu<u64> values_;
	Work work_{callback<&PerCpuCounters::work_, &PerCpuCounters::run>};

private:
	void run()
	{
		for (u64 i = 0; i < kTimes; ++i)
			values_.with_local([](u64& value) { ++value; });
	}
};

/// Counts its references itself.
struct Outside {
	int references = 1;
	static void get_ref(Outside& object) { ++object.references; }
	static void put_ref(Outside& object) { --object.references; }
};

}  // namespace

KUNIT_TEST(cxxrt_memory, box_builds_and_destroys_once)
{
	Counts counts;
	{
		auto box = TRY(Box<Tracked>::make(Gfp::Kernel, counts, 4));
		test.expect(bool(box));
		test.expect_eq(box->value(), 4);
		test.expect_eq((*box).value(), 4);
		test.expect_eq(counts.built, 1);
		test.expect_eq(counts.destroyed, 0);
	}
	test.expect_eq(counts.built, 1);
	test.expect_eq(counts.destroyed, 1);
	return {};
}

KUNIT_TEST(cxxrt_memory, box_flags_and_nodes)
{
	Counts counts;
	{
		auto atomic = TRY(Box<Tracked>::make(Gfp::Atomic, counts, 1));
		auto nowait = TRY(Box<Tracked>::make(Gfp::NoWait, counts, 2));
		auto noio = TRY(Box<Tracked>::make(Gfp::NoIo, counts, 3));
		auto local = TRY(Box<Tracked>::make_on(Node{0}, Gfp::Kernel, counts, 4));
		auto any = TRY(Box<Tracked>::make_on(Node{}, Gfp::Kernel, counts, 5));
		test.expect_eq(atomic->value() + nowait->value() + noio->value() + local->value() + any->value(), 15);
	}
	test.expect_eq(counts.live(), 0);
	return {};
}

/// Moving hands the object on, and destroys the one it replaces.
KUNIT_TEST(cxxrt_memory, box_moves)
{
	Counts one, other;
	{
		auto a = TRY(Box<Tracked>::make(Gfp::Kernel, one, 1));
		auto b = TRY(Box<Tracked>::make(Gfp::Kernel, other, 2));
		Tracked* object = a.get();
		Box<Tracked> c{move(a)};
		test.expect(!a);  // NOLINT(bugprone-use-after-move): what a move leaves
		test.expect(c.get() == object);
		test.expect_eq(one.built, 1);
		b = move(c);
		test.expect(!c);  // NOLINT(bugprone-use-after-move): what a move leaves
		test.expect(b.get() == object);
		test.expect_eq(other.destroyed, 1);
		test.expect_eq(one.destroyed, 0);
	}
	test.expect_eq(one.destroyed, 1);
	test.expect_eq(other.destroyed, 1);
	return {};
}

KUNIT_TEST(cxxrt_memory, box_moved_to_itself_keeps)
{
	Counts counts;
	auto box = TRY(Box<Tracked>::make(Gfp::Kernel, counts, 6));
	assign(box, box);
	test.expect(bool(box));
	test.expect_eq(box->value(), 6);
	test.expect_eq(counts.destroyed, 0);
	return {};
}

KUNIT_TEST(cxxrt_memory, box_resets_once)
{
	Counts counts;
	auto box = TRY(Box<Tracked>::make(Gfp::Kernel, counts, 7));
	box.reset();
	test.expect(!box);
	test.expect(box.get() == nullptr);
	test.expect_eq(counts.destroyed, 1);
	box.reset();
	test.expect_eq(counts.destroyed, 1);
	Box<Tracked> empty;
	test.expect(!empty);
	return {};
}

KUNIT_TEST(cxxrt_memory, box_leaks_and_adopts)
{
	Counts counts;
	auto box = TRY(Box<Tracked>::make(Gfp::Kernel, counts, 8));
	Tracked* object = box.leak();
	test.expect(!box);
	test.expect_eq(counts.destroyed, 0);
	box = Box<Tracked>::adopt(object);
	test.expect_eq(box->value(), 8);
	box.reset();
	test.expect_eq(counts.destroyed, 1);
	return {};
}

KUNIT_TEST(cxxrt_memory, box_aligns)
{
	TRY(expect_box_aligned<8>(test));
	TRY(expect_box_aligned<16>(test));
	TRY(expect_box_aligned<32>(test));
	TRY(expect_box_aligned<64>(test));
	return {};
}

KUNIT_TEST(cxxrt_memory, array_builds_and_destroys_each_once)
{
	Counts counts;
	{
		struct Element : Tracked {
			explicit Element(Counts* counts) : Tracked(*counts, 9) {}
		};
		auto array = TRY(Array<Element>::make(Gfp::Kernel, Node{}, 100, &counts));
		test.expect_eq(array.size(), size_t(100));
		test.expect_eq(counts.built, 100);
		int sum = 0;
		for (const Element& element : array)
			sum += element.value();
		test.expect_eq(sum, 900);
		test.expect_eq(array[99].value(), 9);
		Array<Element> other{move(array)};
		test.expect_eq(array.size(), size_t(0));  // NOLINT(bugprone-use-after-move): what a move leaves
		test.expect_eq(other.size(), size_t(100));
		array = move(other);
		assign(array, array);
		test.expect_eq(array.size(), size_t(100));
		test.expect_eq(counts.built, 100);
		test.expect_eq(counts.destroyed, 0);
		auto second = TRY(Array<Element>::make(Gfp::Kernel, Node{}, 3, &counts));
		array = move(second);
		test.expect_eq(counts.destroyed, 100);
		test.expect_eq(array.size(), size_t(3));
		array.reset();
		test.expect_eq(counts.destroyed, 103);
	}
	test.expect_eq(counts.built, 103);
	test.expect_eq(counts.destroyed, 103);
	return {};
}

KUNIT_TEST(cxxrt_memory, array_of_none)
{
	auto array = TRY(Array<u64>::make(Gfp::Kernel, Node{}, 0));
	test.expect_eq(array.size(), size_t(0));  // NOLINT(bugprone-use-after-move): what a move leaves
	test.expect(array.begin() == array.end());
	Array<u64> unmade;
	test.expect(unmade.begin() == unmade.end());
	return {};
}

/// Elements are initialised, and an array of several pages works like a small one.
KUNIT_TEST(cxxrt_memory, array_initialises_large)
{
	constexpr size_t kCount = (8 << 20) / sizeof(u64);
	auto array = TRY(Array<u64>::make(Gfp::Kernel, Node{}, kCount));
	u64 all = 0;
	for (u64 value : array)
		all |= value;
	test.expect_eq(all, 0ull);
	for (size_t i = 0; i < kCount; ++i)
		array[i] = i;
	test.expect_eq(array[kCount - 1], u64(kCount - 1));
	return {};
}

/// Sizes that overflow, or that no machine has, fail without a warning in the log.
KUNIT_TEST(cxxrt_memory, array_too_large_is_enomem)
{
	for (size_t size : each(~size_t(0), ~size_t(0) / sizeof(u64), (~size_t(0) / sizeof(u64)) + 1, size_t(1) << 60,
				size_t(1) << 28))
		test.expect_error(Array<u64>::make(Gfp::Kernel, Node{}, size), ENOMEM);
	return {};
}

KUNIT_TEST(cxxrt_memory, slab_builds_and_destroys_once)
{
	Counts counts;
	{
		auto created = TRY(SlabCache<Tracked>::create("cxxrt_kunit_tracked"));
		SlabCache<Tracked> cache{move(created)};
		auto one = TRY(cache.make(Gfp::Kernel, counts, 1));
		auto other = TRY(cache.make(Gfp::Atomic, counts, 2));
		test.expect_eq(one->value() + (*other).value(), 3);
		{
			auto moved = move(one);
			test.expect_eq(moved->value(), 1);
			test.expect_eq(counts.built, 2);
			test.expect_eq(counts.destroyed, 0);
		}
		test.expect_eq(counts.destroyed, 1);
		auto third = TRY(cache.make(Gfp::Kernel, counts, 3));
		test.expect_eq(third->value(), 3);
	}
	test.expect_eq(counts.built, 3);
	test.expect_eq(counts.destroyed, 3);
	return {};
}

KUNIT_TEST(cxxrt_memory, slab_aligns)
{
	auto cache = TRY(SlabCache<Aligned<128>>::create("cxxrt_kunit_aligned"));
	auto one = TRY(cache.make(Gfp::Kernel));
	auto other = TRY(cache.make(Gfp::Kernel));
	test.expect(is_aligned(&*one, 128));
	test.expect(is_aligned(&*other, 128));
	test.expect(&*one != &*other);
	return {};
}

/// Every possible CPU has a value, zero at first and its own; with_local() changes one of them.
KUNIT_TEST(cxxrt_memory, per_cpu_values_are_separate)
{
	struct Value {
		u64 count;
		u32 cpu;
	};
	auto values = TRY(PerCpu<Value>::create());
	u32 seen = 0;
	u64 sum = 0;
	values.for_each([&](const Value& value) {
		++seen;
		sum += value.count + value.cpu;
	});
	test.expect_eq(seen, raw::cxxrt_num_possible_cpus());
	test.expect_eq(sum, 0ull);
	for (int i = 0; i < 1000; ++i)
		values.with_local([](Value& value) { ++value.count; });
	PerCpu<Value> moved{move(values)};
	moved.for_each([&](const Value& value) { sum += value.count; });
	test.expect_eq(sum, 1000ull);
	return {};
}

KUNIT_TEST(cxxrt_memory, ref_destroys_with_the_last)
{
	Counts counts;
	{
		auto first = TRY(Ref<Shared>::make(Gfp::Kernel, counts, 11));
		{
			Ref<Shared> second = first.clone();
			test.expect(&*second == &*first);
			Ref<Shared> third{move(second)};
			test.expect_eq(third->value(), 11);
			test.expect_eq(counts.destroyed, 0);
		}
		test.expect_eq(counts.destroyed, 0);
		test.expect_eq(first->value(), 11);
	}
	test.expect_eq(counts.built, 1);
	test.expect_eq(counts.destroyed, 1);
	return {};
}

KUNIT_TEST(cxxrt_memory, ref_assignment_drops_the_old)
{
	Counts one, other;
	{
		auto a = TRY(Ref<Shared>::make(Gfp::Kernel, one, 1));
		auto b = TRY(Ref<Shared>::make(Gfp::Kernel, other, 2));
		a = b.clone();
		test.expect_eq(one.destroyed, 1);
		test.expect_eq(a->value(), 2);
		assign(a, a);
		test.expect_eq(a->value(), 2);
		test.expect_eq(other.destroyed, 0);
		b = move(a);
		test.expect_eq(other.destroyed, 0);
	}
	test.expect_eq(one.destroyed, 1);
	test.expect_eq(other.destroyed, 1);
	return {};
}

KUNIT_TEST(cxxrt_memory, aref_counts)
{
	Outside object;
	{
		ARef<Outside> first{object};
		test.expect_eq(object.references, 2);
		ARef<Outside> second = first.clone();
		test.expect_eq(object.references, 3);
		ARef<Outside> third{move(second)};
		test.expect_eq(object.references, 3);
		test.expect(&*third == &object);
	}
	test.expect_eq(object.references, 1);
	return {};
}

/// Nothing to see here but in what the machine has left after some loads, which the VM suite measures.
KUNIT_TEST(cxxrt_memory, gives_much_memory_back)
{
	struct PerCpuLarge {
		u64 values[64];
	};
	auto cache = TRY(SlabCache<Large>::create("cxxrt_kunit_large"));
	for (int i = 0; i < kManyTimes; ++i) {
		auto box = TRY(Box<Large>::make(Gfp::Kernel));
		auto array = TRY(Array<Large>::make(Gfp::Kernel, Node{}, 1));
		auto ref = TRY(Ref<SharedLarge>::make(Gfp::Kernel));
		auto other = ref.clone();
		auto slot = TRY(cache.make(Gfp::Kernel));
		auto values = TRY(PerCpu<PerCpuLarge>::create());
		test.expect(box && array.size() == 1 && &*ref == &*other);
	}
	return {};
}

KUNIT_TEST(cxxrt_memory, node_is_any_by_default)
{
	test.expect_eq(Node{}.id(), -1);
	test.expect_eq(Node{3}.id(), 3);
	return {};
}

/// Each worker changes the value of the CPU it runs on, and no other.
KUNIT_TEST(cxxrt_memory, per_cpu_local_is_this_cpus_own)
{
	auto values = TRY(PerCpu<u64>::create());
	auto counters = TRY(Box<PerCpuCounters>::make(Gfp::Kernel, move(values)));
	u32 online = 0;
	for (u32 cpu = 0; cpu < cpu_id_limit(); ++cpu) {
		if (!is_cpu_online(cpu))
			continue;
		++online;
		counters->work_.schedule_on(cpu);
		counters->work_.flush();
	}
	u32 counted = 0;
	counters->values_.for_each([&](const u64& value) { counted += value == PerCpuCounters::kTimes ? 1 : 0; });
	test.expect_eq(counted, online);
	return {};
}

KUNIT_TEST(cxxrt_memory, box_survives_failed_allocations)
{
	Counts counts;
	test.expect_survives_failed_allocations([&] { return Box<Tracked>::make(Gfp::Kernel, counts, 1); });
	test.expect_survives_failed_allocations([&] { return Box<Tracked>::make(Gfp::Atomic, counts, 2); });
	test.expect_survives_failed_allocations([&] { return Box<Tracked>::make_on(Node{0}, Gfp::NoIo, counts, 3); });
	test.expect_eq(counts.live(), 0);
	return {};
}

/// Also one that is too large for kmalloc, and takes page after page.
KUNIT_TEST(cxxrt_memory, array_survives_failed_allocations)
{
	Counts counts;
	struct Element : Tracked {
		explicit Element(Counts* counts) : Tracked(*counts, 9) {}
	};
	test.expect_survives_failed_allocations([&] { return Array<Element>::make(Gfp::Kernel, Node{}, 10, &counts); });
	test.expect_eq(counts.live(), 0);
	test.expect_survives_failed_allocations([] { return Array<Large>::make(Gfp::Kernel, Node{}, 4096); });
	return {};
}

KUNIT_TEST(cxxrt_memory, ref_survives_failed_allocations)
{
	Counts counts;
	test.expect_survives_failed_allocations([&] { return Ref<Shared>::make(Gfp::Kernel, counts, 1); });
	test.expect_eq(counts.live(), 0);
	return {};
}

KUNIT_TEST(cxxrt_memory, slab_cache_survives_failed_allocations)
{
	test.expect_survives_failed_allocations([] { return SlabCache<Large>::create("cxxrt_kunit_failing"); });
	return {};
}

KUNIT_TEST(cxxrt_memory, slab_object_survives_failed_allocations)
{
	Counts counts;
	auto cache = TRY(SlabCache<Tracked>::create("cxxrt_kunit_object"));
	test.expect_survives_failed_allocations([&] { return cache.make(Gfp::Kernel, counts, 1); });
	test.expect_survives_failed_allocations([&] { return cache.make(Gfp::NoWait, counts, 1); });
	test.expect_eq(counts.live(), 0);
	return {};
}

/// So large that it does not fit into the pages that per-CPU memory has in stock.
KUNIT_TEST(cxxrt_memory, per_cpu_survives_failed_allocations)
{
	struct Huge {
		u8 bytes[28 << 10];
	};
	test.expect_survives_failed_allocations([] { return PerCpu<Huge>::create(); });
	return {};
}

KUNIT_SUITE(cxxrt_memory);

}  // namespace cxxrt::kunit
