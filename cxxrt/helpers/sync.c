// SPDX-License-Identifier: GPL-2.0
#include "prelude.h"
#include <linux/atomic.h>
#include <linux/irqflags.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/processor.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include "sync.h"

int cxxrt_cmpxchg_int(int *p, int expected, int value)
{
	return cmpxchg(p, expected, value);
}

long cxxrt_cmpxchg_long(long *p, long expected, long value)
{
	return cmpxchg(p, expected, value);
}

void cxxrt_cpu_relax(void)
{
	cpu_relax();
}

int cxxrt_fetch_add_int(int *p, int value)
{
	return atomic_fetch_add(value, (atomic_t *)p);
}

long cxxrt_fetch_add_long(long *p, long value)
{
	return atomic_long_fetch_add(value, (atomic_long_t *)p);
}

int cxxrt_fetch_add_relaxed_int(int *p, int value)
{
	return atomic_fetch_add_relaxed(value, (atomic_t *)p);
}

long cxxrt_fetch_add_relaxed_long(long *p, long value)
{
	return atomic_long_fetch_add_relaxed(value, (atomic_long_t *)p);
}

bool cxxrt_in_hardirq(void)
{
	return in_hardirq();
}

bool cxxrt_in_softirq(void)
{
	return in_softirq();
}

bool cxxrt_in_task(void)
{
	return in_task();
}

void cxxrt_init_wait(struct wait_queue_entry *entry)
{
	init_wait(entry);
}

bool cxxrt_irqs_disabled(void)
{
	return irqs_disabled();
}

int cxxrt_load_acquire_int(const int *p)
{
	return smp_load_acquire(p);
}

long cxxrt_load_acquire_long(const long *p)
{
	return smp_load_acquire(p);
}

void cxxrt_mutex_destroy(struct mutex *lock)
{
	mutex_destroy(lock);
}

void cxxrt_mutex_lock(struct mutex *lock)
{
	mutex_lock(lock);
}

bool cxxrt_mutex_trylock(struct mutex *lock)
{
	return mutex_trylock(lock);
}

void cxxrt_prepare_to_wait_exclusive(struct wait_queue_head *head, struct wait_queue_entry *entry)
{
	prepare_to_wait_exclusive(head, entry, TASK_UNINTERRUPTIBLE);
}

void cxxrt_prepare_to_wait(struct wait_queue_head *head, struct wait_queue_entry *entry)
{
	prepare_to_wait(head, entry, TASK_UNINTERRUPTIBLE);
}

void cxxrt_rcu_assign_pointer(void **slot, void *value)
{
	smp_store_release(slot, value);
}

void *cxxrt_rcu_dereference(void **slot)
{
	return rcu_dereference_raw(*slot);
}

void cxxrt_rcu_read_lock(void)
{
	rcu_read_lock();
}

void cxxrt_rcu_read_unlock(void)
{
	rcu_read_unlock();
}

int cxxrt_read_once_int(const int *p)
{
	return READ_ONCE(*p);
}

long cxxrt_read_once_long(const long *p)
{
	return READ_ONCE(*p);
}

CXXRT_ALWAYS bool cxxrt_refcount_dec_and_test(refcount_t *r)
{
	return refcount_dec_and_test(r);
}

CXXRT_ALWAYS void cxxrt_refcount_inc(refcount_t *r)
{
	refcount_inc(r);
}

bool cxxrt_refcount_inc_not_zero(refcount_t *r)
{
	return refcount_inc_not_zero(r);
}

void cxxrt_refcount_set(refcount_t *r, int n)
{
	refcount_set(r, n);
}

void cxxrt_smp_mb(void)
{
	smp_mb();
}

void cxxrt_smp_rmb(void)
{
	smp_rmb();
}

void cxxrt_smp_wmb(void)
{
	smp_wmb();
}

void cxxrt_spin_lock(spinlock_t *lock)
{
	spin_lock(lock);
}

void cxxrt_spin_lock_bh(spinlock_t *lock)
{
	spin_lock_bh(lock);
}

void cxxrt_spin_lock_init(spinlock_t *lock, const char *name, struct lock_class_key *key)
{
#ifdef CONFIG_DEBUG_SPINLOCK
	__raw_spin_lock_init(spinlock_check(lock), name, key, LD_WAIT_CONFIG);
#else
	spin_lock_init(lock);
#endif
}

unsigned long cxxrt_spin_lock_irqsave(spinlock_t *lock)
{
	unsigned long flags;

	spin_lock_irqsave(lock, flags);
	return flags;
}

bool cxxrt_spin_trylock(spinlock_t *lock)
{
	return spin_trylock(lock);
}

void cxxrt_spin_unlock(spinlock_t *lock)
{
	spin_unlock(lock);
}

void cxxrt_spin_unlock_bh(spinlock_t *lock)
{
	spin_unlock_bh(lock);
}

void cxxrt_spin_unlock_irqrestore(spinlock_t *lock, unsigned long flags)
{
	spin_unlock_irqrestore(lock, flags);
}

void cxxrt_store_release_int(int *p, int value)
{
	smp_store_release(p, value);
}

void cxxrt_store_release_long(long *p, long value)
{
	smp_store_release(p, value);
}

void cxxrt_wake_up(struct wait_queue_head *head)
{
	wake_up(head);
}

void cxxrt_wake_up_all(struct wait_queue_head *head)
{
	wake_up_all(head);
}

void cxxrt_write_once_int(int *p, int value)
{
	WRITE_ONCE(*p, value);
}

void cxxrt_write_once_long(long *p, long value)
{
	WRITE_ONCE(*p, value);
}

int cxxrt_xchg_int(int *p, int value)
{
	return xchg(p, value);
}

long cxxrt_xchg_long(long *p, long value)
{
	return xchg(p, value);
}
