// SPDX-License-Identifier: GPL-2.0
#include <cxxrt/lock.hpp>
#include <cxxrt/memory.hpp>

#include "contexts.hpp"
#include "suites.hpp"

namespace cxxrt::selftest {
namespace {

/// Takes the lock in a worker.
template <class L> class Contender : Pinned {
public:
	explicit Contender(LockClass cls) : lock_(cls) {}

	L lock_;
	Atomic<int> started_, entered_;
	Work work_{callback<&Contender::work_, &Contender::run>};

private:
	void run()
	{
		started_.store_release(1);
		Guard guard{lock_};
		entered_.store_release(1);
	}
};

/// Adds to a counter that only the lock makes safe.
template <class L> class Adder : Pinned {
public:
	explicit Adder(LockClass cls) : lock_(cls) {}
	static constexpr u32 kTimes = 100000;

	void add()
	{
		for (u32 i = 0; i < kTimes; ++i) {
			Guard guard{lock_};
			*const_cast<volatile u32*>(&count_) = *const_cast<volatile u32*>(&count_) + 1;
		}
	}
	L lock_;
	u32 count_ = 0;
	StartLine line_;
	Work work_{callback<&Adder::work_, &Adder::run>};

private:
	void run()
	{
		line_.arrive();
		add();
	}
};

/// A worker on another CPU stays out while this one holds the spinlock, and gets in afterwards.
template <class L> Result<void> expect_excludes(Test& test, LockClass cls)
{
	auto other = TRY(Box<Contender<L>>::make(Gfp::Kernel, cls));
	bool has_cpu = false;
	{
		Guard guard{other->lock_};
		if (Optional<u32> cpu = other_cpu()) {
			has_cpu = true;
			other->work_.schedule_on(*cpu);
			test.expect(spin_until([&] { return other->started_.load_acquire() != 0; }, 1000));
			spin_ms(2);
			test.expect_eq(other->entered_.load_acquire(), 0);
		}
	}
	if (!has_cpu)
		return test.skip("needs two CPUs");
	other->work_.flush();
	test.expect_eq(other->entered_.load_acquire(), 1);
	return {};
}

/// Two CPUs lose no increment.
template <class L> Result<void> expect_counts(Test& test, LockClass cls)
{
	auto adder = TRY(Box<Adder<L>>::make(Gfp::Kernel, cls));
	Optional<u32> cpu = other_cpu();
	if (!cpu)
		return test.skip("needs two CPUs");
	adder->work_.schedule_on(*cpu);
	test.expect(adder->line_.start());
	adder->add();
	adder->work_.flush();
	test.expect_eq(adder->count_, 2 * Adder<L>::kTimes);
	return {};
}

class Reader : Pinned {
public:
	Atomic<int> started_, waited_;
	Work work_{callback<&Reader::work_, &Reader::run>};

private:
	void run()
	{
		started_.store_release(1);
		rcu_synchronize();
		waited_.store_release(1);
	}
};

}  // namespace

SELFTEST(lock, mutex_excludes_a_worker)
{
	auto other = TRY(Box<Contender<Mutex>>::make(Gfp::Kernel, lock_class<"selftest mutex">));
	{
		Guard guard{other->lock_};
		other->work_.schedule();
		test.expect(wait_until([&] { return other->started_.load_acquire() != 0; }));
		sleep_ms(5);
		test.expect_eq(other->entered_.load_acquire(), 0);
	}
	other->work_.flush();
	test.expect_eq(other->entered_.load_acquire(), 1);
	return {};
}

SELFTEST(lock, mutex_leaves_interrupts_on)
{
	Mutex mutex{lock_class<"selftest mutex">};
	Guard guard{mutex};
	test.expect(!raw::cxxrt_irqs_disabled());
	test.expect(!raw::cxxrt_in_softirq());
	return {};
}

SELFTEST(lock, spin_lock_excludes_a_worker) { return expect_excludes<SpinLock>(test, lock_class<"selftest spin">); }
SELFTEST(lock, bh_spin_lock_excludes_a_worker) { return expect_excludes<BhSpinLock>(test, lock_class<"selftest bh">); }
SELFTEST(lock, irq_spin_lock_excludes_a_worker)
{
	return expect_excludes<IrqSpinLock>(test, lock_class<"selftest irq">);
}
SELFTEST(lock, mutex_loses_no_increment) { return expect_counts<Mutex>(test, lock_class<"selftest mutex">); }
SELFTEST(lock, spin_lock_loses_no_increment) { return expect_counts<SpinLock>(test, lock_class<"selftest spin">); }
SELFTEST(lock, bh_spin_lock_loses_no_increment) { return expect_counts<BhSpinLock>(test, lock_class<"selftest bh">); }
SELFTEST(lock, irq_spin_lock_loses_no_increment)
{
	return expect_counts<IrqSpinLock>(test, lock_class<"selftest irq">);
}

SELFTEST(lock, spin_lock_leaves_interrupts_on)
{
	SpinLock lock{lock_class<"selftest spin">};
	Guard guard{lock};
	const bool irqs_off = raw::cxxrt_irqs_disabled(), softirqs_off = raw::cxxrt_in_softirq();
	test.expect(!irqs_off);
	test.expect(!softirqs_off);
	return {};
}

SELFTEST(lock, bh_spin_lock_turns_softirqs_off)
{
	BhSpinLock lock{lock_class<"selftest bh">};
	bool irqs_off, softirqs_off;
	{
		Guard guard{lock};
		irqs_off = raw::cxxrt_irqs_disabled();
		softirqs_off = raw::cxxrt_in_softirq();
	}
	test.expect(!irqs_off);
	test.expect(softirqs_off);
	test.expect(!raw::cxxrt_in_softirq());
	return {};
}

SELFTEST(lock, irq_spin_lock_turns_interrupts_off)
{
	IrqSpinLock lock{lock_class<"selftest irq">};
	bool inside;
	{
		Guard guard{lock};
		inside = raw::cxxrt_irqs_disabled();
	}
	test.expect(inside);
	test.expect(!raw::cxxrt_irqs_disabled());
	return {};
}

/// Interrupts come back with the outer lock, not with the inner one.
SELFTEST(lock, nested_guard_restores_what_was)
{
	IrqSpinLock outer{lock_class<"selftest outer">};
	IrqSpinLock inner{lock_class<"selftest inner">};
	SpinLock innermost{lock_class<"selftest innermost">};
	bool between;
	{
		Guard guard{outer};
		{
			NestedGuard nested{inner};
			NestedGuard last{innermost};
		}
		between = raw::cxxrt_irqs_disabled();
	}
	test.expect(between);
	test.expect(!raw::cxxrt_irqs_disabled());
	// Both are free again.
	Guard again{inner};
	NestedGuard last{innermost};
	return {};
}

/// rcu_synchronize() elsewhere waits for this read section.
SELFTEST(lock, rcu_guard_holds_off_synchronize)
{
	auto other = TRY(Box<Reader>::make(Gfp::Kernel));
	Optional<u32> cpu = other_cpu();
	if (!cpu)
		return test.skip("needs two CPUs");
	{
		RcuGuard guard;
		other->work_.schedule_on(*cpu);
		test.expect(spin_until([&] { return other->started_.load_acquire() != 0; }, 1000));
		spin_ms(20);
		test.expect_eq(other->waited_.load_acquire(), 0);
	}
	other->work_.flush();
	test.expect_eq(other->waited_.load_acquire(), 1);
	return {};
}

SELFTEST(lock, rcu_pointer_publishes_and_replaces)
{
	int one = 1, two = 2;
	RcuPointer<int> pointer;
	{
		RcuGuard guard;
		test.expect(pointer.load() == nullptr);
	}
	test.expect(pointer.replace(&one) == nullptr);
	{
		RcuGuard guard;
		test.expect(pointer.load() == &one);
	}
	test.expect(pointer.replace(&two) == &one);
	rcu_synchronize();
	one = 0;
	{
		RcuGuard guard;
		test.expect_eq(*pointer.load(), 2);
	}
	test.expect(pointer.replace(nullptr) == &two);
	rcu_synchronize();
	return {};
}

SELFTEST_SUITE(lock, SELFTEST_CASE(lock, mutex_excludes_a_worker), SELFTEST_CASE(lock, mutex_leaves_interrupts_on),
	       SELFTEST_CASE(lock, spin_lock_excludes_a_worker), SELFTEST_CASE(lock, bh_spin_lock_excludes_a_worker),
	       SELFTEST_CASE(lock, irq_spin_lock_excludes_a_worker), SELFTEST_CASE(lock, mutex_loses_no_increment),
	       SELFTEST_CASE(lock, spin_lock_loses_no_increment), SELFTEST_CASE(lock, bh_spin_lock_loses_no_increment),
	       SELFTEST_CASE(lock, irq_spin_lock_loses_no_increment),
	       SELFTEST_CASE(lock, spin_lock_leaves_interrupts_on),
	       SELFTEST_CASE(lock, bh_spin_lock_turns_softirqs_off),
	       SELFTEST_CASE(lock, irq_spin_lock_turns_interrupts_off),
	       SELFTEST_CASE(lock, nested_guard_restores_what_was),
	       SELFTEST_CASE(lock, rcu_guard_holds_off_synchronize),
	       SELFTEST_CASE(lock, rcu_pointer_publishes_and_replaces));

}  // namespace cxxrt::selftest
