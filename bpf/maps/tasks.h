/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* What is known of a thread or goroutine of a traced process: its current request, or the one it was started in. */
#ifndef WEFT_MAPS_TASKS_H
#define WEFT_MAPS_TASKS_H

#include "wire/go.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 32768);
	__type(key, struct task_key);
	__type(value, struct task);
} tasks SEC(".maps");

/* So many connections keep the goroutine that reads from them there; of others it is added for each request anew. */
#define TASKS_KEPT_MOST 16384
__s32 tasks_kept = 0;

/* Tells the tasks of one connection apart. */
static __always_inline __u32 task_mark(const struct task_key *key)
{
	return key->goroutine ? (__u32)key->goroutine : (__u32)key->owner;
}

/* By value: before Linux 6.2 no key may lie in memory that a global function was given as an argument. */
static __always_inline struct task *task_get(struct task_key key)
{
	return bpf_map_lookup_elem(&tasks, &key);
}

static __always_inline long task_add(struct task_key key, struct task *task)
{
	task->mark = task_mark(&key);
	return bpf_map_update_elem(&tasks, &key, task, BPF_ANY);
}

/*
 * Is it still the one of this key? Another processor may have removed it since task_get, and its memory be another's.
 * Asked after reading it, and right before writing.
 */
static __always_inline bool task_is(const struct task *task, struct task_key key)
{
	barrier();
	return *(volatile __u32 *)&task->mark == task_mark(&key);
}

static __always_inline long task_remove(struct task_key key)
{
	return bpf_map_delete_elem(&tasks, &key);
}

static __always_inline struct task_key thread_key(__u32 tgid, __u32 tid)
{
	struct task_key key = {.owner = (__u64)tgid << 32 | tid};

	return key;
}

#endif
