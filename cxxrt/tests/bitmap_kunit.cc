// SPDX-License-Identifier: GPL-2.0
#include <cxxrt/bitmap.hpp>

#include <cxxrt/kunit.hpp>

#include "contexts.hpp"

namespace cxxrt::kunit {
namespace {

/// Claims from two CPUs until nothing is left, and notes who got what.
class Claimers : Pinned {
public:
	static constexpr u32 kBits = 3001;
	explicit Claimers(Bitmap&& bits, Array<Atomic<int>>&& claims) : bits_(move(bits)), claims_(move(claims)) {}
	void claim_all()
	{
		while (Optional<u32> bit = bits_.try_claim())
			claims_[*bit].fetch_add(1);
	}
	/// Claims and gives back; two owners of one bit would see each other's mark.
	int take_turns()
	{
		int shared = 0;
		for (int i = 0; i < 100000; ++i) {
			Optional<u32> bit = bits_.try_claim();
			if (!bit)
				continue;
			shared += claims_[*bit].fetch_add(1) != 0 ? 1 : 0;
			claims_[*bit].fetch_add(-1);
			bits_.give_back(*bit);
		}
		return shared;
	}
	Bitmap bits_;
	Array<Atomic<int>> claims_;
	Atomic<int> shared_;
	StartLine line_;
	Work claim_work_{callback<&Claimers::claim_work_, &Claimers::run_claim>};
	Work turns_work_{callback<&Claimers::turns_work_, &Claimers::run_turns>};

private:
	void run_claim()
	{
		line_.arrive();
		claim_all();
	}
	void run_turns()
	{
		line_.arrive();
		shared_.fetch_add(take_turns());
	}
};

Result<Box<Claimers>> make_claimers(u32 bits)
{
	auto map = TRY(Bitmap::create(Gfp::Kernel, Node{}, bits));
	auto claims = TRY(Array<Atomic<int>>::make(Gfp::Kernel, Node{}, bits));
	return Box<Claimers>::make(Gfp::Kernel, move(map), move(claims));
}

}  // namespace

/// Sizes around the words of the map: each bit once, and then nothing.
KUNIT_TEST(cxxrt_bitmap, claims_every_bit_once)
{
	for (u32 size : each(1u, 63u, 64u, 65u, 128u, 200u)) {
		auto map = TRY(Bitmap::create(Gfp::Kernel, Node{}, size));
		auto claimed = TRY(Array<u8>::make(Gfp::Kernel, Node{}, size));
		test.expect_eq(map.size(), size);
		for (u32 i = 0; i < size; ++i) {
			test.expect(!map.test(i));
			Optional<u32> bit = map.try_claim();
			if (!test.expect(bit && *bit < size))
				return {};
			test.expect_eq(u32(claimed[*bit]++), 0u);
			test.expect(map.test(*bit));
		}
		test.expect(!map.try_claim());
	}
	return {};
}

KUNIT_TEST(cxxrt_bitmap, gives_back)
{
	auto map = TRY(Bitmap::create(Gfp::Kernel, Node{0}, 70));
	for (u32 i = 0; i < 70; ++i)
		test.expect(bool(map.try_claim()));
	for (u32 bit : each(0u, 63u, 64u, 69u)) {
		map.give_back(bit);
		test.expect(!map.test(bit));
		Optional<u32> again = map.try_claim();
		test.expect(again && *again == bit);
		test.expect(!map.try_claim());
	}
	return {};
}

KUNIT_TEST(cxxrt_bitmap, moves)
{
	auto map = TRY(Bitmap::create(Gfp::Kernel, Node{}, 10));
	test.expect(bool(map.try_claim()));
	Bitmap other{move(map)};
	test.expect_eq(map.size(), 0u);	 // NOLINT(bugprone-use-after-move): what a move leaves
	test.expect_eq(other.size(), 10u);
	test.expect(other.test(0));
	Bitmap empty;
	empty = move(other);
	test.expect_eq(empty.size(), 10u);
	test.expect(!Bitmap{}.try_claim());
	return {};
}

KUNIT_TEST(cxxrt_bitmap, of_no_bits)
{
	auto map = TRY(Bitmap::create(Gfp::Kernel, Node{}, 0));
	test.expect(!map.try_claim());
	return {};
}

/// As memory.gives_much_memory_back.
KUNIT_TEST(cxxrt_bitmap, gives_much_memory_back)
{
	for (int i = 0; i < 1000; ++i) {
		auto map = TRY(Bitmap::create(Gfp::Kernel, Node{}, 16384));
		test.expect(bool(map.try_claim()));
	}
	return {};
}

/// Half a gigabyte in one piece fails, without a warning in the log.
KUNIT_TEST(cxxrt_bitmap, too_large_is_enomem)
{
	test.expect_error(Bitmap::create(Gfp::Kernel, Node{}, ~0u), ENOMEM);
	return {};
}

KUNIT_TEST(cxxrt_bitmap, two_cpus_claim_every_bit_once)
{
	auto claimers = TRY(make_claimers(Claimers::kBits));
	Optional<u32> cpu = other_cpu();
	if (!cpu)
		return test.skip("needs two CPUs");
	claimers->claim_work_.schedule_on(*cpu);
	test.expect(claimers->line_.start());
	claimers->claim_all();
	claimers->claim_work_.flush();
	u32 once = 0;
	for (const Atomic<int>& count : claimers->claims_)
		once += count.load_relaxed() == 1 ? 1 : 0;
	test.expect_eq(once, Claimers::kBits);
	return {};
}

KUNIT_TEST(cxxrt_bitmap, two_cpus_never_share_a_bit)
{
	auto claimers = TRY(make_claimers(2));
	Optional<u32> cpu = other_cpu();
	if (!cpu)
		return test.skip("needs two CPUs");
	claimers->turns_work_.schedule_on(*cpu);
	test.expect(claimers->line_.start());
	const int shared = claimers->take_turns();
	claimers->turns_work_.flush();
	test.expect_eq(shared, 0);
	test.expect_eq(claimers->shared_.load_relaxed(), 0);
	test.expect(!claimers->bits_.test(0) && !claimers->bits_.test(1));
	return {};
}

KUNIT_TEST(cxxrt_bitmap, ida_gives_the_lowest)
{
	Ida ida;
	auto zero = TRY(ida.allocate(Gfp::Kernel));
	{
		auto one = TRY(ida.allocate(Gfp::Kernel));
		auto two = TRY(ida.allocate(Gfp::Kernel));
		test.expect_eq(zero.value(), 0u);
		test.expect_eq(one.value(), 1u);
		test.expect_eq(two.value(), 2u);
		auto moved = move(one);
		test.expect_eq(moved.value(), 1u);
		auto three = TRY(ida.allocate(Gfp::Kernel));
		test.expect_eq(three.value(), 3u);
	}
	auto again = TRY(ida.allocate(Gfp::Kernel));
	test.expect_eq(again.value(), 1u);
	return {};
}

KUNIT_TEST(cxxrt_bitmap, ida_ends_at_its_maximum)
{
	Ida ida;
	auto zero = TRY(ida.allocate(Gfp::Kernel, 1));
	{
		auto one = TRY(ida.allocate(Gfp::Kernel, 1));
		test.expect_error(ida.allocate(Gfp::Kernel, 1), ENOSPC);
		test.expect_eq(one.value(), 1u);
	}
	auto one = TRY(ida.allocate(Gfp::Kernel, 1));
	test.expect_eq(one.value(), 1u);
	test.expect_error(ida.allocate(Gfp::Kernel, 0), ENOSPC);
	return {};
}

KUNIT_TEST(cxxrt_bitmap, survives_failed_allocations)
{
	test.expect_survives_failed_allocations([] { return Bitmap::create(Gfp::Kernel, Node{}, 100); });
	return {};
}

/// A failed allocation takes no number. The first numbers need no memory.
KUNIT_TEST(cxxrt_bitmap, ida_survives_failed_allocations)
{
	test.expect_survives_failed_allocations([]() -> Result<void> {
		Ida ida;
		auto taken = TRY(Array<Box<Ida::Id>>::make(Gfp::Kernel, Node{}, 70));
		u32 expected = 0;
		for (Box<Ida::Id>& one : taken) {
			auto id = TRY(ida.allocate(Gfp::Kernel));
			if (id.value() != expected++)
				return ERANGE;
			one = TRY(Box<Ida::Id>::make(Gfp::Kernel, move(id)));
		}
		return {};
	});
	return {};
}

KUNIT_SUITE(cxxrt_bitmap);

}  // namespace cxxrt::kunit
