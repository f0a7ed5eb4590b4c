/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* HTTP/1.1: bytes and words of a head, which bytes stand where, and which header lines matter. */
#ifndef WEFT_WIRE_HTTP1_NAMES_H
#define WEFT_WIRE_HTTP1_NAMES_H

#include "wire/http1_state.h"

/* RFC 9110 section 5.6.2 */
WIRE_INLINE bool http1_is_token_byte(__u8 b)
{
	if (b <= 0x20 || b >= 0x7f)
		return false;
	return b != '"' && b != '(' && b != ')' && b != ',' && b != '/' && !(b >= ':' && b <= '@') &&
	       !(b >= '[' && b <= ']') && b != '{' && b != '}';
}

WIRE_INLINE __u8 http1_lower(__u8 b)
{
	return b >= 'A' && b <= 'Z' ? b | 0x20 : b;
}

WIRE_INLINE int http1_hex_digit(__u8 b)
{
	if (b >= '0' && b <= '9')
		return b - '0';
	b |= 0x20;
	return b >= 'a' && b <= 'f' ? b - 'a' + 10 : -1;
}

/* A byte that may stand in the name of a header nobody asked for; what counts is that a colon follows for sure. */
WIRE_INLINE bool http1_is_name_byte(__u8 b)
{
	return b > 0x20 && b < 0x80 && b != ':';
}

#define HTTP1_TRACEPAR 0x7261706563617274ULL
#define HTTP1_TRACESTA 0x6174736563617274ULL
#define HTTP1_BAGGAGE_ 0x3a65676167676162ULL
#define HTTP1_CONTENT_ 0x2d746e65746e6f63ULL
#define HTTP1_TRANSFER 0x726566736e617274ULL
#define HTTP1_UPGRADE_ 0x3a65646172677075ULL

/* Most lines are dismissed by their first letter: t, b, c, u and x are those that matter. */
WIRE_INLINE bool http1_letter_matters(__u64 first)
{
	const __u32 letters =
	    1u << ('t' & 31) | 1u << ('b' & 31) | 1u << ('c' & 31) | 1u << ('u' & 31) | 1u << ('x' & 31);

	return letters >> (first & 31) & 1;
}

/* Do the first n (at most 8) bytes, folded to lower case, begin or exceed a name that carrier_other knows? */
WIRE_INLINE bool http1_may_carry(__u64 first, __u64 mask)
{
	return !((first ^ 0x3a3362ULL) & mask & 0xffffff) || !((first ^ 0x2d33622d78ULL) & mask & 0xffffffffffULL) ||
	       !((first ^ 0x6172742d72656275ULL) & mask) || !((first ^ 0x2d78746372656275ULL) & mask) ||
	       !((first ^ 0x2d65636172742d78ULL) & mask) || !((first ^ 0x746e657261702d78ULL) & mask);
}

/*
 * Can the header line whose first n (at most 8) bytes, folded to lower case, are these be one that matters? A line that
 * cannot is skipped from its first differing byte on, whether the bytes come at once or one by one.
 */
WIRE_INLINE bool http1_may_matter(__u64 first, __u32 n)
{
	__u64 mask = n >= 8 ? ~0ULL : (1ULL << (8 * n)) - 1;

	if (!http1_letter_matters(first))
		return false;
	first &= mask;
	return first == (HTTP1_TRACEPAR & mask) || first == (HTTP1_TRACESTA & mask) ||
	       first == (HTTP1_BAGGAGE_ & mask) || first == (HTTP1_CONTENT_ & mask) ||
	       first == (HTTP1_TRANSFER & mask) || first == (HTTP1_UPGRADE_ & mask) || http1_may_carry(first, mask);
}

WIRE_INLINE __u8 http1_method_of(__u64 name, __u32 length)
{
	if (length == 3 && name == 0x544547ULL)
		return HTTP1_METHOD_GET;
	if (length == 4 && name == 0x44414548ULL)
		return HTTP1_METHOD_HEAD;
	if (length == 4 && name == 0x54534f50ULL)
		return HTTP1_METHOD_POST;
	if (length == 7 && name == 0x5443454e4e4f43ULL)
		return HTTP1_METHOD_CONNECT;
	return HTTP1_METHOD_OTHER;
}

#endif
