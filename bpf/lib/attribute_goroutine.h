/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Goroutines and threads of which a library says which request they work on, and those that read for others. */
#ifndef WEFT_LIB_ATTRIBUTE_GOROUTINE_H
#define WEFT_LIB_ATTRIBUTE_GOROUTINE_H

#include "lib/attribute.h"

/*
 * The goroutine or thread of `key` works on exchange `id` from now on (0: on none that is known), or only reads it for
 * the one that it starts for it (TASK_HANDS_ON in `flags`).
 */
static __always_inline void attribute_goroutine(struct process_entry *p, struct task_key key, __u64 id, __u32 flags)
{
	struct task *task = task_get(key), fresh = {.current = id, .flags = flags};

	if (!task || !task_is(task, key)) {
		if (id && task_add(key, &fresh))
			count_fault(PROGRAM_PROCESS, FAULT_MAP_FULL);
		return;
	}
	if (task->birth) { /* started inside a request, and now it serves others */
		inheritance_ends(task, p, key.owner);
		task->birth = 0;
	}
	task->flags |= flags;
	if (!(flags & TASK_HANDS_ON)) /* it handles one request, and what it starts reads none */
		task->reads = 0;
	task->current = id;
}

/* The goroutine of s->task read a request of HTTP/2 connection c. */
WIRE_GLOBAL int attribute_reader(struct connection *c, struct scratch *s)
{
	struct task *task, fresh = {};

	if (!c || !s || s->task.goroutine == GOROUTINE_UNKNOWN)
		return 0;
	task = task_get(s->task);
	if (task && task_is(task, s->task)) {
		task->reads = c->id;
		return 0;
	}
	fresh.reads = c->id;
	if (task_add(s->task, &fresh))
		count_fault(s->program, FAULT_MAP_FULL);
	return 0;
}

#endif
