/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The text of one message head, and places in it. The buffer belongs to the caller (in the kernel a claimed scratch
 * slot); parsers keep offsets, never pointers, because an offset can be masked and so stays provable to the verifier.
 */
#ifndef WEFT_WIRE_HEAD_TEXT_H
#define WEFT_WIRE_HEAD_TEXT_H

#include "wire/port.h"

#define HEAD_TEXT_CAP 16384u /* bytes of text; a power of two, so that an offset is masked with HEAD_TEXT_CAP - 1 */
#define HEAD_TEXT_SLACK 64u  /* readable bytes behind the last one, so that wide loads need no tail case */

struct head_text {
	__u8 bytes[HEAD_TEXT_CAP + HEAD_TEXT_SLACK];
};

/* Bytes [start, end) of a head_text; start == end is empty. A well-formed range has start <= end <= HEAD_TEXT_CAP. */
struct text_range {
	__u16 start, end;
};

/*
 * The value of a header that may stand on several lines, in order of arrival. `more` counts lines that found no place:
 * the value is then incomplete.
 */
#define TEXT_LINES_MAX 8u
struct text_lines {
	struct text_range line[TEXT_LINES_MAX];
	__u8 count; /* used entries of `line` */
	__u8 more;
	__u8 reserved[2];
};
WIRE_ASSERT(sizeof(struct text_lines) == 36, "text_lines layout");

/* Offset to index. The value is hidden first: the compiler would drop a mask that it can prove and the verifier cannot. */
WIRE_INLINE __u32 head_text_index(__u32 offset)
{
	WIRE_OPAQUE(offset);
	return offset & (HEAD_TEXT_CAP - 1);
}

WIRE_INLINE __u8 head_text_at(const struct head_text *t, __u32 offset)
{
	return t->bytes[head_text_index(offset)];
}

#endif
