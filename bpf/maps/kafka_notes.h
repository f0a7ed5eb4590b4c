/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * For whom records were produced that may not have left yet. A note is never given to somebody else: it is made, and
 * may come to say that they are several; the oldest give way to new ones.
 */
#ifndef WEFT_MAPS_KAFKA_NOTES_H
#define WEFT_MAPS_KAFKA_NOTES_H

#include "maps/exchanges.h"
#include "maps/late.h"
#include "wire/kafka_note.h"

LATE_TABLE(kafka_notes, BPF_MAP_TYPE_LRU_HASH, 0, struct kafka_note_key, struct kafka_note);

/* How far CLOCK_TAI is ahead of CLOCK_REALTIME, in whole seconds; written by the agent. */
__u64 kafka_tai_ahead_ns;

static __always_inline __u64 kafka_clock_ms(void)
{
	return (bpf_ktime_get_tai_ns() - *(volatile __u64 *)&kafka_tai_ahead_ns) / 1000000;
}

/* By value: see maps/tasks.h. Both are on the caller's stack. False: it could not be made. */
static __always_inline bool kafka_note_add(const struct kafka_note_key *key, struct kafka_note *note)
{
	struct kafka_note *other;

	note->mark = note->mark_again = kafka_note_mark(key);
	if (!late_update(&kafka_notes, key, note, BPF_NOEXIST))
		return true;
	other = late_lookup(&kafka_notes, key);
	if (!other)
		return false;
	/* A gap between two calls for the same is nobody's time. */
	if (other->exchange_id != note->exchange_id || note->from_ms > other->until_ms + 1)
		*(volatile __u64 *)&other->exchange_id = KAFKA_NOTE_SEVERAL;
	else if (other->until_ms < note->until_ms)
		*(volatile __u64 *)&other->until_ms = note->until_ms;
	return true;
}

/* Does the long note of the same records say this exchange, too? */
static __always_inline bool kafka_note_lasts(const struct kafka_note_key *key, __u64 timestamp_ms, __u64 exchange_id)
{
	struct kafka_note_key lasting = *key;
	struct kafka_note *note;

	lasting.period = KAFKA_NOTE_LONG | (__u32)(timestamp_ms >> KAFKA_NOTE_LONG_BITS);
	note = late_lookup(&kafka_notes, &lasting);
	return note && *(volatile __u64 *)&note->exchange_id == exchange_id && note->mark == kafka_note_mark(&lasting);
}

/* The note of a record with this timestamp goes to `out`. False: there is none that says anybody, or that it is for
 * several. */
static __always_inline bool kafka_note_get(const struct kafka_note_key *key, __u64 timestamp_ms, struct kafka_note *out)
{
	struct kafka_note *note = late_lookup(&kafka_notes, key);
	__u64 mark = kafka_note_mark(key);

	if (!note || note->mark != mark)
		return false;
	__builtin_memcpy(out, note, sizeof(*out));
	barrier();
	if (*(volatile __u64 *)&note->mark != mark || *(volatile __u64 *)&note->mark_again != mark)
		return false;
	if (out->late && out->exchange_id != KAFKA_NOTE_SEVERAL &&
	    !kafka_note_lasts(key, timestamp_ms, out->exchange_id))
		return false;
	return out->exchange_id && *(volatile __u64 *)&note->exchange_id == out->exchange_id &&
	       timestamp_ms >= out->from_ms && timestamp_ms <= out->until_ms;
}

/* tracestate and baggage of requests that records were produced for, since most of them leave when it is over. */
LATE_TABLE(kafka_texts, BPF_MAP_TYPE_LRU_HASH, 0, __u64, struct exchange_text_small);

static __always_inline struct exchange_text_small *kafka_text_get(__u64 exchange_id)
{
	return late_lookup(&kafka_texts, &exchange_id);
}

/* Long ones are not kept. */
static __always_inline void kafka_text_keep(const struct exchange *e)
{
	__u32 bytes = (__u32)e->tracestate_bytes + e->baggage_bytes;
	struct exchange_text_small *text;
	__u64 id = e->id;

	if (bytes == 0 || bytes > EXCHANGE_TEXT_SMALL || kafka_text_get(id))
		return;
	text = bpf_map_lookup_elem(&texts_small, &id);
	if (!text || late_update(&kafka_texts, &id, text, BPF_NOEXIST))
		return;
	if (!exchange_get(id)) /* over meanwhile: it may have been somebody else's */
		late_delete(&kafka_texts, &id);
}

#endif
