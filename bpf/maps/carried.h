/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Which live exchange received a given context value. Values are not stored, only counted: each adds to two cells that
 * its sum chooses, in one 64-bit word a cell, so that one atomic addition changes both parts: the number of exchanges
 * in the top byte, the sum of their 48-bit ids below. With a count of one the sum is that exchange's id, and the
 * exchange says whether the value is its own; so a cell that two values share hides an exchange, and never names a
 * wrong one.
 */
#ifndef WEFT_MAPS_CARRIED_H
#define WEFT_MAPS_CARRIED_H

#include "maps/exchanges.h"

#define CARRIED_CELLS 65536u /* a power of two */
#define CARRIED_VALUE_MAX 64u
#define CARRIED_ONE (1ULL << 56)
#define CARRIED_COUNT(cell) ((__u32)((cell) >> 56))
#define CARRIED_ID(cell) ((cell) & (CARRIED_ONE - 1))

__u64 carried_cells[CARRIED_CELLS] __attribute__((aligned(64)));

static __always_inline __u64 *carried_cell(__u64 sum, __u32 choice)
{
	__u32 at = choice ? (__u32)(sum >> 32) : (__u32)sum;

	WIRE_OPAQUE(at);
	return &carried_cells[at & (CARRIED_CELLS - 1)];
}

/* What a cell says of a value. */
static __always_inline __u64 carried_get(__u64 sum, __u32 choice)
{
	return *(volatile __u64 *)carried_cell(sum, choice);
}

static __always_inline void carried_add(__u64 sum, __u64 id)
{
	__sync_fetch_and_add(carried_cell(sum, 0), CARRIED_ONE + id);
	__sync_fetch_and_add(carried_cell(sum, 1), CARRIED_ONE + id);
}

static __always_inline void carried_remove(__u64 sum, __u64 id)
{
	__sync_fetch_and_add(carried_cell(sum, 0), -(CARRIED_ONE + id));
	__sync_fetch_and_add(carried_cell(sum, 1), -(CARRIED_ONE + id));
}

static __always_inline __u64 carried_fold(__u64 sum, __u64 word)
{
	sum ^= word;
	sum = (sum ^ (sum >> 29)) * 0x9fb21c651e98df25ULL;
	return sum ^ (sum >> 32);
}

/* A value as received by that process. At most CARRIED_VALUE_MAX bytes; behind them, as many may be looked at. */
static __always_inline __u64 carried_sum_of_value(__u32 tgid, const __u8 *value, __u32 bytes)
{
	__u64 sum = carried_fold(settings.seed[6], (__u64)tgid << 32 | bytes);

#pragma unroll
	for (__u32 i = 0; i < CARRIED_VALUE_MAX / 8; i++) {
		__u32 left = bytes > 8 * i ? bytes - 8 * i : 0;
		__u64 word = wire_load64(value + 8 * i);

		if (left < 8)
			word &= left ? (1ULL << (8 * left)) - 1 : 0;
		sum = carried_fold(sum, word);
	}
	return sum;
}

/* A value in a text, at most twice as long; sums of parts go together by carried_fold. */
static __always_inline __u64 carried_sum_of_long(__u32 tgid, const struct head_text *text, __u32 start, __u32 bytes)
{
	const __u8 *value = text->bytes + head_text_index(start);

	if (bytes <= CARRIED_VALUE_MAX)
		return carried_sum_of_value(tgid, value, bytes);
	return carried_fold(carried_sum_of_value(tgid, value, CARRIED_VALUE_MAX),
			    carried_sum_of_value(tgid, text->bytes + head_text_index(start + CARRIED_VALUE_MAX),
						 bytes - CARRIED_VALUE_MAX));
}

/* A trace id that came with a request of that process. */
static __always_inline __u64 carried_sum_of_trace(__u32 tgid, const __u8 *trace_id)
{
	__u64 sum = carried_fold(~settings.seed[6], tgid);

	sum = carried_fold(sum, wire_load64(trace_id));
	return carried_fold(sum, wire_load64(trace_id + 8));
}

/* Values in further formats that an exchange came with. X-Trace-ID alone names none: it may be many requests'. */
static __always_inline void received_more_add(const struct received_more *more, __u64 id)
{
	for (__u32 format = 0; format < FORMAT_XTRACEID; format++)
		if (more->sum[format])
			carried_add(more->sum[format], id);
}

static __always_inline void received_more_remove(__u64 id)
{
	struct received_more *more = bpf_map_lookup_elem(&received_more, &id);

	if (!more)
		return;
	for (__u32 format = 0; format < FORMAT_XTRACEID; format++)
		if (more->sum[format])
			carried_remove(more->sum[format], id);
	bpf_map_delete_elem(&received_more, &id);
}

#endif
