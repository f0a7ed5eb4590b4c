/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Jaeger's baggage, one header a key (`uberctx-KEY: value`), to and from members of a baggage text. Reading: keys in
 * lower case, because header names lose theirs; bytes that a W3C value may not have are percent-encoded, '%' where it
 * is no escape; a key that the W3C baggage of the same message has, whatever its case, is left out. Writing: properties
 * are dropped, and members whose key is no header name.
 */
#ifndef WEFT_WIRE_UBER_BAGGAGE_H
#define WEFT_WIRE_UBER_BAGGAGE_H

#include "wire/carriers.h"

#define UBER_KEYS_MAX 64u /* a power of two */

enum uber_state { UBER_BETWEEN, UBER_KEY, UBER_VALUE, UBER_SKIP };

/* Memory of the caller, not a local variable: the verifier does not track it. */
struct uber_work {
	__u64 key[UBER_KEYS_MAX]; /* hashes of the W3C keys */
	__u64 hash;		  /* of the key at hand */
	__u32 keys;
	__u32 line;	 /* next line */
	__u32 pos, end;	 /* in the text */
	__u32 to, limit; /* next byte to be written, and where writing has to end */
	__u32 begin;	 /* where the member or line being written began: what becomes none goes again */
	__u32 value;	 /* reading: where the value begins */
	__u32 state;
	__u32 full;  /* no more room */
	__u32 known; /* the key was found among the W3C ones */
	__u32 reserved;
};

struct uber_run {
	struct head_text *text;
	const struct text_lines *lines;
	const struct carriers *carriers;
	struct uber_work *work;
};

WIRE_INLINE __u32 uber_lower(__u32 b)
{
	return b >= 'A' && b <= 'Z' ? b | 0x20 : b;
}

WIRE_INLINE __u64 uber_hash(__u64 hash, __u32 b)
{
	return (hash ^ uber_lower(b)) * 0x100000001b3ULL;
}
#define UBER_HASH_BEGIN 0xcbf29ce484222325ULL

WIRE_INLINE void uber_put(const struct uber_run *run, __u32 b)
{
	struct uber_work *w = run->work;

	if (w->to >= w->limit) {
		w->full = 1;
		return;
	}
	run->text->bytes[head_text_index(w->to)] = (__u8)b;
	w->to++;
}

/* The keys of the W3C lines, one byte a step. */
WIRE_STEP uber_keys_step(__u32 i, void *arg)
{
	const struct uber_run *run = (const struct uber_run *)arg;
	struct uber_work *w = run->work;
	__u32 b, line = w->line, at;

	(void)i;
	if (w->pos >= w->end) {
		if (line >= run->lines->count || line >= TEXT_LINES_MAX)
			return 1;
		WIRE_OPAQUE(line);
		line &= TEXT_LINES_MAX - 1;
		w->pos = run->lines->line[line].start;
		w->end = run->lines->line[line].end;
		w->line++;
		w->hash = UBER_HASH_BEGIN;
		w->state = UBER_KEY;
		return 0;
	}
	b = head_text_at(run->text, w->pos);
	w->pos++;
	if (b == ',') {
		w->hash = UBER_HASH_BEGIN;
		w->state = UBER_KEY;
	} else if (w->state != UBER_KEY || b == ' ' || b == '\t') {
		return 0;
	} else if (b == '=') {
		at = w->keys;
		w->keys++;
		WIRE_OPAQUE(at);
		w->key[at & (UBER_KEYS_MAX - 1)] = w->hash;
		w->state = UBER_VALUE;
	} else {
		w->hash = uber_hash(w->hash, b);
	}
	return 0;
}

WIRE_STEP uber_search_step(__u32 i, void *arg)
{
	struct uber_work *w = ((const struct uber_run *)arg)->work;

	if (i >= w->keys)
		return 1;
	if (w->key[i & (UBER_KEYS_MAX - 1)] == w->hash)
		w->known = 1;
	return 0;
}

WIRE_INLINE bool uber_is_hex(__u32 b)
{
	return (b >= '0' && b <= '9') || (uber_lower(b) >= 'a' && uber_lower(b) <= 'f');
}

/* At w->pos, behind a '%': is it an escape? */
WIRE_INLINE bool uber_escapes(const struct uber_run *run)
{
	const struct uber_work *w = run->work;

	return w->pos + 2 <= w->end && uber_is_hex(head_text_at(run->text, w->pos)) &&
	       uber_is_hex(head_text_at(run->text, w->pos + 1));
}

/* A byte of a W3C value (baggage-octet), or '%'. */
WIRE_INLINE bool uber_octet(__u32 b)
{
	return b > 0x20 && b < 0x7f && b != '"' && b != ',' && b != ';' && b != '\\';
}

WIRE_INLINE __u32 uber_hex(__u32 digit)
{
	return digit < 10 ? '0' + digit : 'A' + digit - 10;
}

/* The next uberctx- line. Returns whether there is one. */
WIRE_INLINE bool uber_next_line(const struct uber_run *run)
{
	struct uber_work *w = run->work;
	__u32 line = w->line;

	if (w->state == UBER_VALUE && w->full)
		w->to = w->begin;
	if (line >= run->carriers->count || line >= CARRIER_LINES_MAX || w->full)
		return false;
	w->line++;
	w->state = UBER_BETWEEN;
	WIRE_OPAQUE(line);
	line &= CARRIER_LINES_MAX - 1;
	w->pos = w->end = 0;
	if (run->carriers->line[line].carrier != CARRIER_UBER_BAGGAGE)
		return true;
	w->pos = run->carriers->line[line].name + 8u;
	w->value = run->carriers->line[line].start;
	w->end = run->carriers->line[line].end;
	if (w->end < w->value || w->value <= w->pos)
		w->end = w->pos;
	w->begin = w->to;
	w->hash = UBER_HASH_BEGIN;
	w->known = 0;
	w->state = UBER_KEY;
	uber_put(run, ','); /* the first one is an empty member, which does not count */
	return true;
}

WIRE_STEP uber_members_step(__u32 i, void *arg)
{
	const struct uber_run *run = (const struct uber_run *)arg;
	struct uber_work *w = run->work;
	__u32 b;

	(void)i;
	if (w->state == UBER_BETWEEN || w->state == UBER_SKIP || (w->pos >= w->end && w->state == UBER_VALUE)) {
		if (!uber_next_line(run))
			return 1;
		return 0;
	}
	b = head_text_at(run->text, w->pos);
	w->pos++;
	if (w->state == UBER_KEY) {
		if (b != ':') {
			w->hash = uber_hash(w->hash, b);
			uber_put(run, uber_lower(b));
			return 0;
		}
		wire_loop(UBER_KEYS_MAX, uber_search_step, (void *)run);
		if (w->known) {
			w->to = w->begin;
			w->state = UBER_SKIP;
			return 0;
		}
		uber_put(run, '=');
		w->pos = w->value;
		w->state = UBER_VALUE;
		return 0;
	}
	if (uber_octet(b) && (b != '%' || uber_escapes(run))) { /* what is encoded already stays as it is */
		uber_put(run, b);
	} else {
		uber_put(run, '%');
		uber_put(run, uber_hex(b >> 4));
		uber_put(run, uber_hex(b & 15));
	}
	return 0;
}

/*
 * Members of the uberctx- lines of `c`, without those whose key is in `lines`, into the text at `to`. Returns where
 * they end. What finds no room there is left out whole.
 */
WIRE_GLOBAL __u32 uber_members(struct head_text *t, const struct text_lines *lines, const struct carriers *c,
			       struct uber_work *work, __u32 to)
{
	struct uber_run run = {};

	if (!t || !lines || !c || !work || to >= HEAD_TEXT_CAP)
		return to;
	run.text = t;
	run.lines = lines;
	run.carriers = c;
	run.work = work;
	work->keys = work->line = work->pos = work->end = 0;
	work->state = UBER_KEY;
	wire_loop(HEAD_TEXT_CAP + TEXT_LINES_MAX, uber_keys_step, &run);
	if (work->keys > UBER_KEYS_MAX)
		work->keys = UBER_KEYS_MAX;
	work->line = work->pos = work->end = work->full = 0;
	work->to = work->begin = to;
	work->limit = HEAD_TEXT_CAP;
	work->state = UBER_BETWEEN;
	wire_loop(HEAD_TEXT_CAP + CARRIER_LINES_MAX, uber_members_step, &run);
	if (work->full)
		work->to = work->begin;
	return work->to;
}

/* A byte of a header name that no reader can mistake (RFC 9110 token). */
WIRE_INLINE bool uber_name_byte(__u32 b)
{
	return (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') || b == '-' || b == '_' ||
	       b == '.' || b == '~' || b == '!' || b == '#' || b == '$' || b == '&' || b == '\'' || b == '*' ||
	       b == '+' || b == '^' || b == '`' || b == '|' || b == '%';
}

WIRE_INLINE void uber_line_ends(const struct uber_run *run)
{
	struct uber_work *w = run->work;

	if (w->state == UBER_VALUE) {
		uber_put(run, '\r');
		uber_put(run, '\n');
	}
	if (w->state == UBER_KEY || w->full)
		w->to = w->begin;
	w->state = UBER_BETWEEN;
}

WIRE_STEP uber_lines_step(__u32 i, void *arg)
{
	const struct uber_run *run = (const struct uber_run *)arg;
	struct uber_work *w = run->work;
	__u32 b;

	(void)i;
	if (w->pos >= w->end || w->full) {
		uber_line_ends(run);
		return 1;
	}
	b = head_text_at(run->text, w->pos);
	w->pos++;
	if (b == ',') {
		uber_line_ends(run);
	} else if (w->state == UBER_BETWEEN) {
		w->begin = w->to;
		if (w->to + 16 > w->limit) {
			w->full = 1;
			return 0;
		}
		wire_store64(run->text->bytes + head_text_index(w->to), 0x2d78746372656275ULL); /* uberctx- */
		w->to += 8;
		w->state = UBER_KEY;
		if (uber_name_byte(b)) {
			uber_put(run, b);
		} else {
			w->to = w->begin;
			w->state = UBER_SKIP;
		}
	} else if (w->state == UBER_KEY) {
		if (b == '=') {
			uber_put(run, ':');
			uber_put(run, ' ');
			w->state = UBER_VALUE;
		} else if (uber_name_byte(b)) {
			uber_put(run, b);
		} else {
			w->to = w->begin;
			w->state = UBER_SKIP;
		}
	} else if (w->state == UBER_VALUE) {
		if (b != ';') {
			uber_put(run, b);
			return 0;
		}
		uber_put(run, '\r');
		uber_put(run, '\n');
		if (w->full)
			w->to = w->begin;
		w->state = UBER_SKIP;
	}
	return 0;
}

/*
 * The members of the checked baggage in [from, end) of `t` as lines `uberctx-KEY: value`, into the same text from `to`
 * on, which ends before `limit`. Returns where they end; a line that finds no room is left out, and all after it.
 */
WIRE_GLOBAL __u32 uber_lines(struct head_text *t, struct uber_work *work, __u32 range, __u32 to, __u32 limit)
{
	struct uber_run run = {};

	if (!t || !work || to >= limit || limit > HEAD_TEXT_CAP)
		return to;
	run.text = t;
	run.work = work;
	work->pos = range & 0xffff;
	work->end = range >> 16;
	work->to = work->begin = to;
	work->limit = limit;
	work->state = UBER_BETWEEN;
	work->full = 0;
	wire_loop(HEAD_TEXT_CAP, uber_lines_step, &run);
	return work->to;
}

#endif
