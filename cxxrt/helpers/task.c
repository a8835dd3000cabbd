// SPDX-License-Identifier: GPL-2.0
#include "prelude.h"
#include <linux/cred.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/sched/prio.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/security.h>
#include <linux/uidgid.h>
#include <linux/wait.h>
#include <uapi/linux/sched/types.h>
#include "task.h"

struct task_struct *cxxrt_current(void)
{
	return current;
}

const struct cred *cxxrt_get_cred(const struct cred *cred)
{
	return get_cred(cred);
}

struct task_struct *cxxrt_current_group_leader(void)
{
	return current->group_leader;
}

u32 cxxrt_current_euid(void)
{
	return __kuid_val(current_euid());
}

int cxxrt_current_pid(void)
{
	return current->pid;
}

int cxxrt_current_tgid(void)
{
	return current->tgid;
}

u32 cxxrt_euid_in_init_ns(u32 euid)
{
	return from_kuid(&init_user_ns, KUIDT_INIT(euid));
}

u32 cxxrt_euid_seen_by_current(u32 euid)
{
	return from_kuid(current_user_ns(), KUIDT_INIT(euid));
}

void cxxrt_get_task_struct(struct task_struct *task)
{
	get_task_struct(task);
}

u32 cxxrt_current_policy(void)
{
	return current->policy;
}

u32 cxxrt_current_rt_priority(void)
{
	return current->rt_priority;
}

/* What sched_setscheduler() allows, but without the audit of a failure. */
u32 cxxrt_best_rt_priority(void)
{
	if (ns_capable_noaudit(&init_user_ns, CAP_SYS_NICE))
		return MAX_RT_PRIO - 1;
	return min_t(unsigned long, rlimit(RLIMIT_RTPRIO), MAX_RT_PRIO - 1);
}

bool cxxrt_set_current_scheduling(u32 policy, u32 priority)
{
	const struct sched_attr attr = {
		.size = sizeof(attr),
		.sched_policy = policy,
		.sched_flags = current->sched_reset_on_fork ? SCHED_FLAG_RESET_ON_FORK : 0,
		.sched_nice = task_nice(current),
		.sched_priority = priority,
#if CXXRT_KERNEL_6_12
		/* Only SCHED_NORMAL and SCHED_BATCH look at it. */
		.sched_runtime = current->se.custom_slice ? current->se.slice : 0,
#endif
	};

	return sched_setattr_nocheck(current, &attr) == 0;
}

struct pid *cxxrt_get_tgid_pid(struct task_struct *task)
{
	return get_task_pid(task, PIDTYPE_TGID);
}

int cxxrt_pid_seen_by_current(struct pid *pid)
{
	return pid_nr_ns(pid, task_active_pid_ns(current));
}

void cxxrt_poll_wait(struct file *file, struct wait_queue_head *head, struct poll_table_struct *table)
{
	poll_wait(file, head, table);
}

void cxxrt_put_cred(const struct cred *cred)
{
	put_cred(cred);
}

void cxxrt_put_task_struct(struct task_struct *task)
{
	put_task_struct(task);
}

long cxxrt_rlimit_best_nice(void)
{
	return rlimit_to_nice(rlimit(RLIMIT_NICE));
}

/* The kernel's can_nice(), which only Debian exports. */
int cxxrt_can_nice(int nice)
{
	return nice_to_rlimit(nice) <= rlimit(RLIMIT_NICE) || capable(CAP_SYS_NICE);
}

/* Without the hooks everything is allowed: task::kAsksSecurityModules. */
#if CXXRT_EXPORTS_BINDER_HOOKS
#define BINDER_HOOK(call) (call)
#else
#define BINDER_HOOK(call) 0
#endif

int cxxrt_security_binder_set_context_mgr(const struct cred *mgr)
{
	return BINDER_HOOK(security_binder_set_context_mgr(mgr));
}

int cxxrt_security_binder_transaction(const struct cred *from, const struct cred *to)
{
	return BINDER_HOOK(security_binder_transaction(from, to));
}

int cxxrt_security_binder_transfer_binder(const struct cred *from, const struct cred *to)
{
	return BINDER_HOOK(security_binder_transfer_binder(from, to));
}

int cxxrt_security_binder_transfer_file(const struct cred *from, const struct cred *to, struct file *file)
{
	return BINDER_HOOK(security_binder_transfer_file(from, to, file));
}

int cxxrt_security_cred_text(const struct cred *cred, char **text, u32 *bytes)
{
	u32 secid;

	security_cred_getsecid(cred, &secid);
	return security_secid_to_secctx(secid, text, bytes);
}

void cxxrt_security_release_text(char *text, u32 bytes)
{
	security_release_secctx(text, bytes);
}

void cxxrt_set_running(void)
{
	__set_current_state(TASK_RUNNING);
}

void cxxrt_set_sleeping_freezable(void)
{
	set_current_state(TASK_INTERRUPTIBLE | TASK_FREEZABLE);
}

bool cxxrt_signal_pending(void)
{
	return signal_pending(current);
}

u32 cxxrt_task_euid(struct task_struct *task)
{
	return __kuid_val(task_euid(task));
}

int cxxrt_task_nice(const struct task_struct *task)
{
	return task_nice(task);
}

bool cxxrt_uid_valid(u32 uid)
{
	return uid_valid(KUIDT_INIT(uid));
}

long cxxrt_wait_interruptible_timeout(struct wait_queue_head *head, bool (*is_met)(void *), void *arg, long jiffies)
{
	return wait_event_interruptible_timeout(*head, is_met(arg), jiffies);
}

int cxxrt_wait_interruptible(struct wait_queue_head *head, bool (*is_met)(void *), void *arg)
{
	return wait_event_interruptible(*head, is_met(arg));
}

bool cxxrt_waitqueue_active(struct wait_queue_head *head)
{
	return wq_has_sleeper(head);
}

CXXRT_ALWAYS void cxxrt_wake_interruptible(struct task_struct *task, u32 how)
{
	struct wait_queue_entry entry = { .private = task };

	default_wake_function(&entry, TASK_INTERRUPTIBLE, how, NULL);
}

void cxxrt_wake_up_interruptible(struct wait_queue_head *head, bool sync)
{
	if (sync)
		wake_up_interruptible_sync(head);
	else
		wake_up_interruptible(head);
}
