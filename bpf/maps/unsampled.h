/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What is to be reported of exchanges that are not sampled, from their beginning to their end. The low bits of the
 * exchange id say where it lies: at one of a few places of the processor that it began on, which stay in its cache, or,
 * when that is taken, at one of many; when both are taken, the exchange is reported in full.
 */
#ifndef WEFT_MAPS_UNSAMPLED_H
#define WEFT_MAPS_UNSAMPLED_H

#include "lib/ids.h"
#include "maps/ring.h"

struct unsampled {
	__u64 claimed;		      /* by this exchange; 0: free */
	struct unsampled_event event; /* directly before the text: both go out as one record */
	__u8 text[UNSAMPLED_TEXT_MAX];
};
WIRE_ASSERT(sizeof(struct unsampled) == 256, "unsampled layout");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, UNSAMPLED_SLOTS(ID_LANES)); /* set before load: for as many lanes as are used */
	__type(key, __u32);
	__type(value, struct unsampled);
} unsampled_slots SEC(".maps");

static __always_inline struct unsampled *unsampled_near(__u64 exchange_id)
{
	__u32 slot = UNSAMPLED_SLOTS(exchange_id_lane(exchange_id)) + (exchange_id & (UNSAMPLED_NEAR - 1));

	return bpf_map_lookup_elem(&unsampled_slots, &slot);
}

static __always_inline struct unsampled *unsampled_far(__u64 exchange_id)
{
	__u32 slot = exchange_id & (UNSAMPLED_FAR - 1);

	return bpf_map_lookup_elem(&unsampled_slots, &slot);
}

/* NULL: both are taken. */
static __always_inline struct unsampled *unsampled_claim(__u64 exchange_id)
{
	struct unsampled *u = unsampled_near(exchange_id);

	if (u && !__sync_val_compare_and_swap(&u->claimed, 0, exchange_id))
		return u;
	u = unsampled_far(exchange_id);
	return u && !__sync_val_compare_and_swap(&u->claimed, 0, exchange_id) ? u : NULL;
}

/* The place of this exchange; NULL: it has none. */
static __always_inline struct unsampled *unsampled_of(__u64 exchange_id)
{
	struct unsampled *u = unsampled_near(exchange_id);

	if (!u || u->claimed != exchange_id)
		u = unsampled_far(exchange_id);
	return u && u->claimed == exchange_id ? u : NULL;
}

/* It is over without a report. */
static __always_inline void unsampled_drop(__u64 exchange_id)
{
	struct unsampled *u = unsampled_of(exchange_id);

	if (u)
		__sync_lock_test_and_set(&u->claimed, 0);
}

/* REQUIRES: a claim. The exchange is over: it is reported, and its place is free. */
static __always_inline void unsampled_end(__u64 exchange_id, __u64 now_ns, __u32 end, __u32 status)
{
	struct unsampled *u = unsampled_of(exchange_id);
	__u64 text;

	if (!u)
		return;
	u->event.header.type = EVENT_UNSAMPLED;
	u->event.header.flags = 0;
	u->event.header.time_ns = now_ns;
	u->event.end = end;
	u->event.status = status;
	text = u->event.text_bytes;
	WIRE_OPAQUE(text);
	if (text > UNSAMPLED_TEXT_MAX)
		text = UNSAMPLED_TEXT_MAX;
	ring_put(&u->event.header, sizeof(u->event) + text);
	__sync_lock_test_and_set(&u->claimed, 0);
}

#endif
