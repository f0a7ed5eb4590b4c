/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * For whom records were produced that may not have left yet. A note is never given to somebody else: it is made, and
 * may come to say nobody; the oldest give way to new ones.
 */
#ifndef WEFT_MAPS_KAFKA_NOTES_H
#define WEFT_MAPS_KAFKA_NOTES_H

#include "wire/kafka_note.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, struct kafka_note_key);
	__type(value, struct kafka_note);
} kafka_notes SEC(".maps");

/* How far CLOCK_TAI is ahead of CLOCK_REALTIME, in whole seconds; written by the agent. */
__u64 kafka_tai_ahead_ns;

static __always_inline __u64 kafka_clock_ms(void)
{
	return (bpf_ktime_get_tai_ns() - *(volatile __u64 *)&kafka_tai_ahead_ns) / 1000000;
}

/* By value: see maps/tasks.h. Both are on the caller's stack. False: it could not be made. */
static __always_inline bool kafka_note_add(const struct kafka_note_key *key, const struct kafka_note *note)
{
	struct kafka_note *other;

	if (!bpf_map_update_elem(&kafka_notes, key, note, BPF_NOEXIST))
		return true;
	other = bpf_map_lookup_elem(&kafka_notes, key);
	if (!other)
		return false;
	if (other->exchange_id != note->exchange_id)
		*(volatile __u64 *)&other->exchange_id = 0;
	else if (other->until_ms < note->until_ms)
		*(volatile __u64 *)&other->until_ms = note->until_ms;
	return true;
}

/* The note of a record with this timestamp goes to `out`. False: there is none that says anybody. */
static __always_inline bool kafka_note_get(const struct kafka_note_key *key, __u64 timestamp_ms, struct kafka_note *out)
{
	struct kafka_note *note = bpf_map_lookup_elem(&kafka_notes, key);

	if (!note || note->sum != key->sum)
		return false;
	__builtin_memcpy(out, note, sizeof(*out));
	barrier();
	if (*(volatile __u64 *)&note->sum != key->sum || *(volatile __u64 *)&note->sum_again != key->sum)
		return false;
	return out->exchange_id && *(volatile __u64 *)&note->exchange_id == out->exchange_id &&
	       timestamp_ms >= out->from_ms && timestamp_ms <= out->until_ms;
}

#endif
