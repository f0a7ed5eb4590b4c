/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * For whom a record was produced, noted when the client library is given it, and found again when it leaves: by a sum
 * of key and value and by its timestamp, which the library takes from the clock within the call. Records that cannot be
 * told apart share a note, and then it says nobody.
 */
#ifndef WEFT_WIRE_KAFKA_NOTE_H
#define WEFT_WIRE_KAFKA_NOTE_H

#include "wire/port.h"

/* Cookies of the probes: which function of a client library. */
enum kafka_call_site {
	KAFKA_CALL_PRODUCE = 1, /* librdkafka … */
	KAFKA_CALL_PRODUCEV,
	KAFKA_CALL_PRODUCEVA,
	KAFKA_CALL_PRODUCE_BATCH,
	KAFKA_CALL_FRANZ,	 /* franz-go: (*kgo.Client).produce */
	KAFKA_CALL_SARAMA,	 /* sarama: (*syncProducer).SendMessage … */
	KAFKA_CALL_SARAMA_BATCH, /* … and SendMessages */
	KAFKA_CALL_SEGMENTIO,	 /* kafka-go: (*Writer).WriteMessages, (*Conn).WriteCompressedMessagesAt */
};

/* A timestamp may be so much later than the call. */
#define KAFKA_NOTE_LATE_MS 1024u
/* … or earlier, for two ways to ask for the time. */
#define KAFKA_NOTE_EARLY_MS 1u
/* Notes are kept by periods of timestamps; one that may reach into the next is put down for both. */
#define KAFKA_NOTE_PERIOD_BITS 12u
/*
 * A library may take the time long after the call, or anew when it sends a record again. Notes of such calls count only
 * where a second one says the same, which is put down for some minutes and so knows of everybody who produced an equal
 * record in them.
 */
#define KAFKA_NOTE_LONG_BITS 18u
#define KAFKA_NOTE_LONG (1u << 31) /* kafka_note_key.period, for these */

#define KAFKA_NOTE_SEVERAL (~0ull) /* kafka_note.exchange_id: equal records were produced for different ones */

struct kafka_note_key {
	__u64 sum; /* of key and value; 0: a record could not be read, so that no note of the period counts */
	__u32 tgid;
	__u32 period; /* timestamp in ms >> KAFKA_NOTE_PERIOD_BITS; or KAFKA_NOTE_LONG | >> KAFKA_NOTE_LONG_BITS */
};

/* `mark` stands at both ends: a place may be used again at any time, so a reader compares both after copying. */
struct kafka_note {
	__u64 mark;	   /* kafka_note_mark() */
	__u64 exchange_id; /* 0: for nobody that is known */
	__u64 from_ms, until_ms;
	__u8 trace_id[16];
	__u8 span_id[8];
	__u16 tracestate_bytes, baggage_bytes; /* of texts that are kept elsewhere */
	__u8 flags;
	__u8 report;
	__u8 attribution; /* enum attribution */
	__u8 late;	  /* it counts only with a long one */
	__u64 mark_again;
};
WIRE_ASSERT(sizeof(struct kafka_note) == 72, "kafka_note layout");

/* Of a record, a process and a period: no two notes that can lie in one place have the same. */
WIRE_INLINE __u64 kafka_note_mark(const struct kafka_note_key *key)
{
	return key->sum ^ ((__u64)key->tgid << 32 | key->period);
}

/* What of a record goes into its sum: pieces of at most 64 bytes of key and value, in this order. */
#define KAFKA_NOTE_PIECES 10u
#define KAFKA_NOTE_PIECE 64u

struct kafka_note_piece {
	__u32 of_value;
	__u32 from;
	__u32 bytes; /* 0: there is no such piece */
};

/* Keys up to 128 bytes and values up to 512 count whole, longer ones with their ends. */
WIRE_INLINE struct kafka_note_piece kafka_note_piece(__u32 i, __u32 key_bytes, __u32 value_bytes)
{
	struct kafka_note_piece piece = {i >= 2, 0, 0};
	__u32 all = piece.of_value ? value_bytes : key_bytes, half = piece.of_value ? 4 : 1;
	__u32 at = piece.of_value ? i - 2 : i;

	if (at >= half) { /* of the end */
		if (all <= half * KAFKA_NOTE_PIECE)
			return piece;
		piece.from = all - (2 * half - at) * KAFKA_NOTE_PIECE;
		piece.bytes = KAFKA_NOTE_PIECE;
		return piece;
	}
	piece.from = at * KAFKA_NOTE_PIECE;
	if (all > piece.from)
		piece.bytes = all - piece.from < KAFKA_NOTE_PIECE ? all - piece.from : KAFKA_NOTE_PIECE;
	return piece;
}

WIRE_INLINE __u64 kafka_note_mix(__u64 sum, __u64 word)
{
	sum = (sum ^ word) * 0x9e3779b97f4a7c15ull;
	return sum ^ sum >> 29;
}

/* A null key counts as an empty one, and so does a value. */
WIRE_INLINE __u64 kafka_note_sum_begin(__u32 key_bytes, __u32 value_bytes)
{
	return kafka_note_mix(kafka_note_mix(0x6b61666b61ull, key_bytes), value_bytes);
}

/* A piece as eight words, zeros behind its bytes. */
WIRE_INLINE __u64 kafka_note_sum_add(__u64 sum, const __u64 *words)
{
	for (__u32 k = 0; k < KAFKA_NOTE_PIECE / 8; k++)
		sum = kafka_note_mix(sum, words[k]);
	return sum;
}

/* Never 0, which means something else. */
WIRE_INLINE __u64 kafka_note_sum_end(__u64 sum)
{
	return sum ? sum : 1;
}

#endif
