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
 * The value of a header that may stand on several lines, in order of arrival. `more` counts lines that found no place,
 * up to 255: the value is then incomplete.
 */
#define TEXT_LINES_MAX 8u
struct text_lines {
	struct text_range line[TEXT_LINES_MAX];
	__u8 count; /* used entries of `line` */
	__u8 more;
	__u16 lost_from; /* with `more`: the value of the first of them begins here or later */
};
WIRE_ASSERT(sizeof(struct text_lines) == 36, "text_lines layout");

/* Offset to index. The value is hidden first: the compiler would drop a mask that it can prove and the verifier cannot.
 */
WIRE_INLINE __u32 head_text_index(__u32 offset)
{
	WIRE_OPAQUE(offset);
	return offset & (HEAD_TEXT_CAP - 1);
}

WIRE_INLINE __u8 head_text_at(const struct head_text *t, __u32 offset)
{
	return t->bytes[head_text_index(offset)];
}

WIRE_INLINE bool text_is_space(__u8 c)
{
	return c == ' ' || c == '\t';
}

struct text_trim_run {
	const struct head_text *text;
	__u32 start, end;
};

WIRE_STEP text_trim_start_step(__u32 i, void *arg)
{
	struct text_trim_run *run = (struct text_trim_run *)arg;

	(void)i;
	if (run->start >= run->end || !text_is_space(head_text_at(run->text, run->start)))
		return 1;
	run->start++;
	return 0;
}

WIRE_STEP text_trim_end_step(__u32 i, void *arg)
{
	struct text_trim_run *run = (struct text_trim_run *)arg;

	(void)i;
	if (run->start >= run->end || !text_is_space(head_text_at(run->text, run->end - 1)))
		return 1;
	run->end--;
	return 0;
}

/* The end of [start, end) without the spaces and tabs that stand there. */
WIRE_GLOBAL __u32 text_trim_end(const struct head_text *t, __u32 start, __u32 end)
{
	struct text_trim_run run;

	if (!t || end > HEAD_TEXT_CAP)
		return start;
	run.text = t;
	run.start = start;
	run.end = end;
	wire_loop(HEAD_TEXT_CAP, text_trim_end_step, &run);
	return run.end;
}

WIRE_GLOBAL __u32 text_trim_start(const struct head_text *t, __u32 start, __u32 end)
{
	struct text_trim_run run;

	if (!t || end > HEAD_TEXT_CAP)
		return end;
	run.text = t;
	run.start = start;
	run.end = end;
	wire_loop(HEAD_TEXT_CAP, text_trim_start_step, &run);
	return run.start;
}

/* Takes spaces and tabs off both sides (OWS of RFC 9110, section 5.6.3). Nearly always there are none: no loop then. */
WIRE_INLINE void text_trim(const struct head_text *t, __u32 *start, __u32 *end)
{
	if (*start >= *end)
		return;
	if (text_is_space(head_text_at(t, *start)))
		*start = text_trim_start(t, *start, *end);
	if (*start < *end && text_is_space(head_text_at(t, *end - 1)))
		*end = text_trim_end(t, *start, *end);
}

#endif
