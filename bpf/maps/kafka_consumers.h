/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Threads that are given records of Kafka, and whose threads the consumers' are. */
#ifndef WEFT_MAPS_KAFKA_CONSUMERS_H
#define WEFT_MAPS_KAFKA_CONSUMERS_H

#include "wire/kafka_consume.h"

struct kafka_consumer {
	__u64 exchange_id; /* of the record that is being processed; 0: none */
	__u64 from;	   /* client, queue or topic that the call at hand asks */
	__u64 messages;	   /* where the call puts them; 0: it gives one back */
	__s32 partition;
	__u32 asking;
};

/* By thread: its process << 32 | its number. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct kafka_consumer);
} kafka_consumers SEC(".maps");

static __always_inline struct kafka_consumer *kafka_consumer_get(__u64 thread)
{
	return bpf_map_lookup_elem(&kafka_consumers, &thread);
}

/* The thread that is given its records. */
struct kafka_source {
	__u64 from;
	__u32 tgid;
	__s32 partition;
};
#define KAFKA_SOURCE_SHARED (~0u)

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct kafka_source);
	__type(value, __u32);
} kafka_sources SEC(".maps");

/*
 * Is this thread the only one that is given records from there? Where several are, a record may be anybody's: one that
 * fetches for others, say.
 */
static __always_inline bool kafka_source_is_of(const struct kafka_consumer *consumer, __u64 thread)
{
	struct kafka_source source = {.from = consumer->from, .tgid = thread >> 32, .partition = consumer->partition};
	__u32 tid = thread, *known = bpf_map_lookup_elem(&kafka_sources, &source);

	if (!known) {
		bpf_map_update_elem(&kafka_sources, &source, &tid, BPF_NOEXIST);
		known = bpf_map_lookup_elem(&kafka_sources, &source);
		if (!known)
			return false;
	}
	if (*(volatile __u32 *)known == tid)
		return true;
	*(volatile __u32 *)known = KAFKA_SOURCE_SHARED;
	return false;
}

/* The thread is over: another one may take its place. */
static __always_inline void kafka_source_leave(const struct kafka_consumer *consumer, __u64 thread)
{
	struct kafka_source source = {.from = consumer->from, .tgid = thread >> 32, .partition = consumer->partition};
	__u32 tid = thread, *known = bpf_map_lookup_elem(&kafka_sources, &source);

	if (known && *(volatile __u32 *)known == tid)
		bpf_map_delete_elem(&kafka_sources, &source);
}

#endif
