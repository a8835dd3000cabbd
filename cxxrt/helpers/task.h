/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CXXRT_HELPERS_TASK_H
#define CXXRT_HELPERS_TASK_H
/* Tasks, credentials, process ids, sleeping and waking, security modules: linux/sched.h, cred.h, pid.h, security.h. */
#include "prelude.h"
CXXRT_HELPERS_BEGIN

struct task_struct *cxxrt_current(void);
int cxxrt_current_pid(void);
int cxxrt_current_tgid(void);
struct task_struct *cxxrt_current_group_leader(void);
void cxxrt_get_task_struct(struct task_struct *task);
void cxxrt_put_task_struct(struct task_struct *task);
int cxxrt_task_nice(const struct task_struct *task);
void set_user_nice(struct task_struct *task, long nice);
int cxxrt_can_nice(int nice);
long cxxrt_rlimit_best_nice(void);
u32 cxxrt_current_policy(void);
u32 cxxrt_current_rt_priority(void);
u32 cxxrt_best_rt_priority(void);
bool cxxrt_set_current_scheduling(u32 policy, u32 priority);
u32 cxxrt_task_euid(struct task_struct *task);
u32 cxxrt_current_euid(void);
u32 cxxrt_euid_seen_by_current(u32 euid);
u32 cxxrt_euid_in_init_ns(u32 euid);
bool cxxrt_uid_valid(u32 uid);
struct pid *cxxrt_get_tgid_pid(struct task_struct *task);
void put_pid(struct pid *pid);
int cxxrt_pid_seen_by_current(struct pid *pid);
const struct cred *cxxrt_get_cred(const struct cred *cred);
void cxxrt_put_cred(const struct cred *cred);

void cxxrt_set_sleeping_freezable(void);
void cxxrt_set_running(void);
void schedule(void);
bool cxxrt_signal_pending(void);
void cxxrt_wake_interruptible(struct task_struct *task, u32 how);
void cxxrt_poll_wait(struct file *file, struct wait_queue_head *head, struct poll_table_struct *table);
void cxxrt_wake_up_interruptible(struct wait_queue_head *head, bool sync);
long cxxrt_wait_interruptible_timeout(struct wait_queue_head *head, bool (*is_met)(void *), void *arg, long jiffies);
int cxxrt_wait_interruptible(struct wait_queue_head *head, bool (*is_met)(void *), void *arg);
bool cxxrt_waitqueue_active(struct wait_queue_head *head);

int cxxrt_security_binder_set_context_mgr(const struct cred *mgr);
int cxxrt_security_binder_transaction(const struct cred *from, const struct cred *to);
int cxxrt_security_binder_transfer_binder(const struct cred *from, const struct cred *to);
int cxxrt_security_binder_transfer_file(const struct cred *from, const struct cred *to, struct file *file);
int cxxrt_security_cred_text(const struct cred *cred, char **text, u32 *bytes);
void cxxrt_security_release_text(char *text, u32 bytes);

CXXRT_HELPERS_END
#endif
