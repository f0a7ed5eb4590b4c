/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Goroutines that read one request after the other while their process rests: births and ends are not seen, so each is
 * kept in `tasks` for as long as the connection it reads from, instead of being added and removed for each request.
 */
#ifndef WEFT_LIB_KEPT_READERS_H
#define WEFT_LIB_KEPT_READERS_H

#include "maps/connections.h"
#include "maps/exchanges.h"
#include "maps/scratch.h"
#include "maps/tasks.h"

/* Its end will not be seen, and nothing is known of it that outlives the request it serves. */
static __always_inline bool task_may_go(const struct task *task)
{
	return (task->flags & (TASK_BRIEF | TASK_KEPT | TASK_LOOP)) == TASK_BRIEF && !task->reads;
}

/* The goroutine that reads from c need not be remembered for its sake. */
WIRE_GLOBAL int reader_leaves(struct connection *c)
{
	struct task_key reader;
	struct task *task;

	if (!c || !__sync_bool_compare_and_swap(&c->keeps, 1, 0))
		return 0;
	reader = c->reader;
	task = task_get(reader);
	if (task)
		task->flags &= ~TASK_KEPT;
	/* Orders the two sides: while its request lives, whoever ends that finds the flag gone, and removes the task.
	 */
	__sync_fetch_and_add(&tasks_kept, -1);
	if (task && task_may_go(task) && !(task->current && exchange_get(task->current)) && task_is(task, reader))
		task_remove(reader);
	return 0;
}

/*
 * A goroutine whose end will not be seen has read a request on c: what is to be known of it? One that has read the last
 * one, too, is likely to read the next: it is kept. So is one that is kept for another connection, which may end now.
 */
static __always_inline __u16 reader_flags(struct connection *c, const struct scratch *s, const struct task *task)
{
	bool kept = task && (task->flags & TASK_KEPT);

	if (c->protocol == PROTOCOL_HTTP2 || (task && (task->flags & TASK_LOOP)))
		return TASK_BRIEF;
	if (c->reader.goroutine == s->task.goroutine && c->reader.owner == s->task.owner) {
		kept = true;
	} else {
		reader_leaves(c);
		c->reader = s->task;
	}
	if (kept && tasks_kept < TASKS_KEPT_MOST && __sync_bool_compare_and_swap(&c->keeps, 0, 1))
		__sync_fetch_and_add(&tasks_kept, 1);
	return c->keeps ? TASK_BRIEF | TASK_KEPT : TASK_BRIEF;
}

/*
 * Need nothing be said to the one who read it on c, when it ends and no other waits there? Kept as it is, its current
 * exchange is over, and so nobody's.
 */
static __always_inline bool reader_stays(const struct connection *c, const struct exchange *ended)
{
	return c->keeps && c->reader.goroutine == ended->goroutine &&
	       c->reader.owner == ((__u64)ended->tgid << 32 | ended->tid);
}

#endif
