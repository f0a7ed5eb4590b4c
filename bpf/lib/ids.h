/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* New ids: random trace and span ids, and exchange ids that are unique on this node since the agent's start. */
#ifndef WEFT_LIB_IDS_H
#define WEFT_LIB_IDS_H

#include "maps/settings.h"
#include "wire/mix.h"

struct id_lane id_lanes[ID_LANES] __attribute__((aligned(64)));

static __always_inline __u32 id_lane_index(void)
{
	return bpf_get_smp_processor_id() & (ID_LANES - 1);
}

#define ID_LANE_DISTANCE 256u /* they share EXCHANGE_SLOTS places */

/*
 * Never 0 and below 2^48 (maps/carried.h counts on that): the lane above, its count below, and between them a bit for
 * maps/exchanges.h. The low bits are a place in the table of live exchanges, which all lanes share; each begins at
 * another one.
 */
static __always_inline __u64 new_exchange_id(void)
{
	__u64 lane = id_lane_index();
	__u64 number = __sync_fetch_and_add(&id_lanes[lane].next, 1) + 1 + lane * ID_LANE_DISTANCE;

	return lane << 42 | (number & ((1ULL << 41) - 1));
}

static __always_inline __u32 exchange_id_lane(__u64 exchange_id)
{
	return (exchange_id >> 42) & (ID_LANES - 1);
}

/* The next id of this lane lies so much further on. */
static __always_inline void exchange_ids_skip(__u32 ids)
{
	__sync_fetch_and_add(&id_lanes[id_lane_index()].next, ids);
}

/* With two secret keys: never the same for two numbers, and one result does not tell the next. */
static __always_inline __u64 id_keyed(__u64 number, __u64 first, __u64 second)
{
	return mix64(mix64(number + first) ^ second);
}

static __always_inline __u64 id_number(void)
{
	__u32 lane = id_lane_index();

	return (__sync_fetch_and_add(&id_lanes[lane].random, 1) * ID_LANES + lane) * 0x9e3779b97f4a7c15ULL;
}

/* An all-zero id is invalid. */
static __always_inline void span_id_of(__u64 number, __u8 *id)
{
	__u64 random = id_keyed(number, settings.seed[0], settings.seed[1]);

	wire_store64(id, random ? random : 1);
}

static __always_inline void trace_id_of(__u64 number, __u8 *id)
{
	__u64 high = id_keyed(number, settings.seed[2], settings.seed[3]);

	wire_store64(id, high ? high : 1);
	wire_store64(id + 8, id_keyed(number, settings.seed[4], settings.seed[5]));
}

static __always_inline void new_span_id(__u8 *id)
{
	span_id_of(id_number(), id);
}

static __always_inline void new_trace_id(__u8 *id)
{
	trace_id_of(id_number(), id);
}

#endif
