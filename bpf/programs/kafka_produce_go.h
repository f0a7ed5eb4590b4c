/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Calls of Go's client libraries that produce records. Arguments are in registers (ABIInternal, Go 1.17 and later): AX
 * the receiver, then BX, CX, DI. The fields of these structures have stood where they stand in all releases that are
 * followed.
 */
#ifndef WEFT_PROGRAMS_KAFKA_PRODUCE_GO_H
#define WEFT_PROGRAMS_KAFKA_PRODUCE_GO_H

#include "lib/go_types.h"
#include "lib/kafka_caller.h"

#define GO_MESSAGES_MOST 256u

/* kgo.Record: Key, Value, Headers, Timestamp */
#define FRANZ_TIME 72u
/* sarama.ProducerMessage: Topic, Key, Value, Headers, Metadata, Offset, Partition, Timestamp */
#define SARAMA_KEY 16u
#define SARAMA_TIME 104u

/* kafka-go's Message: Topic, Partition, Offset, HighWaterMark, Key, Value, Headers, WriterData, Time */
#define SEGMENTIO_KEY 40u
#define SEGMENTIO_TIME 128u
#define SEGMENTIO_BYTES 152u

#define GO_SLICE_ELEMENT 48u /* internal/abi.SliceType */

#define GO_SECONDS_TO_1885 59453308800ULL /* time.Time counts from the year 1 … */
#define GO_SECONDS_TO_1970 62135596800ULL

/* A time.Time in ms since 1970; 0: the zero time. With bit 63 of the first word it counts from 1885. False: unreadable.
 */
static __always_inline bool go_time_ms(__u64 at, __u64 *ms)
{
	__u64 words[2] = {}, seconds, nanoseconds;

	if (bpf_probe_read_user(words, sizeof(words), (void *)at))
		return false;
	seconds = words[0] >> 63 ? (words[0] << 1 >> 31) + GO_SECONDS_TO_1885 : words[1];
	nanoseconds = words[0] & 0x3fffffff;
	*ms = seconds || nanoseconds ? (seconds - GO_SECONDS_TO_1970) * 1000 + nanoseconds / 1000000 : 0;
	return true;
}

/*
 * What a sarama.Encoder gives, where that can be told: a string or bytes by themselves, as StringEncoder and
 * ByteEncoder are. False: something else, which makes its bytes when it is asked, or it cannot be read.
 */
static __always_inline bool sarama_encoded(__u64 table, __u64 data, __u64 *bytes, __u64 *length)
{
	__u64 type = 0, element = 0, words[2] = {};
	__u32 kind;

	if (!table)
		return true;
	if (!user_word_read(table + GO_ITAB_TYPE, &type))
		return false;
	kind = go_kind(type);
	if (kind == GO_KIND_SLICE) {
		if (!user_word_read(type + GO_SLICE_ELEMENT, &element) || go_kind(element) != GO_KIND_UINT8)
			return false;
	} else if (kind != GO_KIND_STRING) {
		return false;
	}
	if (bpf_probe_read_user(words, sizeof(words), (void *)data))
		return false;
	*bytes = words[0];
	*length = words[1];
	return true;
}

/* Key and value, two slices of bytes, and the time elsewhere. */
static __always_inline bool go_plain_record(__u64 key_at, __u64 time_at, struct kafka_produced *record)
{
	__u64 words[6] = {};

	if (bpf_probe_read_user(words, sizeof(words), (void *)key_at) || !go_time_ms(time_at, &record->timestamp_ms))
		return false;
	record->key = words[0];
	record->key_bytes = words[1];
	record->value = words[3];
	record->value_bytes = words[4];
	return true;
}

static __always_inline bool sarama_message(__u64 at, struct kafka_produced *record)
{
	__u64 words[4] = {};

	return !bpf_probe_read_user(words, sizeof(words), (void *)(at + SARAMA_KEY)) &&
	       go_time_ms(at + SARAMA_TIME, &record->timestamp_ms) &&
	       sarama_encoded(words[0], words[1], &record->key, &record->key_bytes) &&
	       sarama_encoded(words[2], words[3], &record->value, &record->value_bytes);
}

static __always_inline bool go_record(__u64 at, __u32 site, struct kafka_produced *record)
{
	switch (site) {
	case KAFKA_CALL_FRANZ:
		return go_plain_record(at, at + FRANZ_TIME, record);
	case KAFKA_CALL_SEGMENTIO:
		return go_plain_record(at + SEGMENTIO_KEY, at + SEGMENTIO_TIME, record);
	default:
		return sarama_message(at, record);
	}
}

/* The record that the structure at `at` describes; 0: it is not known. Returns the FINDING_* that follow. */
WIRE_GLOBAL int kafka_go_record(__u64 at, __u32 site, const struct kafka_note *caller)
{
	struct kafka_produced record = {.late = 1};

	if (!caller)
		return 0;
	record.lost = !at || !go_record(at, site, &record);
	if (record.lost)
		record.timestamp_ms = 0;
	return kafka_note_record(&record, caller);
}

struct kafka_go_messages {
	__u64 array, count; /* of addresses, of kafka-go of the structures themselves */
	__u64 site;
	const struct kafka_note *caller;
	__u64 findings;
};

/* Of more than are followed the last one makes the period void. */
static long kafka_go_step(__u32 i, void *arg)
{
	struct kafka_go_messages *m = arg;
	__u64 at = 0;

	if (i >= m->count)
		return 1;
	if (i + 1 >= GO_MESSAGES_MOST)
		at = 0;
	else if (m->site == KAFKA_CALL_SEGMENTIO)
		at = m->array + i * SEGMENTIO_BYTES;
	else if (!user_word_read(m->array + i * 8, &at))
		at = 0;
	m->findings |= kafka_go_record(at, m->site, m->caller);
	return 0;
}

/* A program of its own: with the arguments of librdkafka's beside it the stack would be too large. */
SEC("uprobe")
int on_kafka_produce_go(struct pt_regs *regs)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid();
	struct process_entry *p = process_get(pid_tgid >> 32);
	__u32 site = bpf_get_attach_cookie(regs), findings;
	__u64 first = regs->bx, second = regs->cx; /* of franz-go and kafka-go the context */
	__u64 third = regs->di, fourth = regs->si;
	struct kafka_go_messages messages = {};
	struct kafka_note caller = {};

	barrier(); /* the verifier allows no computed offset into the registers */
	if (!p || (p->flags & PROCESS_INSTRUMENTED))
		return 0;
	if (p->go) /* else it is not known which goroutine this is, and its thread says nothing */
		kafka_caller(p, pid_tgid, &caller);
	if (site == KAFKA_CALL_SARAMA_BATCH || site == KAFKA_CALL_SEGMENTIO) {
		/* BX and CX, or behind a context or a codec in these DI and SI */
		messages.site = site;
		messages.array = site == KAFKA_CALL_SEGMENTIO ? third : first;
		messages.count = site == KAFKA_CALL_SEGMENTIO ? fourth : second;
		messages.caller = &caller;
		bpf_loop(GO_MESSAGES_MOST, kafka_go_step, &messages, 0);
		findings = messages.findings;
	} else {
		findings = kafka_go_record(site == KAFKA_CALL_FRANZ ? third : first, site, &caller);
	}
	if (findings & ~p->findings)
		__sync_fetch_and_or(&p->findings, findings);
	return 0;
}

#endif
