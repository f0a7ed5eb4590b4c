/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), eight bytes at a time. A table is linear in its index, so each
 * is written as its values at the eight powers of two.
 */
#ifndef WEFT_WIRE_CRC32C_H
#define WEFT_WIRE_CRC32C_H

#include "wire/port.h"

#define CRC32C_BIT(i, bit, value) ((i) >> (bit) & 1 ? (value) : 0u)
#define CRC32C_1(i, a, b, c, d, e, f, g, h)                                                                            \
	(CRC32C_BIT(i, 0, a) ^ CRC32C_BIT(i, 1, b) ^ CRC32C_BIT(i, 2, c) ^ CRC32C_BIT(i, 3, d) ^ CRC32C_BIT(i, 4, e) ^ \
	 CRC32C_BIT(i, 5, f) ^ CRC32C_BIT(i, 6, g) ^ CRC32C_BIT(i, 7, h))
#define CRC32C_4(i, ...)                                                                                               \
	CRC32C_1(i, __VA_ARGS__), CRC32C_1((i) + 1, __VA_ARGS__), CRC32C_1((i) + 2, __VA_ARGS__),                      \
	    CRC32C_1((i) + 3, __VA_ARGS__)
#define CRC32C_16(i, ...)                                                                                              \
	CRC32C_4(i, __VA_ARGS__), CRC32C_4((i) + 4, __VA_ARGS__), CRC32C_4((i) + 8, __VA_ARGS__),                      \
	    CRC32C_4((i) + 12, __VA_ARGS__)
#define CRC32C_64(i, ...)                                                                                              \
	CRC32C_16(i, __VA_ARGS__), CRC32C_16((i) + 16, __VA_ARGS__), CRC32C_16((i) + 32, __VA_ARGS__),                 \
	    CRC32C_16((i) + 48, __VA_ARGS__)
#define CRC32C_ROW(...)                                                                                                \
	{CRC32C_64(0, __VA_ARGS__), CRC32C_64(64, __VA_ARGS__), CRC32C_64(128, __VA_ARGS__),                           \
	 CRC32C_64(192, __VA_ARGS__)},

/* Row k: what a byte does to the register that k more bytes of zero follow. */
static const __u32 crc32c_rows[8][256] = {
    CRC32C_ROW(0xf26b8303u, 0xe13b70f7u, 0xc79a971fu, 0x8ad958cfu, 0x105ec76fu, 0x20bd8edeu, 0x417b1dbcu, 0x82f63b78u)
	CRC32C_ROW(0x13a29877u, 0x274530eeu, 0x4e8a61dcu, 0x9d14c3b8u, 0x3fc5f181u, 0x7f8be302u, 0xff17c604u,
		   0xfbc3faf9u) CRC32C_ROW(0xa541927eu, 0x4f6f520du, 0x9edea41au, 0x38513ec5u, 0x70a27d8au, 0xe144fb14u,
					   0xc76580d9u, 0x8b277743u)
	    CRC32C_ROW(0xdd45aab8u, 0xbf672381u, 0x7b2231f3u, 0xf64463e6u, 0xe964b13du, 0xd725148bu, 0xaba65fe7u,
		       0x52a0c93fu) CRC32C_ROW(0x38116facu, 0x7022df58u, 0xe045beb0u, 0xc5670b91u, 0x8f2261d3u,
					       0x1ba8b557u, 0x37516aaeu, 0x6ea2d55cu)
		CRC32C_ROW(0xef306b19u, 0xdb8ca0c3u, 0xb2f53777u, 0x6006181fu, 0xc00c303eu, 0x85f4168du, 0x0e045bebu,
			   0x1c08b7d6u) CRC32C_ROW(0x68032cc8u, 0xd0065990u, 0xa5e0c5d1u, 0x4e2dfd53u, 0x9c5bfaa6u,
						   0x3d5b83bdu, 0x7ab7077au, 0xf56e0ef4u)
		    CRC32C_ROW(0x493c7d27u, 0x9278fa4eu, 0x211d826du, 0x423b04dau, 0x847609b4u, 0x0d006599u,
			       0x1a00cb32u, 0x34019664u)};

/* Both hidden from the compiler: it would keep eight pointers in registers, of which BPF has ten. */
WIRE_INLINE __u32 crc32c_entry(const __u8 *rows, __u32 row, __u64 times_four)
{
	rows += times_four & 0x3fc;
	WIRE_OPAQUE(rows);
	return *(const __u32 *)(rows + sizeof(crc32c_rows[0]) * row);
}

WIRE_INLINE __u32 crc32c_byte(__u32 crc, __u8 byte)
{
	const __u8 *rows = (const __u8 *)crc32c_rows;

	WIRE_OPAQUE(rows);
	return crc32c_entry(rows, 0, (__u64)(crc ^ byte) << 2) ^ (crc >> 8);
}

WIRE_INLINE __u32 crc32c_word(__u32 crc, const __u8 *eight)
{
	const __u8 *rows = (const __u8 *)crc32c_rows;
	__u64 x;
	__u32 sum;

	WIRE_OPAQUE(rows);
	WIRE_OPAQUE(eight);
	x = wire_load64(eight) ^ crc;
	sum = crc32c_entry(rows, 7, x << 2);
	sum ^= crc32c_entry(rows, 6, x >> 6);
	sum ^= crc32c_entry(rows, 5, x >> 14);
	sum ^= crc32c_entry(rows, 4, x >> 22);
	sum ^= crc32c_entry(rows, 3, x >> 30);
	sum ^= crc32c_entry(rows, 2, x >> 38);
	sum ^= crc32c_entry(rows, 1, x >> 46);
	return sum ^ crc32c_entry(rows, 0, x >> 54);
}

#endif
