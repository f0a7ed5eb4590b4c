/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Calls of Go's client libraries that produce records. Arguments are in registers (ABIInternal, Go 1.17 and later): AX
 * the receiver, then BX, CX, DI. The fields of these structures have stood where they stand in all releases.
 */
#ifndef WEFT_PROGRAMS_KAFKA_PRODUCE_GO_H
#define WEFT_PROGRAMS_KAFKA_PRODUCE_GO_H

#include "lib/kafka_caller.h"

#define GO_MESSAGES_MOST 4096u

/* kgo.Record: Key, Value, Headers, Timestamp */
#define FRANZ_KEY 0u
#define FRANZ_VALUE 24u
#define FRANZ_TIME 72u
/* sarama.ProducerMessage: Topic, Key, Value, Headers, Metadata, Offset, Partition, Timestamp */
#define SARAMA_KEY 16u
#define SARAMA_VALUE 32u
#define SARAMA_TIME 104u

/* runtime.itab, and internal/abi.Type */
#define GO_ITAB_TYPE 8u
#define GO_TYPE_KIND_WORD 16u /* its last byte */
#define GO_KIND_MASK 31u
#define GO_KIND_SLICE 23u
#define GO_KIND_STRING 24u

#define GO_SECONDS_TO_1885 59453308800ULL /* time.Time counts from the year 1 … */
#define GO_SECONDS_TO_1970 62135596800ULL

/* A time.Time in ms since 1970; 0: the zero time. With bit 63 of the first word it counts from 1885. */
static __always_inline __u64 go_time_ms(__u64 at)
{
	__u64 wall = user_word(at), seconds = user_word(at + 8), nanoseconds = wall & 0x3fffffff;

	if (wall >> 63)
		seconds = (wall << 1 >> 31) + GO_SECONDS_TO_1885;
	if (!seconds && !nanoseconds)
		return 0;
	return (seconds - GO_SECONDS_TO_1970) * 1000 + nanoseconds / 1000000;
}

/*
 * What a sarama.Encoder gives, where that can be told: a string or bytes by themselves, as StringEncoder and
 * ByteEncoder are. False: something else, which makes its bytes when it is asked.
 */
static __always_inline bool sarama_encoded(__u64 at, __u64 *bytes, __u64 *length)
{
	__u64 table = user_word(at), data = user_word(at + 8);
	__u32 kind;

	*bytes = *length = 0;
	if (!table)
		return true;
	kind = user_word(user_word(table + GO_ITAB_TYPE) + GO_TYPE_KIND_WORD) >> 56 & GO_KIND_MASK;
	if (kind != GO_KIND_SLICE && kind != GO_KIND_STRING)
		return false;
	*bytes = user_word(data);
	*length = user_word(data + 8);
	return true;
}

/* The record that the structure at `at` describes. Returns the FINDING_* that follow. */
WIRE_GLOBAL int kafka_go_record(__u64 at, __u32 site, const struct kafka_note *caller)
{
	struct kafka_produced record = {.late = 1};

	if (!caller)
		return 0;
	if (site == KAFKA_CALL_FRANZ) {
		record.key = user_word(at + FRANZ_KEY);
		record.key_bytes = user_word(at + FRANZ_KEY + 8);
		record.value = user_word(at + FRANZ_VALUE);
		record.value_bytes = user_word(at + FRANZ_VALUE + 8);
		record.timestamp_ms = go_time_ms(at + FRANZ_TIME);
	} else {
		record.lost = !sarama_encoded(at + SARAMA_KEY, &record.key, &record.key_bytes) ||
			      !sarama_encoded(at + SARAMA_VALUE, &record.value, &record.value_bytes);
		record.timestamp_ms = go_time_ms(at + SARAMA_TIME);
	}
	return kafka_note_record(&record, caller);
}

struct kafka_go_messages {
	__u64 array, count;
	const struct kafka_note *caller;
	__u64 findings;
};

static long kafka_go_step(__u32 i, void *arg)
{
	struct kafka_go_messages *m = arg;

	if (i >= m->count)
		return 1;
	m->findings |= kafka_go_record(user_word(m->array + i * 8), KAFKA_CALL_SARAMA, m->caller);
	return 0;
}

static __always_inline int kafka_go_call(struct pt_regs *regs, __u32 site, const struct kafka_note *caller)
{
	struct kafka_go_messages messages = {.array = regs->bx, .count = regs->cx, .caller = caller};

	if (site == KAFKA_CALL_FRANZ) /* BX and CX are the context */
		return kafka_go_record(regs->di, site, caller);
	if (site == KAFKA_CALL_SARAMA)
		return kafka_go_record(regs->bx, site, caller);
	if (messages.count > GO_MESSAGES_MOST)
		return FINDING_KAFKA_LOST | FINDING_KAFKA_BLOCKS;
	bpf_loop(GO_MESSAGES_MOST, kafka_go_step, &messages, 0);
	return messages.findings;
}

#endif
