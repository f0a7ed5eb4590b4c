/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Who works on which request. A thread has a current request only where threads block; a thread that was started inside
 * a request belongs to it only after its process has shown that its threads do not outlive their requests. Everything
 * else is silence: a missing parent is a number, a wrong one is a lie.
 */
#ifndef WEFT_LIB_ATTRIBUTE_H
#define WEFT_LIB_ATTRIBUTE_H

#include "maps/carried.h"
#include "maps/connections.h"
#include "maps/counters.h"
#include "maps/processes.h"
#include "maps/scratch.h"
#include "maps/tasks.h"

static __always_inline void finding(struct process_entry *p, __u32 bit)
{
	if (!(p->findings & bit))
		__sync_fetch_and_or(&p->findings, bit);
}

/* The exchange of s->exchange becomes s->parent. */
static __always_inline void parent_is(struct scratch *s, const struct exchange *e)
{
	s->parent.exchange_id = e->id;
	__builtin_memcpy(s->parent.trace_id, e->ids.trace_id, 16);
	__builtin_memcpy(s->parent.span_id, e->ids.span_id, 8);
	s->parent.flags = e->flags;
	s->parent.report = e->report;
	s->parent.tracestate_bytes = e->tracestate_bytes;
	s->parent.baggage_bytes = e->baggage_bytes;
}

/* This thread read the head of server exchange s->exchange.id on connection c: is it the thread's current request now?
 */
WIRE_GLOBAL int attribute_begin(struct connection *c, struct scratch *s, struct process_entry *p)
{
	struct task *task, fresh = {};
	bool blocks;

	if (!c || !s || !p || (p->flags & PROCESS_TASK_NONE))
		return 0;
	blocks = (p->flags & PROCESS_TASK_THREAD) != 0;
	task = task_get(s->pid_tgid);
	if (!blocks && s->nonblocking && !(p->flags & PROCESS_BLOCKING_KNOWN)) {
		finding(p, FINDING_NONBLOCKING);
		if (task) {
			task->flags |= TASK_LOOP;
			task->current = 0;
		} else {
			fresh.flags = TASK_LOOP;
			task_add(s->pid_tgid, &fresh);
		}
		return 0;
	}
	if (!task) {
		fresh.current = s->exchange.id;
		if (task_add(s->pid_tgid, &fresh))
			count_fault(s->program, FAULT_MAP_FULL);
		return 0;
	}
	if (task->birth) { /* started inside a request, and now it serves others */
		finding(p, FINDING_INHERIT_OFF);
		task->birth = 0;
	}
	if ((task->flags & TASK_LOOP) && !blocks)
		return 0;
	if (task->current) {
		struct exchange *e = exchange_get(task->current);

		if (e && e->connection_id == c->id)
			return 0; /* pipelined: the oldest unanswered one stays current */
		if (e && !blocks) {
			finding(p, FINDING_OVERLAPPING);
			task->flags |= TASK_LOOP;
			task->current = 0;
			return 0;
		}
	}
	task->current = s->exchange.id;
	return 0;
}

/* The exchange `ended` is over; `next` (0 = none) is the oldest unanswered one of the same connection. */
static __always_inline void attribute_end(const struct exchange *ended, __u64 next, __u32 next_tid)
{
	__u64 reader = (__u64)ended->tgid << 32 | ended->tid;
	struct task *task = task_get(reader);

	if (task && task->current == ended->id)
		task->current = ended->tid == next_tid ? next : 0;
}

/* The request this thread works on goes to s->parent. Returns an enum attribution: TASK, INHERITED or NONE. */
WIRE_GLOBAL int attribute_task(struct scratch *s, struct process_entry *p)
{
	struct task *task;

	if (!s || !p)
		return ATTRIBUTION_NONE;
	s->parent.exchange_id = 0;
	if (p->flags & PROCESS_TASK_NONE)
		return ATTRIBUTION_NONE;
	task = task_get(s->pid_tgid);
	if (!task)
		return ATTRIBUTION_NONE;
	if (task->current) {
		if (!exchange_copy(task->current, &s->exchange))
			return ATTRIBUTION_NONE;
		parent_is(s, &s->exchange);
		return ATTRIBUTION_TASK;
	}
	if (!task->birth)
		return ATTRIBUTION_NONE;
	if (!exchange_copy(task->birth, &s->exchange)) {
		finding(p, FINDING_INHERIT_OFF); /* it outlived the request and works on */
		task->birth = 0;
		return ATTRIBUTION_NONE;
	}
	task->flags |= TASK_WORKED;
	if ((p->findings & FINDING_INHERIT_OFF) || p->good_births < INHERIT_AFTER_BIRTHS)
		return ATTRIBUTION_NONE;
	parent_is(s, &s->exchange);
	return ATTRIBUTION_INHERITED;
}

/* A thread of a traced process was started by `parent_task`. */
static __always_inline void attribute_birth(__u64 parent_task, __u64 child_task)
{
	struct task *parent = task_get(parent_task), fresh = {};

	if (!parent)
		return;
	fresh.birth = parent->current ? parent->current : parent->birth;
	if (fresh.birth)
		task_add(child_task, &fresh);
}

/* A thread ends. What it did inside its birth exchange, and only there, speaks for inheritance. */
static __always_inline void attribute_death(__u64 pid_tgid)
{
	struct task *task = task_get(pid_tgid);

	if (!task)
		return;
	if (task->birth && (task->flags & TASK_WORKED) && exchange_get(task->birth)) {
		struct process_entry *p = process_get(pid_tgid >> 32);
		if (p)
			__sync_fetch_and_add(&p->good_births, 1);
	}
	task_remove(pid_tgid);
}

#endif
