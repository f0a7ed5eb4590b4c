/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* New ids: random trace and span ids, and exchange ids that are unique on this node since the agent's start. */
#ifndef WEFT_LIB_IDS_H
#define WEFT_LIB_IDS_H

#include "wire/settings.h"

struct id_lane id_lanes[EXCHANGE_ID_LANES] __attribute__((aligned(64)));

/* Never 0; below 2^48 for the first 4·10^12 exchanges of each lane (maps/carried.h counts on that). */
static __always_inline __u64 new_exchange_id(void)
{
	__u32 lane = bpf_get_smp_processor_id() & (EXCHANGE_ID_LANES - 1);

	return ((__sync_fetch_and_add(&id_lanes[lane].next, 1) + 1) * EXCHANGE_ID_LANES + lane) & 0xffffffffffffULL;
}

static __always_inline __u64 random64(void)
{
	return (__u64)bpf_get_prandom_u32() << 32 | bpf_get_prandom_u32();
}

/* An all-zero id is invalid. */
static __always_inline void new_span_id(__u8 *id)
{
	__u64 random = random64();

	wire_store64(id, random ? random : 1);
}

static __always_inline void new_trace_id(__u8 *id)
{
	__u64 high = random64();

	wire_store64(id, high ? high : 1);
	wire_store64(id + 8, random64());
}

#endif
