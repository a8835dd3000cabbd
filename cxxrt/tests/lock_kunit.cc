// SPDX-License-Identifier: GPL-2.0
#include <cxxrt/lock.hpp>

#include <cxxrt/kunit.hpp>
#include <cxxrt/memory.hpp>

#include "contexts.hpp"

namespace cxxrt::kunit {
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

/// What the other CPU does first may be to wait for this one to answer an interrupt, which it does not while it spins. So more than once.
constexpr int kTries = 5;

/// A worker on another CPU stays out while this one holds the spinlock, and gets in afterwards.
template <class L> Result<void> expect_excludes(Test& test, LockClass cls)
{
	auto other = TRY(Box<Contender<L>>::make(Gfp::Kernel, cls));
	bool started = false;
	for (int tries = 0; tries < kTries && !started; ++tries) {
		bool has_cpu = false;
		int entered = 0;
		other->started_.store_release(0);
		other->entered_.store_release(0);
		{
			Guard guard{other->lock_};
			if (Optional<u32> cpu = other_cpu()) {
				has_cpu = true;
				other->work_.schedule_on(*cpu);
				started = spin_until([&] { return other->started_.load_acquire() != 0; }, 1000);
				spin_ms(2);
				entered = other->entered_.load_acquire();
			}
		}
		if (!has_cpu)
			return test.skip("needs two CPUs");
		test.expect_eq(entered, 0);
		other->work_.flush();
		test.expect_eq(other->entered_.load_acquire(), 1);
	}
	test.expect(started);
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

KUNIT_TEST(cxxrt_lock, mutex_excludes_a_worker)
{
	auto other = TRY(Box<Contender<Mutex>>::make(Gfp::Kernel, lock_class<"kunit mutex">));
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

KUNIT_TEST(cxxrt_lock, mutex_leaves_interrupts_on)
{
	Mutex mutex{lock_class<"kunit mutex">};
	Guard guard{mutex};
	test.expect(!raw::cxxrt_irqs_disabled());
	test.expect(!raw::cxxrt_in_softirq());
	return {};
}

KUNIT_TEST(cxxrt_lock, spin_lock_excludes_a_worker)
{
	return expect_excludes<SpinLock>(test, lock_class<"kunit spin">);
}
KUNIT_TEST(cxxrt_lock, bh_spin_lock_excludes_a_worker)
{
	return expect_excludes<BhSpinLock>(test, lock_class<"kunit bh">);
}
KUNIT_TEST(cxxrt_lock, irq_spin_lock_excludes_a_worker)
{
	return expect_excludes<IrqSpinLock>(test, lock_class<"kunit irq">);
}
KUNIT_TEST(cxxrt_lock, mutex_loses_no_increment) { return expect_counts<Mutex>(test, lock_class<"kunit mutex">); }
KUNIT_TEST(cxxrt_lock, spin_lock_loses_no_increment) { return expect_counts<SpinLock>(test, lock_class<"kunit spin">); }
KUNIT_TEST(cxxrt_lock, bh_spin_lock_loses_no_increment)
{
	return expect_counts<BhSpinLock>(test, lock_class<"kunit bh">);
}
KUNIT_TEST(cxxrt_lock, irq_spin_lock_loses_no_increment)
{
	return expect_counts<IrqSpinLock>(test, lock_class<"kunit irq">);
}

KUNIT_TEST(cxxrt_lock, spin_lock_leaves_interrupts_on)
{
	SpinLock lock{lock_class<"kunit spin">};
	bool irqs_off, softirqs_off;
	{
		Guard guard{lock};
		irqs_off = raw::cxxrt_irqs_disabled();
		softirqs_off = raw::cxxrt_in_softirq();
	}
	test.expect(!irqs_off);
	test.expect(!softirqs_off);
	return {};
}

KUNIT_TEST(cxxrt_lock, bh_spin_lock_turns_softirqs_off)
{
	BhSpinLock lock{lock_class<"kunit bh">};
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

KUNIT_TEST(cxxrt_lock, irq_spin_lock_turns_interrupts_off)
{
	IrqSpinLock lock{lock_class<"kunit irq">};
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
KUNIT_TEST(cxxrt_lock, nested_guard_restores_what_was)
{
	IrqSpinLock outer{lock_class<"kunit outer">};
	IrqSpinLock inner{lock_class<"kunit inner">};
	SpinLock innermost{lock_class<"kunit innermost">};
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
KUNIT_TEST(cxxrt_lock, rcu_guard_holds_off_synchronize)
{
	auto other = TRY(Box<Reader>::make(Gfp::Kernel));
	Optional<u32> cpu = other_cpu();
	if (!cpu)
		return test.skip("needs two CPUs");
	bool started;
	int waited;
	{
		RcuGuard guard;
		other->work_.schedule_on(*cpu);
		started = spin_until([&] { return other->started_.load_acquire() != 0; }, 1000);
		spin_ms(20);
		waited = other->waited_.load_acquire();
	}
	test.expect(started);
	test.expect_eq(waited, 0);
	other->work_.flush();
	test.expect_eq(other->waited_.load_acquire(), 1);
	return {};
}

KUNIT_TEST(cxxrt_lock, rcu_pointer_publishes_and_replaces)
{
	int one = 1, two = 2;
	RcuPointer<int> pointer;
	const auto published = [&pointer] {
		RcuGuard guard;
		const int* value = pointer.load();
		return value == nullptr ? 0 : *value;
	};
	test.expect_eq(published(), 0);
	test.expect(pointer.replace(&one) == nullptr);
	test.expect_eq(published(), 1);
	test.expect(pointer.replace(&two) == &one);
	rcu_synchronize();
	one = 0;
	test.expect_eq(published(), 2);
	test.expect(pointer.replace(nullptr) == &two);
	rcu_synchronize();
	return {};
}

/// Locks of one name are of one class wherever they are declared, and others are not.
KUNIT_TEST(cxxrt_lock, class_is_one_per_name)
{
	constexpr LockClass one = lock_class<"kunit class">, same = lock_class<"kunit class">;
	constexpr LockClass other = lock_class<"another kunit class">;
	test.expect(one.unsafe_key() == same.unsafe_key());
	test.expect_eq(one.name(), "kunit class");
	test.expect_eq(other.name(), "another kunit class");
	// Without lockdep a key has no size, and so no address of its own.
	// NOLINTNEXTLINE(bugprone-sizeof-expression): which is the question here
	if constexpr (sizeof(raw::lock_class_key) > 0)
		test.expect(one.unsafe_key() != other.unsafe_key());
	return {};
}

KUNIT_SUITE(cxxrt_lock);

}  // namespace cxxrt::kunit
