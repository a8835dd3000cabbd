// SPDX-License-Identifier: GPL-2.0
#include <cxxrt/gate.hpp>

#include <cxxrt/kunit.hpp>
#include <cxxrt/memory.hpp>
#include <cxxrt/work.hpp>

namespace cxxrt::kunit {
namespace {

/// Closes its gate in another context.
class Closer : Pinned {
public:
	Gate gate;
	Atomic<u32> closed{0};
	Work work{callback<&Closer::work, &Closer::run>};

private:
	void run()
	{
		gate.close();
		closed.store_release(1);
	}
};

}  // namespace

KUNIT_TEST(cxxrt_gate, lets_in_while_it_is_open)
{
	auto gate = TRY(Box<Gate>::make(Gfp::Kernel));
	test.expect_eq(bool(gate->enter()), false);
	TRY(gate->open());
	{
		const Gate::Entry first = gate->enter();
		const Gate::Entry second = gate->enter();
		test.expect_eq(bool(first) && bool(second), true);
	}
	gate->close();
	test.expect_eq(bool(gate->enter()), false);
	gate->close();
	return {};
}

/// Nobody else gets in meanwhile.
KUNIT_TEST(cxxrt_gate, closing_waits_for_those_inside)
{
	auto closer = TRY(Box<Closer>::make(Gfp::Kernel));
	TRY(closer->gate.open());
	Gate::Entry inside = closer->gate.enter();
	test.expect_eq(bool(inside), true);
	(void)closer->work.schedule_long();
	for (u32 waited_ms = 0; waited_ms < 2000 && closer->gate.enter(); waited_ms += 5)
		sleep_ms(5);
	test.expect_eq(bool(closer->gate.enter()), false);
	sleep_ms(20);
	test.expect_eq(closer->closed.load_acquire(), 0u);
	inside.leave();
	test.expect_eq(bool(inside), false);
	closer->work.flush();
	test.expect_eq(closer->closed.load_acquire(), 1u);
	return {};
}

KUNIT_TEST(cxxrt_gate, moved_entries_leave_once)
{
	auto gate = TRY(Box<Gate>::make(Gfp::Kernel));
	TRY(gate->open());
	{
		Gate::Entry first = gate->enter();
		const Gate::Entry second = move(first);
		test.expect_eq(bool(second), true);
	}
	gate->close();
	return {};
}

KUNIT_TEST(cxxrt_gate, opening_survives_failed_allocations)
{
	test.expect_survives_failed_allocations([]() -> Result<Box<Gate>> {
		auto gate = TRY(Box<Gate>::make(Gfp::Kernel));
		TRY(gate->open());
		return gate;
	});
	return {};
}

KUNIT_SUITE(cxxrt_gate);

}  // namespace cxxrt::kunit
