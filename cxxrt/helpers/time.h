/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CXXRT_HELPERS_TIME_H
#define CXXRT_HELPERS_TIME_H
/* Timers and deferred work: linux/hrtimer.h, timer.h, workqueue.h, ktime.h, delay.h. */
#include "prelude.h"
CXXRT_HELPERS_BEGIN

void cxxrt_hrtimer_setup(struct hrtimer *timer, enum hrtimer_restart (*expired)(struct hrtimer *));
void cxxrt_end_hrtimer(struct hrtimer *timer);
void cxxrt_hrtimer_start(struct hrtimer *timer, s64 ns);
void cxxrt_hrtimer_start_at(struct hrtimer *timer, u64 ns);
void cxxrt_hrtimer_set_expiry(struct hrtimer *timer, u64 ns);
int hrtimer_cancel(struct hrtimer *timer);
bool hrtimer_active(const struct hrtimer *timer);
u64 cxxrt_hrtimer_forward_now(struct hrtimer *timer, s64 ns);
u64 cxxrt_ktime_get_ns(void);

void cxxrt_timer_setup(struct timer_list *timer, void (*expired)(struct timer_list *), const char *name,
		       struct lock_class_key *key);
int mod_timer(struct timer_list *timer, unsigned long expires);
void cxxrt_end_timer(struct timer_list *timer);
unsigned long cxxrt_jiffies(void);
void msleep(unsigned int ms);

void cxxrt_init_work(struct work_struct *work, void (*run)(struct work_struct *), const char *name,
		     struct lock_class_key *key);
bool cxxrt_schedule_work(struct work_struct *work);
bool cxxrt_schedule_long_work(struct work_struct *work);
bool cxxrt_schedule_work_on(int cpu, struct work_struct *work);
void cxxrt_end_work(struct work_struct *work);
void cxxrt_init_rcu_work(struct rcu_work *work, void (*run)(struct work_struct *), const char *name,
			 struct lock_class_key *key);
bool cxxrt_queue_rcu_work(struct rcu_work *work);
void cxxrt_end_rcu_work(struct rcu_work *work);
bool flush_rcu_work(struct rcu_work *work);
bool flush_work(struct work_struct *work);
void cxxrt_init_delayed_work(struct delayed_work *work, void (*run)(struct work_struct *), const char *name,
			     struct lock_class_key *key);
bool cxxrt_mod_delayed_work(struct delayed_work *work, unsigned long ms);
void cxxrt_end_delayed_work(struct delayed_work *work);
bool cancel_delayed_work_sync(struct delayed_work *work);
bool cancel_work_sync(struct work_struct *work);
void cxxrt_udelay(unsigned long us);
void cxxrt_usleep_range(unsigned long least_us, unsigned long most_us);

CXXRT_HELPERS_END
#endif
