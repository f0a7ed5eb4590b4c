/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* What is known of a thread of a traced process: its current request, or the request it was started in. */
#ifndef WEFT_MAPS_TASKS_H
#define WEFT_MAPS_TASKS_H

#include "wire/port.h"

#define TASK_LOOP (1u << 0)   /* runs an event loop: never attributed by thread */
#define TASK_WORKED (1u << 1) /* sent something inside its birth exchange */

struct task {
	__u64 current; /* exchange id; dead as soon as the exchange is gone from `exchanges` */
	__u64 birth;   /* exchange id that was current where this thread was started; 0 once it serves by itself */
	__u32 flags;
	__u32 reserved;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u64); /* tgid << 32 | tid */
	__type(value, struct task);
} tasks SEC(".maps");

static __always_inline struct task *task_get(__u64 pid_tgid)
{
	return bpf_map_lookup_elem(&tasks, &pid_tgid);
}

static __always_inline long task_add(__u64 pid_tgid, const struct task *task)
{
	return bpf_map_update_elem(&tasks, &pid_tgid, task, BPF_ANY);
}

static __always_inline long task_remove(__u64 pid_tgid)
{
	return bpf_map_delete_elem(&tasks, &pid_tgid);
}

#endif
