/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The baggage header of W3C Baggage: lines are joined with commas, in order, in one pass that copies what it keeps.
 * Whole members only; bytes inside a member stay as they are, white space around it goes, empty members vanish.
 *
 * Dropped: members without "=" before the first ";", with an empty key, with a control byte (a tab counts as white
 * space), and members that no longer fit into BAGGAGE_MEMBERS_MAX or BAGGAGE_BYTES_MAX; a later, shorter one may fit.
 */
#ifndef WEFT_WIRE_BAGGAGE_H
#define WEFT_WIRE_BAGGAGE_H

#include "wire/head_text.h"
#include "wire/words.h"

#define BAGGAGE_BYTES_MAX 8192u
#define BAGGAGE_MEMBERS_MAX 64u
#define BAGGAGE_SLACK 8u

/* Bytes behind `length` are undefined. */
struct baggage_text {
	__u32 length;
	__u16 members;
	__u16 malformed;  /* members dropped because of their form */
	__u16 over;	  /* members dropped because of a limit */
	__u16 refused;	  /* members dropped by baggage_judge */
	__u16 lost_lines; /* header lines that text_lines could not hold */
	__u16 reserved;
	__u8 bytes[BAGGAGE_BYTES_MAX + BAGGAGE_SLACK];
};
WIRE_ASSERT(sizeof(struct baggage_text) == 8216, "baggage_text layout");

struct baggage_member {
	struct text_range range; /* white space around it trimmed */
	__u32 equals;		 /* offset of the "=" behind the key */
};

/* The place of the baggage policy: one well-formed member, true keeps it. Without a policy every member passes. */
WIRE_INLINE bool baggage_judge(const struct head_text *t, const struct baggage_member *member)
{
	(void)t;
	(void)member;
	return true;
}

enum baggage_state {
	BAGGAGE_BETWEEN,   /* white space and commas before a member */
	BAGGAGE_IN_KEY,	   /* no "=" yet */
	BAGGAGE_IN_VALUE,  /* behind the "=" */
	BAGGAGE_MALFORMED, /* to be dropped at its end */
};

/*
 * Where one call stands. Memory of the caller, not a local variable, because the verifier does not track what lies
 * there: with values that it knows it would walk the loop's body hundreds of times.
 */
struct baggage_work {
	__u32 pos, end; /* in the current line */
	__u32 line;	/* next line */
	__u32 start, equals;
	__u32 to; /* where the member's text goes in `out` */
	__u32 state;
	__u32 reserved;
};

struct baggage_run {
	const struct head_text *text;
	const struct text_lines *lines;
	struct baggage_work *work;
	struct baggage_text *out;
};

/* The member that began at w->start ends at w->pos: keeps or drops it. */
WIRE_INLINE void baggage_close(const struct baggage_run *run, struct baggage_work *w)
{
	struct baggage_text *out = run->out;
	struct baggage_member member;
	__u32 end = w->pos, length;

	if (text_is_space(head_text_at(run->text, end - 1)))
		end = text_trim_end(run->text, w->start, end);
	length = w->to + (end - w->start);
	member.range.start = (__u16)w->start;
	member.range.end = (__u16)end;
	member.equals = w->equals;
	if (w->state != BAGGAGE_IN_VALUE) {
		out->malformed++;
	} else if (out->members >= BAGGAGE_MEMBERS_MAX || length > BAGGAGE_BYTES_MAX) {
		out->over++;
	} else if (!baggage_judge(run->text, &member)) {
		out->refused++;
	} else {
		out->members++;
		out->length = length;
	}
	w->state = BAGGAGE_BETWEEN;
}

/* Skips white space and commas up to the first byte of a member. Returns whether one begins within this word. */
WIRE_INLINE bool baggage_open(const struct baggage_run *run, struct baggage_work *w)
{
	__u64 word = wire_load64(run->text->bytes + head_text_index(w->pos));
	__u64 stop = (~(word_spaces(word) | word_equal(word, ',')) & WORD_HIGH) | word_end(w->end - w->pos);
	__u32 length = run->out->length;

	if (!stop) {
		w->pos += 8;
		return false;
	}
	w->pos += word_first(stop);
	if (w->pos >= w->end)
		return false;
	w->start = w->pos;
	w->state = BAGGAGE_IN_KEY;
	w->to = length;
	if (length > 0) {
		WIRE_OPAQUE(length);
		if (length < BAGGAGE_BYTES_MAX) {
			run->out->bytes[length] = ',';
			w->to = length + 1;
		}
	}
	return true;
}

/* Looks for the "=" that ends the key, in the bytes `before` the member's end. */
WIRE_INLINE void baggage_key(struct baggage_work *w, __u64 word, __u64 before)
{
	__u64 equals = word_equal(word, '=') & before, stop = equals | (word_equal(word, ';') & before);

	if (!stop)
		return;
	w->equals = w->pos + word_first(stop);
	w->state = (stop & -stop & equals) && w->equals > w->start ? BAGGAGE_IN_VALUE : BAGGAGE_MALFORMED;
}

/*
 * Copies eight bytes if none of them needs a second look: no comma, no control byte (nor a tab), not the end of the
 * line, behind the key.
 */
WIRE_INLINE bool baggage_plain(const struct baggage_run *run, struct baggage_work *w)
{
	__u64 word = wire_load64(run->text->bytes + head_text_index(w->pos));
	__u32 to = w->to + (w->pos - w->start);

	if (w->end - w->pos <= 8 || to > BAGGAGE_BYTES_MAX)
		return false;
	if (word_any_equal(word, ',') | word_any_below(word, 0x20) | word_any_equal(word, 0x7f))
		return false;
	wire_store64(run->out->bytes + to, word);
	w->pos += 8;
	return true;
}

/* Up to eight bytes of a member: copies them and looks for its end. Returns whether the member goes on. */
WIRE_INLINE bool baggage_word(const struct baggage_run *run, struct baggage_work *w)
{
	__u64 word = wire_load64(run->text->bytes + head_text_index(w->pos));
	__u64 stop = word_equal(word, ',') | word_end(w->end - w->pos), before = word_before(stop);
	__u32 to = w->to + (w->pos - w->start);

	if (to <= BAGGAGE_BYTES_MAX)
		wire_store64(run->out->bytes + to, word);
	if (w->state == BAGGAGE_IN_KEY)
		baggage_key(w, word, before);
	if (word_controls(word) & before)
		w->state = BAGGAGE_MALFORMED;
	if (!stop) {
		w->pos += 8;
		return w->pos < w->end;
	}
	w->pos += word_first(stop);
	baggage_close(run, w);
	return false;
}

/* Up to 40 bytes of one member. */
WIRE_INLINE void baggage_words(const struct baggage_run *run, struct baggage_work *w)
{
	if (w->state == BAGGAGE_IN_KEY && !baggage_word(run, w))
		return;
	if (w->state != BAGGAGE_IN_KEY && baggage_plain(run, w) && baggage_plain(run, w))
		baggage_plain(run, w);
	baggage_word(run, w);
}

WIRE_INLINE bool baggage_next_line(const struct baggage_run *run, struct baggage_work *w)
{
	__u32 line = w->line;

	if (w->state != BAGGAGE_BETWEEN)
		baggage_close(run, w);
	if (line >= run->lines->count || line >= TEXT_LINES_MAX)
		return false;
	WIRE_OPAQUE(line);
	line &= TEXT_LINES_MAX - 1;
	w->pos = run->lines->line[line].start;
	w->end = run->lines->line[line].end;
	w->line++;
	return true;
}

WIRE_STEP baggage_step(__u32 i, void *arg)
{
	const struct baggage_run *run = (const struct baggage_run *)arg;
	struct baggage_work w = *run->work; /* in registers: a store to `out` might change the original */

	(void)i;
	if (w.pos >= w.end) {
		if (!baggage_next_line(run, &w))
			return 1;
	} else if (w.state != BAGGAGE_BETWEEN || baggage_open(run, &w)) {
		baggage_words(run, &w);
	}
	*run->work = w;
	return 0;
}

WIRE_GLOBAL int baggage_run_all(const struct head_text *t, const struct text_lines *lines, struct baggage_work *work,
				struct baggage_text *out)
{
	struct baggage_run run = {};

	if (!t || !lines || !work || !out)
		return 0;
	work->pos = work->end = work->line = 0;
	work->state = BAGGAGE_BETWEEN;
	out->length = 0;
	out->members = out->malformed = out->over = out->refused = out->reserved = 0;
	out->lost_lines = lines->more;
	run.text = t;
	run.lines = lines;
	run.work = work;
	run.out = out;
	wire_loop(HEAD_TEXT_CAP + TEXT_LINES_MAX + 1, baggage_step, &run);
	return (int)out->length;
}

/* Joins `lines` of `t` and returns the length. A loop that ends early keeps what was judged until then. */
WIRE_INLINE int baggage_join(const struct head_text *t, const struct text_lines *lines, struct baggage_text *out)
{
	struct baggage_work work = {};

	return baggage_run_all(t, lines, &work, out);
}

#endif
