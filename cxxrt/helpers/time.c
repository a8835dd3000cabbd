// SPDX-License-Identifier: GPL-2.0
#include "prelude.h"
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/sched/task_stack.h>
#include <linux/timer.h>
#include <linux/workqueue.h>
#include "time.h"

/* Where the life of objects is watched (CONFIG_DEBUG_OBJECTS), those on a stack have to be told apart. */
static bool is_watched_on_stack(const void *object)
{
	return IS_ENABLED(CONFIG_DEBUG_OBJECTS) && object_is_on_stack(object);
}

void cxxrt_end_hrtimer(struct hrtimer *timer)
{
	hrtimer_cancel(timer);
	if (is_watched_on_stack(timer))
		destroy_hrtimer_on_stack(timer);
}

void cxxrt_end_timer(struct timer_list *timer)
{
	timer_shutdown_sync(timer);
	if (is_watched_on_stack(timer))
		destroy_timer_on_stack(timer);
}

void cxxrt_end_work(struct work_struct *work)
{
	cancel_work_sync(work);
	if (is_watched_on_stack(work))
		destroy_work_on_stack(work);
}

u64 cxxrt_hrtimer_forward_now(struct hrtimer *timer, s64 ns)
{
	return hrtimer_forward_now(timer, ns_to_ktime(ns));
}

void cxxrt_hrtimer_setup(struct hrtimer *timer, enum hrtimer_restart (*expired)(struct hrtimer *))
{
	if (is_watched_on_stack(timer))
		hrtimer_init_on_stack(timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	else
		hrtimer_init(timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	timer->function = expired;
}

void cxxrt_hrtimer_start(struct hrtimer *timer, s64 ns)
{
	hrtimer_start(timer, ns_to_ktime(ns), HRTIMER_MODE_REL);
}

void cxxrt_hrtimer_start_at(struct hrtimer *timer, u64 ns)
{
	hrtimer_start(timer, ns_to_ktime(ns), HRTIMER_MODE_ABS);
}

void cxxrt_hrtimer_set_expiry(struct hrtimer *timer, u64 ns)
{
	hrtimer_set_expires(timer, ns_to_ktime(ns));
}

/* The macro INIT_WORK() makes a lock class of its own per expansion; the caller has one per kind. */
void cxxrt_init_work(struct work_struct *work, void (*run)(struct work_struct *), const char *name,
		     struct lock_class_key *key)
{
	__init_work(work, is_watched_on_stack(work));
	work->data = (atomic_long_t)WORK_DATA_INIT();
	lockdep_init_map(&work->lockdep_map, name, key, 0);
	INIT_LIST_HEAD(&work->entry);
	work->func = run;
}

void cxxrt_init_rcu_work(struct rcu_work *work, void (*run)(struct work_struct *), const char *name,
			 struct lock_class_key *key)
{
	cxxrt_init_work(&work->work, run, name, key);
	if (is_watched_on_stack(work))
		init_rcu_head_on_stack(&work->rcu);
}

void cxxrt_end_rcu_work(struct rcu_work *work)
{
	flush_rcu_work(work);
	cxxrt_end_work(&work->work);
	if (is_watched_on_stack(work))
		destroy_rcu_head_on_stack(&work->rcu);
}

unsigned long cxxrt_jiffies(void)
{
	return jiffies;
}

u64 cxxrt_ktime_get_ns(void)
{
	return ktime_get_ns();
}

bool cxxrt_schedule_long_work(struct work_struct *work)
{
	return queue_work(system_unbound_wq, work);
}

bool cxxrt_queue_rcu_work(struct rcu_work *work)
{
	return queue_rcu_work(system_wq, work);
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
	if (is_watched_on_stack(timer))
		init_timer_on_stack_key(timer, expired, 0, name, key);
	else
		init_timer_key(timer, expired, 0, name, key);
}

/* As cxxrt_init_work(); on a stack it would need a timer of another kind, and is never there. */
void cxxrt_init_delayed_work(struct delayed_work *work, void (*run)(struct work_struct *), const char *name,
			     struct lock_class_key *key)
{
	cxxrt_init_work(&work->work, run, name, key);
	timer_setup(&work->timer, delayed_work_timer_fn, TIMER_IRQSAFE);
}

bool cxxrt_mod_delayed_work(struct delayed_work *work, unsigned long ms)
{
	return mod_delayed_work(system_wq, work, msecs_to_jiffies(ms));
}

void cxxrt_end_delayed_work(struct delayed_work *work)
{
	cancel_delayed_work_sync(work);
}

void cxxrt_udelay(unsigned long us)
{
	udelay(us);
}

void cxxrt_usleep_range(unsigned long least_us, unsigned long most_us)
{
	usleep_range(least_us, most_us);
}
