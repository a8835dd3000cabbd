/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CXXRT_HELPERS_SYNC_H
#define CXXRT_HELPERS_SYNC_H
/* Locks, RCU, context, wait queues, atomics: linux/preempt.h, irqflags.h, mutex.h, spinlock.h, rcupdate.h, wait.h, atomic.h, refcount.h. */
#include "prelude.h"
CXXRT_HELPERS_BEGIN

void __mutex_init(struct mutex *lock, const char *name, struct lock_class_key *key);
void cxxrt_mutex_lock(struct mutex *lock);
bool cxxrt_mutex_trylock(struct mutex *lock);
void mutex_unlock(struct mutex *lock);
void cxxrt_mutex_destroy(struct mutex *lock);
void cxxrt_spin_lock_init(spinlock_t *lock, const char *name, struct lock_class_key *key);
void cxxrt_spin_lock(spinlock_t *lock);
void cxxrt_spin_unlock(spinlock_t *lock);
bool cxxrt_spin_trylock(spinlock_t *lock);
void cxxrt_spin_lock_bh(spinlock_t *lock);
void cxxrt_spin_unlock_bh(spinlock_t *lock);
unsigned long cxxrt_spin_lock_irqsave(spinlock_t *lock);
void cxxrt_spin_unlock_irqrestore(spinlock_t *lock, unsigned long flags);
void cxxrt_rcu_read_lock(void);
void cxxrt_rcu_read_unlock(void);
void synchronize_rcu(void);
void *cxxrt_rcu_dereference(void **slot);
void cxxrt_rcu_assign_pointer(void **slot, void *value);

bool cxxrt_in_hardirq(void);
bool cxxrt_in_softirq(void);
bool cxxrt_in_task(void);
bool cxxrt_irqs_disabled(void);
void cxxrt_cpu_relax(void);

void __init_waitqueue_head(struct wait_queue_head *head, const char *name, struct lock_class_key *key);
void cxxrt_wake_up(struct wait_queue_head *head);
void cxxrt_init_wait(struct wait_queue_entry *entry);
void cxxrt_prepare_to_wait_exclusive(struct wait_queue_head *head, struct wait_queue_entry *entry);
void finish_wait(struct wait_queue_head *head, struct wait_queue_entry *entry);
void io_schedule(void);
void cxxrt_prepare_to_wait(struct wait_queue_head *head, struct wait_queue_entry *entry);
void cxxrt_wake_up_all(struct wait_queue_head *head);
long schedule_timeout(long timeout);

int cxxrt_read_once_int(const int *p);
void cxxrt_write_once_int(int *p, int value);
long cxxrt_read_once_long(const long *p);
void cxxrt_write_once_long(long *p, long value);
int cxxrt_load_acquire_int(const int *p);
void cxxrt_store_release_int(int *p, int value);
long cxxrt_load_acquire_long(const long *p);
void cxxrt_store_release_long(long *p, long value);
int cxxrt_fetch_add_int(int *p, int value);
int cxxrt_fetch_add_relaxed_int(int *p, int value);
long cxxrt_fetch_add_long(long *p, long value);
long cxxrt_fetch_add_relaxed_long(long *p, long value);
int cxxrt_xchg_int(int *p, int value);
long cxxrt_xchg_long(long *p, long value);
int cxxrt_cmpxchg_int(int *p, int expected, int value);
long cxxrt_cmpxchg_long(long *p, long expected, long value);
void cxxrt_smp_mb(void);
void cxxrt_smp_rmb(void);
void cxxrt_smp_wmb(void);

void cxxrt_refcount_set(refcount_t *r, int n);
void cxxrt_refcount_inc(refcount_t *r);
bool cxxrt_refcount_inc_not_zero(refcount_t *r);
bool cxxrt_refcount_dec_and_test(refcount_t *r);

CXXRT_HELPERS_END
#endif
