/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Eight bytes of text at a time in one 64-bit word, first byte lowest (all targets are little-endian). A byte class is
 * a mask with bit 7 set in each byte that belongs to it; every class here is exact in all eight bytes.
 */
#ifndef WEFT_WIRE_WORDS_H
#define WEFT_WIRE_WORDS_H

#include "wire/port.h"

WIRE_ASSERT(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the word masks are little-endian");

#define WORD_ONES 0x0101010101010101ull
#define WORD_HIGH 0x8080808080808080ull
#define WORD_LOW7 0x7f7f7f7f7f7f7f7full

/* Bytes equal to c. */
WIRE_INLINE __u64 word_equal(__u64 word, __u8 c)
{
	__u64 x = word ^ (WORD_ONES * c);
	return ~(((x & WORD_LOW7) + WORD_LOW7) | x) & WORD_HIGH;
}

/* Bytes >= c, as unsigned; 1 <= c <= 0x80. */
WIRE_INLINE __u64 word_at_least(__u64 word, __u8 c)
{
	return (((word & WORD_LOW7) + WORD_ONES * (__u8)(0x80 - c)) | word) & WORD_HIGH;
}

/* Bytes in [first, last]; 1 <= first <= last <= 0x7f. */
WIRE_INLINE __u64 word_between(__u64 word, __u8 first, __u8 last)
{
	return word_at_least(word, first) & ~word_at_least(word, (__u8)(last + 1));
}

/* Space and horizontal tab: OWS of RFC 9110, section 5.6.3. */
WIRE_INLINE __u64 word_spaces(__u64 word)
{
	return word_equal(word, ' ') | word_equal(word, '\t');
}

/* Control bytes and DEL, but not the tab, which is white space wherever white space may be. */
WIRE_INLINE __u64 word_controls(__u64 word)
{
	return ((~word_at_least(word, 0x20) & WORD_HIGH) & ~word_equal(word, '\t')) | word_equal(word, 0x7f);
}

/*
 * Does any byte equal c? Is any byte below c (at most 0x80)? Cheaper than a class: only "none" and "some" can be told
 * from the result.
 */
WIRE_INLINE __u64 word_any_equal(__u64 word, __u8 c)
{
	__u64 x = word ^ (WORD_ONES * c);
	return (x - WORD_ONES) & ~x & WORD_HIGH;
}
WIRE_INLINE __u64 word_any_below(__u64 word, __u8 c)
{
	return (word - WORD_ONES * c) & ~word & WORD_HIGH;
}

/* All bits of the bytes before the first one of the class; all 64 when the class is empty. */
WIRE_INLINE __u64 word_before(__u64 mask)
{
	return ((mask & -mask) >> 7) - 1;
}

/* Index of the first byte of the class, 0 to 7; the mask is not empty. One multiplication: BPF cannot count zeros. */
WIRE_INLINE __u32 word_first(__u64 mask)
{
	return (__u32)((((mask & -mask) >> 7) * 0x0001020304050607ull) >> 56);
}

/* Bit 7 of byte `left`, nothing for 8 and more: the sentinel that stops a scan where the text ends. */
WIRE_INLINE __u64 word_end(__u32 left)
{
	return left < 8 ? 0x80ull << (8 * left) : 0;
}

/*
 * Eight lower-case hex digits as four bytes. What is no lower-case hex digit sets *bad. A byte's digit value is its low
 * nibble, plus 9 for letters; encoding the value again and comparing finds every wrong byte but 'g', whose value is 16.
 */
WIRE_INLINE __u32 word_unhex(__u64 word, __u64 *bad)
{
	__u64 n = (word & 0x0f0f0f0f0f0f0f0full) + ((word >> 6) & WORD_ONES) * 9;
	__u64 letters = ((n + 0x0606060606060606ull) >> 4) & WORD_ONES;
	*bad |= (word ^ (n + WORD_ONES * '0' + letters * ('a' - '0' - 10))) | (n & 0xf0f0f0f0f0f0f0f0ull);
	n = ((n << 4) | (n >> 8)) & 0x00ff00ff00ff00ffull;
	n = (n | (n >> 8)) & 0x0000ffff0000ffffull;
	return (__u32)(n | (n >> 16));
}

/* Four bytes as eight lower-case hex digits. */
WIRE_INLINE __u64 word_hex(__u32 bytes)
{
	__u64 x = bytes;
	x = (x | (x << 16)) & 0x0000ffff0000ffffull;
	x = (x | (x << 8)) & 0x00ff00ff00ff00ffull;
	x = ((x >> 4) & 0x000f000f000f000full) | ((x & 0x000f000f000f000full) << 8);
	return x + WORD_ONES * '0' + (((x + 0x0606060606060606ull) >> 4) & WORD_ONES) * ('a' - '0' - 10);
}

#endif
