/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Tasks that are given records of Kafka, and whose tasks the consumers' are. */
#ifndef WEFT_MAPS_KAFKA_CONSUMERS_H
#define WEFT_MAPS_KAFKA_CONSUMERS_H

#include "maps/late.h"
#include "maps/tasks.h"
#include "wire/kafka_consume.h"

/* franz-go is asked for several records and gives them one by one: how far that is. */
enum kafka_batch {
	KAFKA_BATCH_NONE = 0, /* another library */
	KAFKA_BATCH_ASKED,    /* what the library itself does with records meanwhile is nobody's work */
	KAFKA_BATCH_HERE,
	KAFKA_BATCH_COUNTED, /* one of it was given; the others prove nothing, for nobody had to ask for them */
};

struct kafka_consumer {
	__u64 exchange_id; /* of the record that is being processed; 0: none */
	__u64 given_ns;	   /* since then; or when it last asked */
	__u64 from;	   /* client, queue or topic that the call at hand asks; in Go what was asked last */
	__u64 messages;	   /* where the call puts them; 0: it gives one back */
	__s32 partition;
	__u16 asking;
	__u16 batch; /* enum kafka_batch */
};

LATE_TABLE(kafka_consumers, BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC, struct task_key, struct kafka_consumer);

static __always_inline struct kafka_consumer *kafka_consumer_get(struct task_key task)
{
	return late_lookup(&kafka_consumers, &task);
}

/* What is asked for records, and the task that asks. */
struct kafka_source {
	__u64 from;
	__u32 tgid;
	__s32 partition;
};

struct kafka_asker {
	__u64 number; /* of the thread or the goroutine; KAFKA_SOURCE_SHARED: several */
	__u32 given;  /* records, of a batch one, up to KAFKA_SOURCE_PROVEN */
	__u32 reserved;
};

#define KAFKA_SOURCE_SHARED (~0ULL)
/* So many records in a row to one task: then it is one that asks, works, and asks again. */
#define KAFKA_SOURCE_PROVEN 16u

LATE_TABLE(kafka_sources, BPF_MAP_TYPE_LRU_HASH, 0, struct kafka_source, struct kafka_asker);

static __always_inline struct kafka_source kafka_source_of(const struct kafka_consumer *consumer, struct task_key task)
{
	struct kafka_source source = {
	    .from = consumer->from, .tgid = task.owner >> 32, .partition = consumer->partition};

	return source;
}

static __always_inline __u64 kafka_asker_number(struct task_key task)
{
	return task.goroutine ? task.goroutine : (__u32)task.owner;
}

/* Of the same process as `task`, and of its kind. */
static __always_inline struct task_key kafka_asker_task(struct task_key task, __u64 number)
{
	if (task.goroutine)
		task.goroutine = number;
	else
		task.owner = task.owner >> 32 << 32 | (__u32)number;
	return task;
}

static __always_inline struct kafka_asker *kafka_asker_get(const struct kafka_consumer *consumer, struct task_key task)
{
	struct kafka_source source = kafka_source_of(consumer, task);

	return late_lookup(&kafka_sources, &source);
}

static __always_inline bool kafka_asker_is(const struct kafka_asker *asker, struct task_key task)
{
	return *(volatile __u64 *)&asker->number == kafka_asker_number(task);
}

/*
 * This task asks for records. Returns the number of another one that did so before, 0: none. Where several do, a record
 * may be anybody's (one fetches for others; a pool's take turns), and what the other was given is over for it.
 */
static __always_inline __u64 kafka_source_asked(const struct kafka_consumer *consumer, struct task_key task)
{
	struct kafka_source source = kafka_source_of(consumer, task);
	struct kafka_asker fresh = {.number = kafka_asker_number(task)}, *asker = late_lookup(&kafka_sources, &source);
	__u64 before;

	if (!asker) {
		late_update(&kafka_sources, &source, &fresh, BPF_NOEXIST);
		return 0;
	}
	if (kafka_asker_is(asker, task))
		return 0;
	before = __sync_lock_test_and_set(&asker->number, KAFKA_SOURCE_SHARED);
	return before == KAFKA_SOURCE_SHARED ? 0 : before;
}

enum kafka_source_state { KAFKA_SOURCE_UNSURE = 0, KAFKA_SOURCE_OURS, KAFKA_SOURCE_ANYBODYS };

/* It was given one. */
static __always_inline enum kafka_source_state kafka_source_gives(struct kafka_consumer *consumer, struct task_key task)
{
	struct kafka_asker *asker = kafka_asker_get(consumer, task);
	bool counted = consumer->batch == KAFKA_BATCH_COUNTED;

	if (consumer->batch)
		consumer->batch = KAFKA_BATCH_COUNTED;

	if (!asker)
		return KAFKA_SOURCE_UNSURE;
	if (!kafka_asker_is(asker, task))
		return KAFKA_SOURCE_ANYBODYS;
	if (asker->given >= KAFKA_SOURCE_PROVEN)
		return KAFKA_SOURCE_OURS;
	if (!counted)
		asker->given++;
	return KAFKA_SOURCE_UNSURE;
}

/* Still of this task alone? */
static __always_inline bool kafka_source_is(const struct kafka_consumer *consumer, struct task_key task)
{
	struct kafka_asker *asker = kafka_asker_get(consumer, task);

	return asker && kafka_asker_is(asker, task);
}

/* There is no such source any more; its address may become that of another one. */
static __always_inline void kafka_source_ends(const struct kafka_consumer *consumer, struct task_key task)
{
	struct kafka_source source = kafka_source_of(consumer, task);

	late_delete(&kafka_sources, &source);
}

/* The task is over: another one may take its place. */
static __always_inline void kafka_source_leave(const struct kafka_consumer *consumer, struct task_key task)
{
	if (kafka_source_is(consumer, task))
		kafka_source_ends(consumer, task);
}

#endif
