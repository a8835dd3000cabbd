// SPDX-License-Identifier: GPL-2.0
#include "prelude.h"
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/timer.h>
#include <linux/workqueue.h>
#include "time.h"

u64 cxxrt_hrtimer_forward_now(struct hrtimer *timer, s64 ns)
{
	return hrtimer_forward_now(timer, ns_to_ktime(ns));
}

void cxxrt_hrtimer_setup(struct hrtimer *timer, enum hrtimer_restart (*expired)(struct hrtimer *))
{
	hrtimer_init(timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	timer->function = expired;
}

void cxxrt_hrtimer_start(struct hrtimer *timer, s64 ns)
{
	hrtimer_start(timer, ns_to_ktime(ns), HRTIMER_MODE_REL);
}

/* The macro INIT_WORK() makes a lock class of its own per expansion; the caller has one per kind. */
void cxxrt_init_work(struct work_struct *work, void (*run)(struct work_struct *), const char *name,
		     struct lock_class_key *key)
{
	__init_work(work, 0);
	work->data = (atomic_long_t)WORK_DATA_INIT();
	lockdep_init_map(&work->lockdep_map, name, key, 0);
	INIT_LIST_HEAD(&work->entry);
	work->func = run;
}

unsigned long cxxrt_jiffies(void)
{
	return jiffies;
}

u64 cxxrt_ktime_get_ns(void)
{
	return ktime_get_ns();
}

bool cxxrt_schedule_work(struct work_struct *work)
{
	return schedule_work(work);
}

bool cxxrt_schedule_work_on(int cpu, struct work_struct *work)
{
	return schedule_work_on(cpu, work);
}

void cxxrt_timer_setup(struct timer_list *timer, void (*expired)(struct timer_list *), const char *name,
		       struct lock_class_key *key)
{
	init_timer_key(timer, expired, 0, name, key);
}

int cxxrt_timer_shutdown_sync(struct timer_list *timer)
{
	return timer_shutdown_sync(timer);
}
