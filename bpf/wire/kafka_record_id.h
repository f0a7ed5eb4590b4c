/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The ids of the spans of records: of those that leave together, and of one that a process consumes. Of the latter the
 * kernel needs them when the application is given the record, the agent when it reads the broker's response, and
 * neither waits for the other: so both make them of what tells the record from all others, with a key that is new with
 * each start of the agent.
 */
#ifndef WEFT_WIRE_KAFKA_RECORD_ID_H
#define WEFT_WIRE_KAFKA_RECORD_ID_H

#include "wire/mix.h"

#define KAFKA_RECORD_TOPIC 256u /* names have 249 bytes at most */

struct kafka_record_name {
	__u8 trace_id[16], parent_id[8]; /* of the context that it came with, zeros: none */
	__u32 tgid;
	__s32 partition;
	__s64 offset;
	__u8 topic[KAFKA_RECORD_TOPIC]; /* zeros behind it */
};
WIRE_ASSERT(sizeof(struct kafka_record_name) == 40 + KAFKA_RECORD_TOPIC, "kafka_record_name layout");

struct kafka_record_ids {
	__u8 span_id[8];
	__u8 trace_id[16]; /* of a record that came without context */
};

WIRE_INLINE void kafka_record_store(__u8 *to, __u64 id)
{
	wire_store64(to, id ? id : 1); /* an all-zero id is invalid */
}

/*
 * The span of message `number` (from 0) of those that leave with `sending`, whose span id that is: both sides make it,
 * so that nothing has to be told of each. As bytes in memory.
 */
WIRE_INLINE __u64 kafka_message_span(__u64 sending, __u32 number)
{
	__u64 id = mix64(sending ^ mix64(0x6567617373656dULL + number));

	return id ? id : 1;
}

/* `first` and `second`: the secret key. */
WIRE_GLOBAL int kafka_record_make_ids(const struct kafka_record_name *name, __u64 first, __u64 second,
				      struct kafka_record_ids *out)
{
	const __u8 *bytes = (const __u8 *)name;

	if (!name || !out)
		return 0;
	for (__u32 k = 0; k < sizeof(*name); k += 8) {
		first = mix64(first ^ wire_load64(bytes + k));
		second = mix64(second + first);
	}
	kafka_record_store(out->span_id, mix64(first ^ 0x6e617073ULL));
	kafka_record_store(out->trace_id, mix64(first + second));
	kafka_record_store(out->trace_id + 8, mix64(second ^ 0x6563617274ULL));
	return 0;
}

#endif
