/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Who works on which request. A task is a thread, in a Go program a goroutine. A thread has a current request only
 * where threads block; a task that was started inside a request belongs to it only after its kind has shown that it
 * does not outlive its request. Everything else is silence: a missing parent is a number, a wrong one is a lie.
 */
#ifndef WEFT_LIB_ATTRIBUTE_H
#define WEFT_LIB_ATTRIBUTE_H

#include "lib/goroutine.h"
#include "lib/kept_readers.h"
#include "maps/carried.h"
#include "maps/connections.h"
#include "maps/counters.h"
#include "maps/grpc_core.h"
#include "maps/processes.h"
#include "maps/scratch.h"
#include "maps/tasks.h"

static __always_inline void finding(struct process_entry *p, __u32 bit)
{
	if (!(p->findings & bit))
		__sync_fetch_and_or(&p->findings, bit);
}

/*
 * Is exchange `id` under way, and was it begun in this tracing of its process? One that began while the process was let
 * go, in a program that was under way, has an end that nobody sees.
 */
static __always_inline bool exchange_goes_on(__u64 id, const struct process_entry *p)
{
	const struct exchange *e = exchange_get(id);

	return e && e->generation == p->generation;
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

/*
 * Inheritance is learned: for the threads of a process as a whole, for goroutines by the function they start with.
 * `owner` is that of the task's key. A task that was started for one request may soon work for all, and nothing tells
 * it from the others before the first has ended: so it is trusted with no more acts than were borne out. It has done
 * `acts` of them.
 */
static __always_inline bool inherits(const struct task *task, const struct process_entry *p, __u64 owner, __u32 acts)
{
	struct start_site *site;

	WIRE_OPAQUE(acts);
	acts &= INHERIT_ACTS - 1;
	if (!task->site)
		return !(p->findings & FINDING_INHERIT_OFF) && p->good_births[acts] >= INHERIT_AFTER_BIRTHS;
	site = start_site_get((__u32)owner, task->site);
	return site && !site->off && site->good_births[acts] >= INHERIT_AFTER_BIRTHS;
}

/* For good: tasks of this kind do not keep within the exchange they are started in. */
static __always_inline void inheritance_ends(const struct task *task, struct process_entry *p, __u64 owner)
{
	struct start_site *site;
	struct go_process *go;

	if (!task->site) {
		finding(p, FINDING_INHERIT_OFF);
		return;
	}
	site = start_site_get((__u32)owner, task->site);
	if (!site || __sync_lock_test_and_set(&site->off, 1))
		return;
	go = go_process_get(owner >> 32);
	if (go)
		__sync_fetch_and_add(&go->sites_off, 1);
}

/* One that did its work inside its birth exchange has ended there. */
static __always_inline void good_birth(const struct task *task, __u64 owner)
{
	struct process_entry *p;
	struct start_site *site;
	struct go_process *go;

	if (!task->site) {
		p = process_get(owner >> 32);
		for (__u32 acts = 0; p && acts < INHERIT_ACTS && acts < task->acts; acts++)
			__sync_fetch_and_add(&p->good_births[acts], 1);
		return;
	}
	site = start_site_get((__u32)owner, task->site);
	if (!site)
		return;
	for (__u32 acts = 1; acts < INHERIT_ACTS && acts < task->acts; acts++)
		__sync_fetch_and_add(&site->good_births[acts], 1);
	if (__sync_fetch_and_add(&site->good_births[0], 1) + 1 != INHERIT_AFTER_BIRTHS)
		return;
	go = go_process_get(owner >> 32);
	if (go)
		__sync_fetch_and_add(&go->sites_learned, 1);
}

/* The task of s->task read the head of server exchange s->exchange.id on connection c: is it its current request now?
 */
WIRE_GLOBAL int attribute_begin(struct connection *c, struct scratch *s, struct process_entry *p)
{
	struct task *task, fresh = {};
	bool blocks;

	if (!c || !s || !p || (p->flags & PROCESS_TASK_NONE) || s->task_unknown ||
	    s->task.goroutine == GOROUTINE_UNKNOWN)
		return 0;
	blocks = (p->flags & PROCESS_TASK_THREAD) != 0;
	task = task_get(s->task);
	if (task && (task->flags & TASK_TOLD))
		return 0;
	if (s->task.goroutine && p->go_rests) {
		fresh.flags = reader_flags(c, s, task);
		if (task)
			task->flags = (task->flags & ~TASK_KEPT) | fresh.flags;
	}
	/* A goroutine that waits for its socket is another one's thread meanwhile, hence non-blocking. */
	if (!blocks && !s->task.goroutine && s->nonblocking && !(p->flags & PROCESS_BLOCKING_KNOWN)) {
		finding(p, FINDING_NONBLOCKING);
		if (task) {
			task->flags |= TASK_LOOP;
			task->current = 0;
		} else {
			fresh.flags = TASK_LOOP;
			task_add(s->task, &fresh);
		}
		return 0;
	}
	if (!task) {
		fresh.current = s->exchange.id;
		if (task_add(s->task, &fresh))
			count_fault(s->program, FAULT_MAP_FULL);
		return 0;
	}
	if (task->birth) { /* started inside a request, and now it serves others */
		inheritance_ends(task, p, s->task.owner);
		task->birth = 0;
	}
	if ((task->flags & TASK_LOOP) && !blocks)
		return 0;
	if (task->current) {
		struct exchange *e = exchange_get(task->current);

		if (e && e->connection_id == c->id && c->protocol != PROTOCOL_HTTP2)
			return 0; /* pipelined: the oldest unanswered one stays current */
		/* Not of a record, whose processing ends here, nor of an earlier tracing. */
		if (e && e->connection_id && e->generation == p->generation && !blocks) {
			finding(p, FINDING_OVERLAPPING);
			task->flags |= TASK_LOOP;
			task->current = 0;
			return 0;
		}
	}
	if (task_is(task, s->task))
		task->current = s->exchange.id;
	return 0;
}

/* The exchange `ended` is over; `next` (0 = none) is the oldest unanswered one of the same connection. */
static __always_inline void attribute_end(const struct exchange *ended, __u64 next, __u32 next_mark)
{
	struct task_key reader = {.owner = (__u64)ended->tgid << 32 | ended->tid, .goroutine = ended->goroutine};
	struct task *task = task_get(reader);

	if (!task || task->current != ended->id)
		return;
	task->current = task_mark(&reader) == next_mark ? next : 0;
	if (!task->current && task_may_go(task))
		task_remove(reader);
}

/*
 * The live exchange that a task works on goes to *id. Returns an enum attribution: TASK, INHERITED or NONE. REQUIRES:
 * it is doing something now; that tells whether it keeps within the exchange it was started in.
 */
static __always_inline __u32 task_works_on(struct task *task, struct process_entry *p, __u64 owner, __u64 *id)
{
	__u32 acts;

	if (task->flags & TASK_HANDS_ON)
		return ATTRIBUTION_NONE;
	if (task->current) {
		*id = task->current;
		return exchange_goes_on(task->current, p) ? ATTRIBUTION_TASK : ATTRIBUTION_NONE;
	}
	if (!task->birth)
		return ATTRIBUTION_NONE;
	if (!exchange_goes_on(task->birth, p)) {
		inheritance_ends(task, p, owner); /* it outlived the request and works on */
		task->birth = 0;
		return ATTRIBUTION_NONE;
	}
	acts = task->acts;
	*id = task->birth;
	return inherits(task, p, owner, acts < INHERIT_ACTS ? acts : INHERIT_ACTS - 1) ? ATTRIBUTION_INHERITED
										       : ATTRIBUTION_NONE;
}

/* The task did what task_works_on was asked for: sent something, or started another one. */
static __always_inline void task_acted(struct task *task, struct task_key key)
{
	__u16 acts = task->acts;

	if (task->birth && acts < INHERIT_ACTS && task_is(task, key))
		task->acts = acts + 1;
}

/* For whom the task of `key` calls now. */
static __always_inline struct go_send task_calls(struct process_entry *p, struct task_key key)
{
	struct task *task = p->flags & PROCESS_TASK_NONE ? NULL : task_get(key);
	struct go_send send = {};
	__u64 exchange = 0;

	if (!task)
		return send;
	send.attribution = task_works_on(task, p, key.owner, &exchange);
	if (!task->current)
		task_acted(task, key);
	if (!task_is(task, key))
		send.attribution = ATTRIBUTION_NONE;
	if (send.attribution != ATTRIBUTION_NONE)
		send.exchange_id = exchange;
	return send;
}

/* The request that the task of s->task works on goes to s->parent. Returns an enum attribution: TASK, INHERITED, NONE.
 */
WIRE_GLOBAL int attribute_task(struct scratch *s, struct process_entry *p)
{
	struct task *task;
	__u32 attribution;
	__u64 id = 0;

	if (!s || !p)
		return ATTRIBUTION_NONE;
	s->parent.exchange_id = 0;
	if ((p->flags & PROCESS_TASK_NONE) || s->task_unknown)
		return ATTRIBUTION_NONE;
	task = task_get(s->task);
	if (!task)
		return ATTRIBUTION_NONE;
	attribution = task_works_on(task, p, s->task.owner, &id);
	s->in_birth = task->birth && !task->current;
	if (attribution == ATTRIBUTION_NONE || !task_is(task, s->task) || !exchange_copy(id, &s->exchange) ||
	    s->exchange.tgid != s->task.owner >> 32)
		return ATTRIBUTION_NONE;
	parent_is(s, &s->exchange);
	return attribution;
}

/* A task of process p was started by `parent`, at `site` (see struct task). False: that passes nothing on. */
static __always_inline bool attribute_birth(struct process_entry *p, struct task_key parent_key, struct task_key child,
					    __u64 site)
{
	struct task *parent = task_get(parent_key), fresh = {.site = site};
	struct start_site *known;
	__u64 birth = 0;
	__u32 kind;

	if (!parent)
		return false;
	known = site ? start_site_get((__u32)child.owner, site) : NULL;
	kind = known ? known->kind : START_SITE_LEARNED;
	if (kind == START_SITE_LEARNED)
		fresh.reads = parent->reads; /* what the parent has read already, the child may go on with */
	if (parent->flags & TASK_HANDS_ON) { /* works for none of those it reads for, but for starting who does */
		if (kind == START_SITE_HANDLER && exchange_goes_on(parent->current, p))
			birth = parent->current;
	} else if (task_works_on(parent, p, parent_key.owner, &birth) == ATTRIBUTION_NONE) {
		birth = 0; /* who was started inside a request passes it on once its kind is known to keep within it */
	}
	/* What never inherits is nothing that was done for the request: net/http opens connections that way. */
	if (!(parent->flags & TASK_HANDS_ON) && !parent->current && !(known && known->off))
		task_acted(parent, parent_key);
	if ((!birth && !fresh.reads) || !task_is(parent, parent_key))
		return false;
	if (kind == START_SITE_LEARNED)
		fresh.birth = birth;
	else
		fresh.current = birth;
	if (birth && site && !known && start_site_add((__u32)child.owner, site))
		return true;
	if (task_add(child, &fresh))
		count_fault(PROGRAM_PROCESS, FAULT_MAP_FULL);
	return true;
}

/* A task ends. What it did inside its birth exchange, and only there, speaks for inheritance. */
static __always_inline void attribute_death(struct task_key key)
{
	struct task *task = task_get(key);

	if (!task)
		return;
	if (task->birth && task->acts && exchange_get(task->birth))
		good_birth(task, key.owner);
	task_remove(key);
}

#endif
