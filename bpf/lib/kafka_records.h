/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* A task asks for records, and a record's processing ends, whoever ends it. */
#ifndef WEFT_LIB_KAFKA_RECORDS_H
#define WEFT_LIB_KAFKA_RECORDS_H

#include "lib/exchange.h"
#include "maps/kafka_consumers.h"

/* Why a record is no longer what its task works on. */
enum kafka_record_end {
	KAFKA_RECORD_LEFT = 0,	    /* it is no longer known whether the task does: the processing may go on */
	KAFKA_RECORD_PROCESSED = 1, /* the task has asked for the next one, or is over */
};

/*
 * Nobody works for the record of this exchange any more, which was given at `given_ns`; 0: it is not known when its
 * processing ends. A function of its own, for its stack.
 */
WIRE_GLOBAL int kafka_record_over(__u64 id, __u64 given_ns)
{
	struct record_event *event;
	struct exchange e;
	__u64 now_ns;

	if (!id || !exchange_ends(&e, id, 0, 0, NULL) || !given_ns)
		return 0;
	now_ns = bpf_ktime_get_ns();
	event = ring_reserve(EVENT_RECORD, sizeof(*event));
	if (!event)
		return 0;
	event->header.time_ns = now_ns;
	event->given_ns = given_ns;
	__builtin_memcpy(event->span_id, e.ids.span_id, 8);
	event->tgid = e.tgid;
	ring_submit(event, EVENT_RECORD);
	return 0;
}

/* Of the task of this key. By value: see maps/tasks.h. `how`: enum kafka_record_end. */
WIRE_GLOBAL int kafka_record_ends(__u64 owner, __u64 goroutine, int how)
{
	struct task_key task = {.owner = owner, .goroutine = goroutine};
	struct kafka_consumer *consumer = kafka_consumer_get(task);
	__u64 id, given_ns, taken;

	if (!consumer)
		return 0;
	id = *(volatile __u64 *)&consumer->exchange_id;
	given_ns = *(volatile __u64 *)&consumer->given_ns;
	if (!id)
		return 0;
	/* Two may do so: the task that works for it, and one that asks the same source. */
	taken = __sync_lock_test_and_set(&consumer->exchange_id, 0);
	kafka_record_over(taken, how == KAFKA_RECORD_PROCESSED && taken == id ? given_ns : 0);
	return 0;
}

/* What another task was given by this source is over: `task` has a say there, too. */
static __always_inline void kafka_others_end(const struct kafka_consumer *consumer, struct task_key task)
{
	__u64 number = kafka_source_asked(consumer, task);
	struct task_key other = kafka_asker_task(task, number);
	struct kafka_consumer *of = number ? kafka_consumer_get(other) : NULL;

	if (of && of->from == consumer->from && of->partition == consumer->partition)
		kafka_record_ends(other.owner, other.goroutine, KAFKA_RECORD_LEFT);
}

/* The task asks for records as `fresh` says. REQUIRES: what it was given before is over. */
static __always_inline void kafka_consumer_asks(struct kafka_consumer *fresh, struct task_key task)
{
	struct kafka_consumer *consumer;

	fresh->given_ns = bpf_ktime_get_ns();
	kafka_others_end(fresh, task);
	consumer = kafka_consumer_get(task);
	if (consumer)
		*consumer = *fresh;
	else if (late_update(&kafka_consumers, &task, fresh, BPF_NOEXIST))
		count_fault(PROGRAM_PROCESS, FAULT_MAP_FULL);
}

/* What `consumer` names is closed, also for whoever else asked it. */
static __always_inline void kafka_consumer_closes(const struct kafka_consumer *consumer, struct task_key task)
{
	kafka_others_end(consumer, task);
	kafka_source_ends(consumer, task);
}

/* A task is over, or its program is another one (KAFKA_RECORD_PROCESSED), or its process is no longer traced. */
static __always_inline void kafka_consumer_gone(struct task_key task, enum kafka_record_end how)
{
	struct kafka_consumer *consumer = kafka_consumer_get(task);

	if (!consumer)
		return;
	kafka_record_ends(task.owner, task.goroutine, how);
	kafka_source_leave(consumer, task);
	late_delete(&kafka_consumers, &task);
}

#endif
