/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* New ids: random trace and span ids, and exchange ids that are unique on this node since the agent's start. */
#ifndef WEFT_LIB_IDS_H
#define WEFT_LIB_IDS_H

#include "maps/settings.h"

struct id_lane id_lanes[ID_LANES] __attribute__((aligned(64)));

static __always_inline __u32 id_lane_index(void)
{
	return bpf_get_smp_processor_id() & (ID_LANES - 1);
}

/*
 * Never 0; below 2^48 for the first 4·10^12 exchanges of each lane (maps/carried.h counts on that). The lane is above
 * the low bits only as far as there are CPUs, so that the ids of a lane spread over the table of live exchanges.
 */
static __always_inline __u64 new_exchange_id(void)
{
	__u32 lane = id_lane_index();
	__u64 number = __sync_fetch_and_add(&id_lanes[lane].next, 1) + 1;

	return ((number << (settings.id_lane_bits & 7)) | (lane & ((1u << (settings.id_lane_bits & 7)) - 1))) &
	       0xffffffffffffULL;
}

/* SplitMix64: a bijection, so that ids of one seed never repeat, and nobody without the seed can tell the next one. */
static __always_inline __u64 id_mix(__u64 x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static __always_inline __u64 id_number(void)
{
	__u32 lane = id_lane_index();

	return (__sync_fetch_and_add(&id_lanes[lane].random, 1) * ID_LANES + lane) * 0x9e3779b97f4a7c15ULL;
}

/* An all-zero id is invalid. */
static __always_inline void new_span_id(__u8 *id)
{
	__u64 random = id_mix(id_number() + settings.seed[0]);

	wire_store64(id, random ? random : 1);
}

static __always_inline void new_trace_id(__u8 *id)
{
	__u64 number = id_number(), high = id_mix(number + settings.seed[1]);

	wire_store64(id, high ? high : 1);
	wire_store64(id + 8, id_mix(number + settings.seed[2]));
}

#endif
