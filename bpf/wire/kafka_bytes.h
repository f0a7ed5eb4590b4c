/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The bytes of one Produce request as it was sent and as it is to be sent, and how its numbers are read and written.
 * Offsets only, never pointers: an offset can be masked and so stays provable to the verifier.
 */
#ifndef WEFT_WIRE_KAFKA_BYTES_H
#define WEFT_WIRE_KAFKA_BYTES_H

#include "wire/crc32c.h"
#include "wire/kafka.h"
#include "wire/words.h"

#define KAFKA_CAP (1u << 19) /* longest request, before and after */
#define KAFKA_TARGET KAFKA_CAP

#define KAFKA_PIECE (1u << 15) /* so much is copied at once … */

/* [0, KAFKA_CAP) as it was, then as it is to be, then room that a copy may seem to reach. */
struct kafka_bytes {
	__u8 bytes[2 * KAFKA_CAP + KAFKA_PIECE + 64] __attribute__((aligned(8))); /* for what lies in it as structs */
};

WIRE_INLINE __u32 kafka_index(__u32 offset)
{
	WIRE_OPAQUE(offset);
	return offset & (2 * KAFKA_CAP - 1);
}

/* At least 64 bytes may be read there; those of the source are not behind KAFKA_CAP. */
WIRE_INLINE __u8 *kafka_at(struct kafka_bytes *b, __u32 offset)
{
	return b->bytes + kafka_index(offset);
}

WIRE_INLINE __u32 kafka_u32_at(struct kafka_bytes *b, __u32 offset)
{
	return (__u32)__builtin_bswap32((__u32)wire_load64(kafka_at(b, offset)));
}

WIRE_INLINE __u16 kafka_u16_at(struct kafka_bytes *b, __u32 offset)
{
	return __builtin_bswap16((__u16)wire_load64(kafka_at(b, offset)));
}

WIRE_INLINE __s32 kafka_unzigzag(__u64 varint)
{
	__u32 v = (__u32)varint;

	return (__s32)(v >> 1 ^ -(v & 1));
}

/* Width of the varint that is written for v. */
WIRE_INLINE __u32 kafka_width(__u32 v)
{
	return v < 0x80 ? 1 : v < 0x4000 ? 2 : v < 0x200000 ? 3 : v < 0x10000000 ? 4 : 5;
}

/* Writes v; up to 8 bytes change, those behind it are to be written later. Returns its width. */
WIRE_INLINE __u32 kafka_put_varint(struct kafka_bytes *b, __u32 offset, __u32 v)
{
	__u64 x = v, width = kafka_width(v);

	x = (x & 0x7f) | (x & 0x3f80) << 1 | (x & 0x1fc000) << 2 | (x & 0xfe00000) << 3 | (x & 0xf0000000) << 4;
	x |= 0x80808080ull & ((1ull << (8 * (width - 1))) - 1);
	wire_store64(kafka_at(b, offset), x);
	return (__u32)width;
}

WIRE_INLINE void kafka_put_u32_at(struct kafka_bytes *b, __u32 offset, __u32 value)
{
	kafka_put_u32(kafka_at(b, offset), value);
}

/* Both lie within the request as it was or is to be; see struct kafka_bytes. */
WIRE_GLOBAL int kafka_move(struct kafka_bytes *b, __u32 to, __u32 from, __u32 bytes)
{
	__u64 n = bytes;

	if (!b)
		return 0;
	for (__u32 i = 0; i < KAFKA_CAP / KAFKA_PIECE; i++) {
		n = bytes;
		WIRE_OPAQUE(n);
		if (n == 0)
			break;
		if (n > KAFKA_PIECE)
			n = KAFKA_PIECE;
		wire_copy(kafka_at(b, to), kafka_at(b, from), n);
		to += KAFKA_PIECE;
		from += KAFKA_PIECE;
		bytes -= (__u32)n;
	}
	return 0;
}

struct kafka_crc_run {
	struct kafka_bytes *bytes;
	__u32 at, crc;
};

#define KAFKA_CRC_STRIDE 128u

WIRE_STEP kafka_crc_stride(__u32 i, void *arg)
{
	struct kafka_crc_run *run = (struct kafka_crc_run *)arg;
	const __u8 *at = kafka_at(run->bytes, run->at);
	__u32 crc = run->crc;

	(void)i;
#pragma GCC unroll 16
	for (__u32 k = 0; k < KAFKA_CRC_STRIDE; k += 8)
		crc = crc32c_word(crc, at + k);
	run->crc = crc;
	run->at += KAFKA_CRC_STRIDE;
	return 0;
}

WIRE_STEP kafka_crc_byte(__u32 i, void *arg)
{
	struct kafka_crc_run *run = (struct kafka_crc_run *)arg;

	(void)i;
	run->crc = crc32c_byte(run->crc, *kafka_at(run->bytes, run->at));
	run->at++;
	return 0;
}

WIRE_STEP kafka_crc_word(__u32 i, void *arg)
{
	struct kafka_crc_run *run = (struct kafka_crc_run *)arg;

	(void)i;
	run->crc = crc32c_word(run->crc, kafka_at(run->bytes, run->at));
	run->at += 8;
	return 0;
}

/* CRC-32C of [offset, offset + bytes). */
WIRE_GLOBAL __u32 kafka_crc(struct kafka_bytes *b, __u32 offset, __u32 bytes)
{
	struct kafka_crc_run run;

	if (!b || bytes > KAFKA_CAP)
		return 0;
	run.bytes = b;
	run.at = offset;
	run.crc = ~0u;
	wire_loop(bytes / KAFKA_CRC_STRIDE, kafka_crc_stride, &run);
	wire_loop(bytes % KAFKA_CRC_STRIDE / 8, kafka_crc_word, &run);
	wire_loop(bytes % 8, kafka_crc_byte, &run);
	return ~run.crc;
}

#endif
