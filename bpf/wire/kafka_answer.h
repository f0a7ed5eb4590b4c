/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* A Produce response: has the broker refused what it was sent? */
#ifndef WEFT_WIRE_KAFKA_ANSWER_H
#define WEFT_WIRE_KAFKA_ANSWER_H

#include "wire/head_text.h"
#include "wire/kafka.h"

/* Errors of a batch that may be for what was added to it. */
enum kafka_error {
	KAFKA_CORRUPT_MESSAGE = 2,
	KAFKA_MESSAGE_TOO_LARGE = 10,
	KAFKA_RECORD_LIST_TOO_LARGE = 18,
	KAFKA_UNSUPPORTED_FOR_MESSAGE_FORMAT = 43,
	KAFKA_INVALID_RECORD = 87,
	KAFKA_UNKNOWN_SERVER_ERROR = 0xffff, /* -1 */
};

WIRE_INLINE bool kafka_error_refuses(__u32 error)
{
	switch (error) {
	case KAFKA_CORRUPT_MESSAGE:
	case KAFKA_MESSAGE_TOO_LARGE:
	case KAFKA_RECORD_LIST_TOO_LARGE:
	case KAFKA_UNSUPPORTED_FOR_MESSAGE_FORMAT:
	case KAFKA_INVALID_RECORD:
	case KAFKA_UNKNOWN_SERVER_ERROR:
		return true;
	}
	return false;
}

struct kafka_answer_run {
	const struct head_text *text;
	__u32 have, version;
	__u32 at;
	__u32 topics, partitions;
	__u32 in_topic;
	__u32 refuses;
	__u32 whole; /* every partition was read */
};

/* A compact count or one of four bytes; negative: there is none. */
WIRE_INLINE __s32 kafka_answer_count(struct kafka_answer_run *run)
{
	const __u8 *at = run->text->bytes + head_text_index(run->at);
	__u64 varint;

	if (run->version < KAFKA_PRODUCE_COMPACT) {
		run->at += 4;
		return run->at > run->have ? -1 : (__s32)kafka_u32(at);
	}
	varint = kafka_varint(at);
	run->at += (__u32)(varint >> 32);
	return !varint || run->at > run->have ? -1 : (__s32)((__u32)varint - 1);
}

/* In compact versions a struct ends with its tagged fields. False: there are some, and they are not read. */
WIRE_INLINE bool kafka_answer_no_tags(struct kafka_answer_run *run)
{
	const __u8 *at = run->text->bytes + head_text_index(run->at);

	if (run->version < KAFKA_PRODUCE_COMPACT)
		return true;
	run->at++;
	return run->at <= run->have && !*at;
}

WIRE_INLINE int kafka_answer_topic(struct kafka_answer_run *run)
{
	const __u8 *at;
	__s32 n;

	if (run->in_topic && !kafka_answer_no_tags(run))
		return 1;
	if (!run->topics--) {
		run->whole = 1;
		return 1;
	}
	run->in_topic = 1;
	if (run->version >= KAFKA_PRODUCE_IDS) {
		run->at += 16;
	} else if (run->version >= KAFKA_PRODUCE_COMPACT) {
		n = kafka_answer_count(run);
		if (n < 0 || n > 249)
			return 1;
		run->at += (__u32)n;
	} else {
		at = run->text->bytes + head_text_index(run->at);
		run->at += 2u + kafka_u16(at);
	}
	if (run->at > run->have)
		return 1;
	n = kafka_answer_count(run);
	if (n < 0)
		return 1;
	run->partitions = (__u32)n;
	return 0;
}

WIRE_INLINE int kafka_answer_partition(struct kafka_answer_run *run)
{
	const __u8 *at = run->text->bytes + head_text_index(run->at);
	__s32 bytes;

	run->partitions--;
	run->at += 6;
	if (run->at > run->have)
		return 1;
	if (kafka_error_refuses(kafka_u16(at + 4))) {
		run->refuses = 1;
		return 1;
	}
	run->at += run->version >= 5 ? 24 : 16;
	if (run->version < 8)
		return run->at > run->have;
	if (run->at >= run->have || kafka_answer_count(run) != 0) /* records that were refused one by one */
		return 1;
	at = run->text->bytes + head_text_index(run->at); /* a message */
	if (run->version < KAFKA_PRODUCE_COMPACT) {
		bytes = (__s16)kafka_u16(at);
		run->at += 2;
	} else {
		bytes = kafka_answer_count(run);
	}
	if (bytes > 0)
		run->at += (__u32)bytes;
	return bytes < -1 || run->at > run->have || !kafka_answer_no_tags(run);
}

WIRE_STEP kafka_answer_step(__u32 i, void *arg)
{
	struct kafka_answer_run *run = (struct kafka_answer_run *)arg;
	unsigned long stop;

	(void)i;
	stop = (unsigned long)(run->partitions ? kafka_answer_partition(run) : kafka_answer_topic(run));
	WIRE_OPAQUE(stop);
	return stop ? 1 : 0;
}

/*
 * Does the Produce response of which `have` bytes are in the text, from behind the correlation id on, refuse a batch?
 * One that cannot be read to its last partition counts as if it did: to change nothing more is cheap.
 */
WIRE_GLOBAL int kafka_answer_refuses(const struct head_text *text, __u32 have, __u32 version)
{
	struct kafka_answer_run run;
	__s32 topics;

	if (!text || have > HEAD_TEXT_CAP || have < 1)
		return 1;
	run.text = text;
	run.have = have;
	run.version = version;
	run.partitions = run.in_topic = run.refuses = run.whole = run.at = wire_zero();
	if (version >= KAFKA_PRODUCE_COMPACT)
		run.at++; /* tags, of which there are none */
	topics = kafka_answer_count(&run);
	if (topics < 0)
		return 1;
	run.topics = (__u32)topics;
	wire_loop(HEAD_TEXT_CAP, kafka_answer_step, &run);
	return run.refuses || !run.whole;
}

#endif
