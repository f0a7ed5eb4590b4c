/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Server exchanges that are being worked on: the context that outgoing messages continue. An entry lives from the
 * request's head to the end of its response; whoever holds an id asks here whether it is still alive. The id's low bits
 * say where it lies, without hashing or allocation: at one of a few places of the processor that it began on, which
 * stay in its cache, or, when that is taken, at one of many; when both are taken another of the many is tried.
 */
#ifndef WEFT_MAPS_EXCHANGES_H
#define WEFT_MAPS_EXCHANGES_H

#include "lib/ids.h"
#include "wire/context.h"
#include "wire/events.h"
#include "wire/head_text.h"

#define EXCHANGE_TRIES 16u
#define EXCHANGE_FAR (1ULL << 41) /* in an id: its exchange lies at one of the places that all share */
WIRE_ASSERT(ID_LANES *ID_LANE_DISTANCE == EXCHANGE_SLOTS, "each lane begins at a place of its own");

/* exchange.indexed */
#define INDEXED_VALUE (1u << 0)
#define INDEXED_TRACE (1u << 1)
#define INDEXED_MORE (1u << 2) /* it came with contexts in several formats: see received_more */

/* `id` stands at both ends: a place is used again at once, so a reader compares both after copying. */
struct exchange {
	__u64 id; /* 0: free, or not complete yet */
	__u64 connection_id;
	__u32 tgid;
	__u32 tid; /* with goroutine: the task_key of who read it */
	struct wire_ids ids;
	__u8 flags; /* W3C */
	__u8 indexed;
	__u16 tracestate_bytes;
	__u16 baggage_bytes;
	__u8 report;	   /* its client exchanges are reported in full, sampled or not */
	__u8 baggage_kept; /* the policy had nothing against it: what goes on is what came */
	__u64 received;	   /* text_sum of the context value as received; see INDEXED_VALUE */
	__u32 generation;  /* of the tracing of the process */
	__u32 claimed;
	__u64 goroutine;
	__u64 baggage_sum; /* of the baggage as received, by which it is known when it is sent on; 0: of none */
	__u64 id_again;
};
WIRE_ASSERT(sizeof(struct exchange) == 104, "exchange layout");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, EXCHANGE_PLACES(ID_LANES)); /* set before load: for as many lanes as are used */
	__type(key, __u32);
	__type(value, struct exchange);
} exchanges SEC(".maps");

/* The sums of the context values in further formats that an exchange came with; 0: none. Few exchanges have any. */
struct received_more {
	__u64 sum[FORMAT_IDS];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, struct received_more);
} received_more SEC(".maps");

/* tracestate and baggage of an exchange, one behind the other. Two size classes; most exchanges need neither. */
#define EXCHANGE_TEXT_SMALL 512u
#define EXCHANGE_TEXT_LARGE 8960u

struct exchange_text_small {
	__u8 bytes[EXCHANGE_TEXT_SMALL];
};
struct exchange_text_large {
	__u8 bytes[EXCHANGE_TEXT_LARGE];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct exchange_text_small);
} texts_small SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 2048);
	__type(key, __u64);
	__type(value, struct exchange_text_large);
} texts_large SEC(".maps");

/* Order for other CPUs; x86 needs no more than the compiler's. */
static __always_inline void exchange_set_id(struct exchange *e, __u64 id)
{
	barrier();
	*(volatile __u64 *)&e->id = id;
	barrier();
}

static __always_inline struct exchange *exchange_slot(__u64 id)
{
	__u32 near = EXCHANGE_PLACES(exchange_id_lane(id)) + (id & (EXCHANGE_NEAR - 1));
	__u32 far = -(__u32)(id / EXCHANGE_FAR & 1), slot;

	WIRE_OPAQUE(far); /* all ones or nothing: a branch would have the verifier walk everything behind it twice */
	slot = (near & ~far) | (id & (EXCHANGE_SLOTS - 1) & far);
	return bpf_map_lookup_elem(&exchanges, &slot);
}

/* The live exchange `id`, or NULL. What it says may change under the reader: see exchange_copy. */
static __always_inline struct exchange *exchange_get(__u64 id)
{
	struct exchange *e = exchange_slot(id);

	return e && *(volatile __u64 *)&e->id == id ? e : NULL;
}

static __always_inline bool exchange_claims(__u64 id)
{
	struct exchange *e = exchange_slot(id);

	if (!e || __sync_val_compare_and_swap(&e->claimed, 0, 1))
		return false;
	__sync_fetch_and_add(&id_lanes[id_lane_index()].exchanges, 1);
	return true;
}

/*
 * A new id with a place for its exchange. 0: there is none. A lane's ids lie side by side, so where one place is taken
 * by another lane its neighbours are likely to be, too: each try is far from the one before, and together they go
 * round. A function of its own: what follows need not be verified for each way out of it.
 */
WIRE_GLOBAL __u64 exchange_claim(void)
{
	__u64 id = new_exchange_id();

	if (exchange_claims(id))
		return id;
	for (__u32 i = 0; i < EXCHANGE_TRIES; i++) {
		id |= EXCHANGE_FAR;
		if (exchange_claims(id))
			return id;
		exchange_ids_skip(EXCHANGE_SLOTS / EXCHANGE_TRIES);
		id = new_exchange_id();
	}
	return 0;
}

/* REQUIRES: a claim. From here on it can be found. */
static __always_inline void exchange_publish(const struct exchange *from)
{
	struct exchange *e = exchange_slot(from->id);

	if (!e)
		return;
	e->connection_id = from->connection_id;
	e->tgid = from->tgid;
	e->tid = from->tid;
	e->goroutine = from->goroutine;
	e->ids = from->ids;
	e->flags = from->flags;
	e->indexed = from->indexed;
	e->tracestate_bytes = from->tracestate_bytes;
	e->baggage_bytes = from->baggage_bytes;
	e->report = from->report;
	e->baggage_kept = from->baggage_kept;
	e->baggage_sum = from->baggage_sum;
	e->received = from->received;
	e->generation = from->generation;
	e->id_again = from->id;
	exchange_set_id(e, from->id);
}

/* Copies the live exchange `id` to `out`. False: it is over. */
static __always_inline bool exchange_copy(__u64 id, struct exchange *out)
{
	struct exchange *e = exchange_get(id);

	if (!e)
		return false;
	__builtin_memcpy(out, e, sizeof(*out));
	barrier();
	return *(volatile __u64 *)&e->id == id && *(volatile __u64 *)&e->id_again == id && out->id == id;
}

/* `text` holds at least EXCHANGE_TEXT_LARGE bytes. */
static __always_inline long exchange_text_add(__u64 id, __u32 bytes, const void *text)
{
	if (bytes <= EXCHANGE_TEXT_SMALL)
		return bpf_map_update_elem(&texts_small, &id, text, BPF_ANY);
	return bpf_map_update_elem(&texts_large, &id, text, BPF_ANY);
}

/* REQUIRES: a claim whose exchange cannot be found (not published, or taken back). */
static __always_inline void exchange_free(__u64 id)
{
	struct exchange *e = exchange_slot(id);

	if (!e)
		return;
	__sync_fetch_and_add(&id_lanes[id_lane_index()].exchanges, -1);
	__sync_lock_test_and_set(&e->claimed, 0);
}

/* Whoever ends the exchange: false for all but one. From here on it cannot be found. */
static __always_inline bool exchange_take(__u64 id, struct exchange *out)
{
	struct exchange *e = exchange_slot(id);

	return e && exchange_copy(id, out) && __sync_val_compare_and_swap(&e->id, id, 0) == id;
}

/* What exchange_take took: its place and its texts. */
static __always_inline void exchange_remove(const struct exchange *e)
{
	__u64 id = e->id;
	__u32 bytes = (__u32)e->tracestate_bytes + e->baggage_bytes;

	exchange_free(id);
	if (bytes > EXCHANGE_TEXT_SMALL)
		bpf_map_delete_elem(&texts_large, &id);
	else if (bytes)
		bpf_map_delete_elem(&texts_small, &id);
}

#endif
