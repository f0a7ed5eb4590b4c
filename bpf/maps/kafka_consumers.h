/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Threads that are given records of Kafka, and whose threads the consumers' are. */
#ifndef WEFT_MAPS_KAFKA_CONSUMERS_H
#define WEFT_MAPS_KAFKA_CONSUMERS_H

#include "maps/late.h"
#include "wire/kafka_consume.h"

struct kafka_consumer {
	__u64 exchange_id; /* of the record that is being processed; 0: none */
	__u64 given_ns;	   /* since then */
	__u64 from;	   /* client, queue or topic that the call at hand asks */
	__u64 messages;	   /* where the call puts them; 0: it gives one back */
	__s32 partition;
	__u32 asking;
};

/* By thread: its process << 32 | its number. */
LATE_TABLE(kafka_consumers, BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC, __u64, struct kafka_consumer);

static __always_inline struct kafka_consumer *kafka_consumer_get(__u64 thread)
{
	return late_lookup(&kafka_consumers, &thread);
}

/* What is asked for records, and the thread that asks. */
struct kafka_source {
	__u64 from;
	__u32 tgid;
	__s32 partition;
};

struct kafka_asker {
	__u32 tid;   /* KAFKA_SOURCE_SHARED: several */
	__u32 given; /* records, up to KAFKA_SOURCE_PROVEN */
};

#define KAFKA_SOURCE_SHARED (~0u)
/* So many records in a row to one thread: then it is one that asks, works, and asks again. */
#define KAFKA_SOURCE_PROVEN 16u

LATE_TABLE(kafka_sources, BPF_MAP_TYPE_LRU_HASH, 0, struct kafka_source, struct kafka_asker);

static __always_inline struct kafka_asker *kafka_asker_get(const struct kafka_consumer *consumer, __u64 thread)
{
	struct kafka_source source = {.from = consumer->from, .tgid = thread >> 32, .partition = consumer->partition};

	return late_lookup(&kafka_sources, &source);
}

/*
 * This thread asks for records. Returns another one that did so before, 0: none. Where several do, a record may be
 * anybody's (one fetches for others; a pool's threads take turns), and what the other was given is over for it.
 */
static __always_inline __u32 kafka_source_asked(const struct kafka_consumer *consumer, __u64 thread)
{
	struct kafka_source source = {.from = consumer->from, .tgid = thread >> 32, .partition = consumer->partition};
	struct kafka_asker fresh = {.tid = thread}, *asker = kafka_asker_get(consumer, thread);
	__u32 before;

	if (!asker) {
		late_update(&kafka_sources, &source, &fresh, BPF_NOEXIST);
		return 0;
	}
	if (*(volatile __u32 *)&asker->tid == (__u32)thread)
		return 0;
	before = __sync_lock_test_and_set(&asker->tid, KAFKA_SOURCE_SHARED);
	return before == KAFKA_SOURCE_SHARED ? 0 : before;
}

enum kafka_source_state { KAFKA_SOURCE_UNSURE = 0, KAFKA_SOURCE_OURS, KAFKA_SOURCE_ANYBODYS };

/* It was given one. */
static __always_inline enum kafka_source_state kafka_source_gives(const struct kafka_consumer *consumer, __u64 thread)
{
	struct kafka_asker *asker = kafka_asker_get(consumer, thread);

	if (!asker)
		return KAFKA_SOURCE_UNSURE;
	if (*(volatile __u32 *)&asker->tid != (__u32)thread)
		return KAFKA_SOURCE_ANYBODYS;
	if (asker->given >= KAFKA_SOURCE_PROVEN)
		return KAFKA_SOURCE_OURS;
	asker->given++;
	return KAFKA_SOURCE_UNSURE;
}

/* Still of this thread alone? */
static __always_inline bool kafka_source_is(const struct kafka_consumer *consumer, __u64 thread)
{
	struct kafka_asker *asker = kafka_asker_get(consumer, thread);

	return asker && *(volatile __u32 *)&asker->tid == (__u32)thread;
}

/* There is no such source any more; its address may become that of another one. */
static __always_inline void kafka_source_ends(const struct kafka_consumer *consumer, __u64 thread)
{
	struct kafka_source source = {.from = consumer->from, .tgid = thread >> 32, .partition = consumer->partition};

	late_delete(&kafka_sources, &source);
}

/* The thread is over: another one may take its place. */
static __always_inline void kafka_source_leave(const struct kafka_consumer *consumer, __u64 thread)
{
	struct kafka_source source = {.from = consumer->from, .tgid = thread >> 32, .partition = consumer->partition};
	struct kafka_asker *asker = kafka_asker_get(consumer, thread);

	if (asker && *(volatile __u32 *)&asker->tid == (__u32)thread)
		late_delete(&kafka_sources, &source);
}

#endif
