/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What the parsers of all trace context formats have in common: the formats, their results, and the reading of hex
 * fields of any length (B3, Jaeger, X-Trace-ID). traceparent has fixed columns and reads itself.
 */
#ifndef WEFT_WIRE_CONTEXT_H
#define WEFT_WIRE_CONTEXT_H

#include "wire/traceparent.h"

/*
 * Formats of a context, as in kernel_settings.extract and .inject. FORMAT_BAGGAGE holds no ids. Numbers are bits of a
 * mask in several places.
 */
enum context_format {
	FORMAT_TRACECONTEXT = 0,
	FORMAT_B3,
	FORMAT_B3MULTI,
	FORMAT_JAEGER,
	FORMAT_XTRACEID,
	FORMAT_IDS, /* formats before this one hold ids */
	FORMAT_BAGGAGE = FORMAT_IDS,
	FORMAT_COUNT,
	FORMAT_NONE = FORMAT_COUNT
};

/* The first three are enum traceparent_result. */
enum context_result {
	CONTEXT_OK = 0,
	CONTEXT_MALFORMED,
	CONTEXT_ZERO_ID,
	CONTEXT_SAMPLING_ONLY, /* no ids, but a decision (`b3: 0`): `flags` holds it */
	CONTEXT_ABSENT,
};

/*
 * Hex digits in [pos, end), in up to four fields. Lies in memory of the caller, not on the stack: the verifier does not
 * track it there, and looks at the loop's body once.
 */
#define HEX_FIELDS_MAX 4u
struct hex_fields {
	__u64 high[HEX_FIELDS_MAX], low[HEX_FIELDS_MAX];
	__u8 digits[HEX_FIELDS_MAX];
	__u32 pos, end;
	__u32 field; /* at the end: index of the last one */
	__u8 separator;
	__u8 bad;   /* no hex digit, more than 32 digits in a field, more than four fields */
	__u8 upper; /* an upper-case digit was among them */
	__u8 reserved;
};

struct hex_fields_run {
	const struct head_text *text;
	struct hex_fields *out;
};

/* A separator at `pos`? Jaeger's clients may send ':' percent-encoded. Returns its bytes. */
WIRE_INLINE __u32 hex_separator(const struct hex_fields_run *run, __u32 pos, __u32 b)
{
	const struct hex_fields *f = run->out;

	if (b == f->separator)
		return 1;
	if (b == '%' && f->separator == ':' && f->end - pos >= 3 && head_text_at(run->text, pos + 1) == '3' &&
	    (head_text_at(run->text, pos + 2) | 0x20) == 'a')
		return 3;
	return 0;
}

WIRE_STEP hex_fields_step(__u32 i, void *arg)
{
	const struct hex_fields_run *run = (const struct hex_fields_run *)arg;
	struct hex_fields *f = run->out;
	__u32 pos = f->pos, field = f->field, b, bytes;

	(void)i;
	if (pos >= f->end || f->bad)
		return 1;
	b = head_text_at(run->text, pos);
	bytes = hex_separator(run, pos, b);
	if (bytes) {
		f->pos = pos + bytes;
		f->field = field + 1;
		if (field + 1 >= HEX_FIELDS_MAX)
			f->bad = 1;
		return 0;
	}
	f->pos = pos + 1;
	if (b >= '0' && b <= '9') {
		b -= '0';
	} else if ((b | 0x20) >= 'a' && (b | 0x20) <= 'f') {
		f->upper |= !(b & 0x20);
		b = (b | 0x20) - 'a' + 10;
	} else {
		f->bad = 1;
		return 0;
	}
	WIRE_OPAQUE(field);
	field &= HEX_FIELDS_MAX - 1;
	f->high[field] = f->high[field] << 4 | f->low[field] >> 60;
	f->low[field] = f->low[field] << 4 | b;
	f->digits[field]++;
	if (f->digits[field] > 32)
		f->bad = 1;
	return 0;
}

/* Reads the value in `range` = start | end << 16. Returns how many fields it has; 0: it is not of this form. */
WIRE_GLOBAL __u32 hex_fields_read(const struct head_text *t, __u32 range, __u32 separator, struct hex_fields *out)
{
	struct hex_fields_run run;
	__u32 start = range & 0xffff, end = range >> 16;

	if (!t || !out || end > HEAD_TEXT_CAP || start >= end)
		return 0;
	out->high[0] = out->high[1] = out->high[2] = out->high[3] = 0;
	out->low[0] = out->low[1] = out->low[2] = out->low[3] = 0;
	out->digits[0] = out->digits[1] = out->digits[2] = out->digits[3] = 0;
	out->pos = start;
	out->end = end;
	out->field = 0;
	out->separator = (__u8)separator;
	out->bad = out->upper = out->reserved = 0;
	run.text = t;
	run.out = out;
	wire_loop(160, hex_fields_step, &run);
	return out->bad || out->pos < out->end ? 0 : (out->field & (HEX_FIELDS_MAX - 1)) + 1;
}

WIRE_INLINE __u32 text_range_word(struct text_range r)
{
	return r.start | (__u32)r.end << 16;
}

/* A number as the bytes of an id, most significant first. */
WIRE_INLINE void context_store_id(__u8 *to, __u64 number)
{
	wire_store64(to, __builtin_bswap64(number));
}

/* Ids that are read; decision and flags are the format's own business. */
WIRE_INLINE void context_ids(struct traceparent *out, __u64 high, __u64 low, __u64 parent)
{
	context_store_id(out->trace_id, high);
	context_store_id(out->trace_id + 8, low);
	context_store_id(out->parent_id, parent);
	out->version = 0;
	out->flags = 0;
	out->undecided = 0;
	out->opaque = 0;
}

/* Eight bytes as 16 lower-case hex digits. */
WIRE_INLINE void context_write_id(__u8 *to, const __u8 *id)
{
	__u64 word = wire_load64(id);

	wire_store64(to, word_hex((__u32)word));
	wire_store64(to + 8, word_hex((__u32)(word >> 32)));
}

#endif
