/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* HPACK's integers and strings (RFC 7541, section 5), as far as context headers need them. */
#ifndef WEFT_WIRE_HTTP2_TEXT_H
#define WEFT_WIRE_HTTP2_TEXT_H

#include "wire/http2_huffman.h"
#include "wire/http2_state.h"
#include "wire/text_copy.h"

#define HTTP2_LINES_MOST 12000u /* of text written */

/*
 * The integer whose first byte is `first` (RFC 7541, section 5.1), from `at` on, where the block ends at `end`. Returns
 * where it ends << 32 | its value; all ones: there is none.
 */
WIRE_GLOBAL __u64 http2_integer_at(const struct head_text *block, __u32 first, __u32 mask, __u32 at, __u32 end)
{
	__u32 value = first & mask;

	if (!block)
		return ~0ULL;
	if (value != mask)
		return (__u64)at << 32 | value;
	for (__u32 i = 0; i < 4; i++) {
		__u32 next = head_text_at(block, at);

		if (at >= end)
			return ~0ULL;
		at++;
		value += (next & 127) << (7 * i);
		if (!(next & 128))
			return (__u64)at << 32 | value;
	}
	return ~0ULL;
}

/* A string's place in the block: where it begins | its bytes << 16 | is it in Huffman code << 32. */
WIRE_INLINE __u64 http2_range(__u32 at, __u32 bytes, bool coded)
{
	return (__u64)coded << 32 | bytes << 16 | at;
}

WIRE_INLINE __u32 http2_range_at(__u64 range)
{
	return range & 0xffff;
}

WIRE_INLINE __u32 http2_range_bytes(__u64 range)
{
	return range >> 16 & 0xffff;
}

WIRE_INLINE bool http2_range_coded(__u64 range)
{
	return range >> 32 & 1;
}

/* Bytes of text, at most. */
WIRE_INLINE __u32 http2_range_text(__u64 range)
{
	return http2_range_coded(range) ? http2_range_bytes(range) * 8 / 5 : http2_range_bytes(range);
}

/* The place of the string (RFC 7541, section 5.2) that begins at `at`, never 0. 0: there is none. */
WIRE_GLOBAL __u64 http2_string_at(const struct head_text *block, __u32 at, __u32 end)
{
	__u32 first, bytes;
	__u64 found;

	if (!block || at >= end)
		return 0;
	first = head_text_at(block, at);
	found = http2_integer_at(block, first, 127, at + 1, end);
	at = found >> 32;
	bytes = found;
	if (found == ~0ULL || bytes > end - at)
		return 0;
	return http2_range(at, bytes, first >> 7);
}

/* Four symbols of Huffman code. */
WIRE_STEP http2_huffman_step(__u32 i, void *arg)
{
	struct text_copy *c = (struct text_copy *)arg;
	__u64 window = __builtin_bswap64(wire_load64(c->from->bytes + head_text_index(c->at >> 3))) << (c->at & 7);
	__u32 at = c->at, out = c->out;

	(void)i;
#ifdef __clang__
#pragma unroll
#endif
	for (__u32 k = 0; k < 4; k++) {
		__u32 symbol = http2_huffman_short[window >> 56], bits = symbol >> 8;

		if (at + bits > c->end || !bits) {
			/* Padding: the beginning of EOS, which is all ones. */
			__u32 left = c->end - at;

			if (left >= 8 || (left && window >> (64 - left) != (1ULL << left) - 1))
				c->bad = 1;
			c->out = out;
			return 1;
		}
		c->to->bytes[head_text_index(out)] = (__u8)symbol;
		out++;
		at += bits;
		window <<= bits;
	}
	c->at = at;
	c->out = out;
	return 0;
}

/*
 * Text [at, at + bytes) of the block, `coded` or not, to `lines` at index `to`. Returns the new end, or 0 when the text
 * cannot be read here.
 */
WIRE_GLOBAL __u32 http2_copy_text(const struct head_text *block, struct head_text *lines, __u64 range, __u32 to)
{
	struct text_copy c;
	__u32 at = http2_range_at(range), bytes = http2_range_bytes(range);

	if (!block || !lines || to > HTTP2_LINES_MOST || http2_range_text(range) > HTTP2_LINES_MOST - to)
		return 0;
	c.from = block;
	c.to = lines;
	c.out = to;
	c.bad = 0;
	if (http2_range_coded(range)) {
		c.at = at * 8;
		c.end = (at + bytes) * 8;
		wire_loop(HEAD_TEXT_CAP / 2, http2_huffman_step, &c);
	} else {
		c.at = at;
		c.end = at + bytes;
		wire_loop(HEAD_TEXT_CAP / 8, text_copy_step, &c);
	}
	return c.bad ? 0 : c.out;
}

struct http2_mask_run {
	struct head_text *block;
	__u32 at, end;
	__u64 fill;
};

WIRE_STEP http2_mask_step(__u32 i, void *arg)
{
	struct http2_mask_run *m = (struct http2_mask_run *)arg;
	__u32 left = m->end - m->at;
	__u64 keep = 0, word;

	(void)i;
	if (m->at >= m->end)
		return 1;
	if (left < 8)
		keep = ~0ULL << (8 * left);
	word = wire_load64(m->block->bytes + head_text_index(m->at));
	wire_store64(m->block->bytes + head_text_index(m->at), (word & keep) | (m->fill & ~keep));
	m->at += 8;
	return 0;
}

/* Text of the block is written over with asterisks, which take eight bits in Huffman code as well. */
WIRE_GLOBAL int http2_mask(struct head_text *block, __u64 range)
{
	struct http2_mask_run m;

	if (!block)
		return 0;
	m.block = block;
	m.at = http2_range_at(range);
	m.end = m.at + http2_range_bytes(range);
	m.fill = http2_range_coded(range) ? 0xf9f9f9f9f9f9f9f9ULL : 0x2a2a2a2a2a2a2a2aULL;
	wire_loop(HEAD_TEXT_CAP / 8, http2_mask_step, &m);
	return 0;
}

#endif
