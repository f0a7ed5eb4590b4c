/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * For whom a Kafka record is produced is noted under what the client library is given, because another thread sends it
 * later, together with others.
 */
#ifndef WEFT_LIB_KAFKA_CALLER_H
#define WEFT_LIB_KAFKA_CALLER_H

#include "lib/attribute.h"
#include "maps/kafka_notes.h"

/* A record as it is produced. */
struct kafka_produced {
	__u64 value, value_bytes;
	__u64 key, key_bytes;
	__u64 timestamp_ms; /* 0: that of the call … */
	__u32 late;	    /* … or a later one: the library may wait before it takes the time */
	__u32 waits;	    /* the call waits for room, for however long, and nothing is done about it */
	__u32 lost;	    /* what it is made of is not known */
	__u32 reserved;
};

/* Adds `piece` of memory of the process. False: it cannot be read. */
static __always_inline bool kafka_sum_user(__u64 *sum, const struct kafka_produced *record, __u32 i)
{
	struct kafka_note_piece piece = kafka_note_piece(i, record->key_bytes, record->value_bytes);
	__u64 words[KAFKA_NOTE_PIECE / 8] = {}, bytes = piece.bytes;

	WIRE_OPAQUE(bytes);
	if (bytes == 0)
		return true;
	if (bytes > KAFKA_NOTE_PIECE)
		return false;
	if (bpf_probe_read_user(words, bytes, (void *)((piece.of_value ? record->value : record->key) + piece.from)))
		return false;
	*sum = kafka_note_sum_add(*sum, words);
	return true;
}

/* The sum of what is produced; 0: it cannot be read. */
WIRE_GLOBAL __u64 kafka_produced_sum(const struct kafka_produced *record)
{
	__u64 sum;

	if (!record || record->lost || record->key_bytes > 0x7fffffff || record->value_bytes > 0x7fffffff)
		return 0;
	sum = kafka_note_sum_begin(record->key_bytes, record->value_bytes);
	for (__u32 i = 0; i < KAFKA_NOTE_PIECES; i++)
		if (!kafka_sum_user(&sum, record, i))
			return 0;
	return kafka_note_sum_end(sum);
}

/* One that cannot be made makes all of its period void, and where not even that goes, all of the process. */
static __always_inline int kafka_note_period(const struct kafka_note_key *key, struct kafka_note *note)
{
	struct kafka_note_key lost = *key;

	if (kafka_note_add(key, note))
		return 0;
	lost.sum = 0;
	return kafka_note_add(&lost, note) ? FINDING_KAFKA_LOST : FINDING_KAFKA_LOST | FINDING_KAFKA_BLOCKS;
}

/* Of the timestamps from note->from_ms to note->until_ms. Returns the FINDING_* that follow. */
static __always_inline int kafka_note_times(struct kafka_note_key *key, struct kafka_note *note)
{
	int findings;

	key->period = note->until_ms >> KAFKA_NOTE_PERIOD_BITS;
	findings = kafka_note_period(key, note);
	if (key->period == (__u32)(note->from_ms >> KAFKA_NOTE_PERIOD_BITS))
		return findings;
	key->period--;
	return findings | kafka_note_period(key, note);
}

/* The long notes, of this time and of what comes behind it. */
static __always_inline int kafka_note_long(struct kafka_note_key *key, struct kafka_note *note, __u64 now_ms)
{
	int findings;

	note->from_ms = 0;
	note->until_ms = ~0ull;
	key->period = KAFKA_NOTE_LONG | (__u32)(now_ms >> KAFKA_NOTE_LONG_BITS);
	findings = kafka_note_period(key, note);
	key->period++;
	return findings | kafka_note_period(key, note);
}

/* The record was produced for whom `caller` says. Returns the FINDING_* that follow. */
WIRE_GLOBAL int kafka_note_record(const struct kafka_produced *record, const struct kafka_note *caller)
{
	struct kafka_note_key key = {};
	struct kafka_note note;
	int findings = FINDING_KAFKA_NOTED;
	__u64 now_ms = kafka_clock_ms();

	if (!record || !caller)
		return 0;
	note = *caller;
	note.late = record->late != 0;
	key.tgid = bpf_get_current_pid_tgid() >> 32;
	key.sum = kafka_produced_sum(record);
	if (!key.sum)
		findings |= FINDING_KAFKA_LOST;
	if (record->waits)
		findings |= FINDING_KAFKA_BLOCKS;
	if (record->late)
		findings |= kafka_note_long(&key, &note, now_ms);
	if (record->timestamp_ms) {
		/* Another time than now keeps nobody's records apart from those of before. */
		if (record->timestamp_ms - now_ms + KAFKA_NOTE_LATE_MS > 2 * KAFKA_NOTE_LATE_MS)
			note.exchange_id = 0;
		note.from_ms = note.until_ms = record->timestamp_ms;
		findings |= kafka_note_times(&key, &note);
		if (!record->late)
			return findings;
		note.exchange_id =
		    caller->exchange_id; /* older ones of these libraries take their own time all the same */
	}
	note.from_ms = now_ms - KAFKA_NOTE_EARLY_MS;
	note.until_ms = now_ms + KAFKA_NOTE_LATE_MS;
	return findings | kafka_note_times(&key, &note);
}

/*
 * Whom the running task works for. A goroutine's call comes on its thread's own stack and g. A function of its own, for
 * its stack.
 */
WIRE_GLOBAL int kafka_caller(struct process_entry *p, __u64 pid_tgid, struct kafka_note *caller)
{
	struct task_key key = {.owner = pid_tgid};
	struct exchange e;
	struct task *task;
	__u32 attribution;
	__u64 id = 0;

	if (!p || !caller)
		return 0;
	if (p->flags & PROCESS_TASK_NONE)
		return 0;
	if (p->go) {
		struct go_process *go = go_process_get(pid_tgid >> 32);
		__u64 g;

		if (!go || go->program != p->go || !go_is_certain(go))
			return 0;
		g = current_g(go);
		key.owner = pid_tgid >> 32 << 32 | p->go;
		key.goroutine = user_word(g + go->g_goid);
		if (!key.goroutine)
			key.goroutine = user_word(user_word(user_word(g + go->g_m) + go->m_curg) + go->g_goid);
		if (!key.goroutine)
			return 0;
	}
	task = task_get(key);
	if (!task)
		return 0;
	attribution = task_works_on(task, p, key.owner, &id);
	if (!task->current)
		task_acted(task, key);
	if (attribution == ATTRIBUTION_NONE || !task_is(task, key) || !exchange_copy(id, &e) ||
	    e.tgid != pid_tgid >> 32)
		return 0;
	kafka_text_keep(&e);
	caller->exchange_id = e.id;
	__builtin_memcpy(caller->trace_id, e.ids.trace_id, 16);
	__builtin_memcpy(caller->span_id, e.ids.span_id, 8);
	caller->flags = e.flags;
	caller->report = e.report;
	caller->tracestate_bytes = e.tracestate_bytes;
	caller->baggage_bytes = e.baggage_bytes;
	caller->attribution = attribution;
	return 0;
}

#endif
