/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* A task that works for a record of Kafka. */
#ifndef WEFT_LIB_ATTRIBUTE_RECORD_H
#define WEFT_LIB_ATTRIBUTE_RECORD_H

#include "lib/attribute.h"

/*
 * The task of s->task was given a record: may it be what the task works on? Not where it runs an event loop or reads
 * for others, nor while it serves a request.
 */
static __always_inline bool attribute_takes_record(const struct scratch *s, const struct process_entry *p)
{
	struct task *task = task_get(s->task);

	if (!task)
		return true;
	if ((task->flags & TASK_LOOP) && !(p->flags & PROCESS_TASK_THREAD))
		return false;
	if (task->flags & TASK_HANDS_ON)
		return false;
	return !task->current || !exchange_goes_on(task->current, p);
}

/* It is s->exchange.id. REQUIRES: attribute_takes_record. */
WIRE_GLOBAL int attribute_record(struct scratch *s, struct process_entry *p)
{
	struct task *task, fresh = {};

	if (!s || !p)
		return 0;
	task = task_get(s->task);
	if (s->task.goroutine && p->go_rests) {
		fresh.flags = TASK_BRIEF;
		if (task)
			task->flags |= TASK_BRIEF;
	}
	if (!task) {
		fresh.current = s->exchange.id;
		if (task_add(s->task, &fresh))
			count_fault(s->program, FAULT_MAP_FULL);
		return 0;
	}
	if (task->birth) { /* started inside a request, and now it works for others */
		inheritance_ends(task, p, s->task.owner);
		task->birth = 0;
	}
	task->current = s->exchange.id;
	return 0;
}

#endif
