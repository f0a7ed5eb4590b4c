/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Topics as the kernel knows those whose records may be changed: by a sum of the name, or of the id that stands for it.
 */
#ifndef WEFT_WIRE_KAFKA_TOPIC_H
#define WEFT_WIRE_KAFKA_TOPIC_H

#include "wire/mix.h"

#define KAFKA_TOPIC_ROOM 256u /* names have 249 bytes at most, ids 16 */

/* `padded`: KAFKA_TOPIC_ROOM bytes, of which the first `bytes` are the topic and the others zero. */
WIRE_INLINE __u64 kafka_topic_sum(const __u8 *padded, __u32 bytes)
{
	__u64 sum = bytes;

	for (__u32 at = 0; at < KAFKA_TOPIC_ROOM && at < bytes; at += 8)
		sum = mix64(sum ^ wire_load64(padded + at));
	return sum;
}

#endif
