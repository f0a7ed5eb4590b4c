/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Kafka: requests that wait for their responses, and memory in which a Produce request is built anew. */
#ifndef WEFT_MAPS_KAFKA_H
#define WEFT_MAPS_KAFKA_H

#include "maps/late.h"
#include "wire/kafka_rebuild.h"
#include "wire/kafka_summary.h"

/* Of so many messages that are sent together each has a span; 0: none. Written by the agent, as what follows. */
__u32 kafka_each_most;
/* No batch is made longer than this: kafka.message_max_bytes. */
__u32 kafka_batch_most;

/* With PROPAGATION_KAFKA_TOPICS: the topics whose records are changed, by kafka_topic_sum() of their name and their id.
 */
LATE_TABLE(kafka_topics, BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC, __u64, __u8);

struct kafka_request_key {
	__u64 connection_id;
	__s32 correlation_id;
	__u32 reserved;
};

struct kafka_request {
	__u16 api_key, api_version;
	__u32 facts; /* KAFKA_ADD_* */
};

#define KAFKA_ADD_CHANGED 1u
#define KAFKA_ADD_UNTOLD 2u /* the agent knows nothing of it, and is told nothing of its response */

/* The oldest give way: a response whose request is not known any more is stepped over. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096); /* at least: see LRU_FREE */
	__type(key, struct kafka_request_key);
	__type(value, struct kafka_request);
} kafka_requests SEC(".maps");

/* Functions of their own, for their stack. `api`: key << 16 | version. */
WIRE_GLOBAL int kafka_request_add(__u64 connection_id, __u32 correlation_id, __u32 api, __u32 facts)
{
	struct kafka_request_key key = {.connection_id = connection_id, .correlation_id = (__s32)correlation_id};
	struct kafka_request value = {.api_key = api >> 16, .api_version = (__u16)api, .facts = facts};

	return (int)bpf_map_update_elem(&kafka_requests, &key, &value, BPF_ANY);
}

#define KAFKA_REQUEST_KNOWN (1ull << 40)
#define KAFKA_REQUEST_CHANGED (1ull << 32)
#define KAFKA_REQUEST_UNTOLD (1ull << 33)

/* KAFKA_REQUEST_* and its api; 0: it is not known. */
WIRE_GLOBAL __u64 kafka_request_take(__u64 connection_id, __u32 correlation_id)
{
	struct kafka_request_key key = {.connection_id = connection_id, .correlation_id = (__s32)correlation_id};
	struct kafka_request *found = bpf_map_lookup_elem(&kafka_requests, &key);
	__u64 request;

	if (!found)
		return 0;
	request = KAFKA_REQUEST_KNOWN | (found->facts & KAFKA_ADD_CHANGED ? KAFKA_REQUEST_CHANGED : 0) |
		  (found->facts & KAFKA_ADD_UNTOLD ? KAFKA_REQUEST_UNTOLD : 0) | (__u32)found->api_key << 16 |
		  found->api_version;
	bpf_map_delete_elem(&kafka_requests, &key);
	return request;
}

struct kafka_slot {
	__u32 claimed;
	__u32 reserved;
	struct kafka_work work;
};

/*
 * Claimed and given back as those of maps/scratch.h are, and for the same reason. Some are there from the start, so
 * that the first requests of a node are changed, too.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, KAFKA_FIRST_SLOTS);
	__type(key, __u32);
	__type(value, struct kafka_slot);
} kafka_slot SEC(".maps");
LATE_TABLE(kafka_more_slots, BPF_MAP_TYPE_ARRAY, BPF_F_INNER_MAP, __u32, struct kafka_slot);

static __always_inline struct kafka_slot *kafka_claim_of(void *slots, __u32 slot)
{
	struct kafka_slot *s = bpf_map_lookup_elem(slots, &slot);

	return s && !s->claimed && !__sync_val_compare_and_swap(&s->claimed, 0, 1) ? s : NULL;
}

static __always_inline struct kafka_slot *kafka_claim(void)
{
	void *more = late_table(&kafka_more_slots);
	__u32 slot = bpf_get_smp_processor_id();

	for (__u32 i = 0; more && i < KAFKA_MORE_SLOTS; i++, slot++) {
		struct kafka_slot *s = kafka_claim_of(more, slot % KAFKA_MORE_SLOTS);

		if (s)
			return s;
	}
	for (__u32 i = 0; i < KAFKA_FIRST_SLOTS; i++, slot++) {
		struct kafka_slot *s = kafka_claim_of(&kafka_slot, slot % KAFKA_FIRST_SLOTS);

		if (s)
			return s;
	}
	return NULL;
}

static __always_inline void kafka_release(struct kafka_slot *s)
{
	__sync_lock_test_and_set(&s->claimed, 0);
}

#endif
