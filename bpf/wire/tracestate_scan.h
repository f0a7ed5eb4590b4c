/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Reads and checks the tracestate list (W3C Trace Context Level 2, section 3.3). Included by wire/tracestate.h only.
 *
 *   list  = member 0*31( OWS "," OWS member )       a member may be empty
 *   key   = ( lcalpha / DIGIT ) 0*255( lcalpha / DIGIT / "_" / "-" / "*" / "/" / "@" )
 *   value = 0*255( %x20 / nblk ) nblk               nblk = %x21-7E without "," and "="
 */
#ifndef WEFT_WIRE_TRACESTATE_SCAN_H
#define WEFT_WIRE_TRACESTATE_SCAN_H

#include "wire/head_text.h"
#include "wire/words.h"

#define TRACESTATE_BYTES_MAX 512u /* what must be propagated at least is also what is propagated at most */
#define TRACESTATE_MEMBERS_MAX 32u
#define TRACESTATE_LONG_MEMBER 128u /* longer members go first */
#define TRACESTATE_KEY_MAX 256u
#define TRACESTATE_VALUE_MAX 256u
#define TRACESTATE_CHUNK 32u /* bytes copied at once */

/* What tracestate_join is to do with the member "ot" of the list; else: drop it, and leave room for one of so many
 * bytes. */
#define TRACESTATE_OT_KEPT ~0u

enum tracestate_result {
	TRACESTATE_VALID = 0,	  /* `out` holds the list, which may be empty */
	TRACESTATE_DISCARDED = 1, /* `out` is empty */
};

/* Bytes behind `length` are undefined. */
struct tracestate_text {
	__u32 length;
	__u32 dropped; /* whole members left out because of the length */
	__u8 bytes[TRACESTATE_BYTES_MAX + TRACESTATE_CHUNK];
};
WIRE_ASSERT(sizeof(struct tracestate_text) == 552, "tracestate_text layout");

enum tracestate_state { TRACESTATE_BETWEEN, TRACESTATE_IN_KEY, TRACESTATE_IN_VALUE };

/* Where the scan stands. */
struct tracestate_place {
	__u32 pos, end; /* in the current line */
	__u32 start, value;
	__u8 state; /* enum tracestate_state */
	__u8 tab;   /* a tab stood in this value: only white space may follow */
	__u8 reserved[6];
	__u64 hash; /* of the key */
};

/*
 * Working memory of one call, too large for a BPF stack; nothing in it outlives the call. The places of the loops are
 * here and not in local variables because the verifier does not track what lies here: with values that it knows it
 * would walk a loop's body hundreds of times.
 */
struct tracestate_work {
	__u64 key_hash[TRACESTATE_MEMBERS_MAX];
	__u64 seen; /* bit (hash & 63) of every key so far: clear = certainly no duplicate */
	struct text_range member[TRACESTATE_MEMBERS_MAX];
	struct tracestate_place place;
	__u32 count;
	__u32 total; /* bytes of all members, each with a comma: one more than the list has */
	__u32 dropped;
	__u32 slot, from, to, left; /* the copy: next member, place in the text, place in `out`, bytes of the member */
	__u32 line;		    /* next line */
	__u32 invalid, done;
	__u32 ot;     /* TRACESTATE_OT_KEPT, or the bytes of what takes the place of that member */
	__u32 found;  /* the search for a key … */
	__u64 sought; /* … by its hash; here because Linux 6.1 has little stack */
};

struct tracestate_run {
	const struct head_text *text;
	const struct text_lines *lines;
	struct tracestate_work *work;
};

WIRE_INLINE __u64 tracestate_key_bytes(__u64 word)
{
	return word_between(word, 'a', 'z') | word_between(word, '0', '9') | word_equal(word, '_') |
	       word_equal(word, '-') | word_equal(word, '*') | word_equal(word, '/') | word_equal(word, '@');
}

WIRE_INLINE __u64 tracestate_mix(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
	return hash ^ (hash >> 29);
}

WIRE_STEP tracestate_search_step(__u32 i, void *arg)
{
	struct tracestate_work *work = ((const struct tracestate_run *)arg)->work;

	if (i >= work->count)
		return 1;
	if (work->key_hash[i & (TRACESTATE_MEMBERS_MAX - 1)] != work->sought)
		return 0;
	work->found = 1;
	return 1;
}

/* Is there a key of this hash already? 64 bits are taken for the key itself. */
WIRE_INLINE bool tracestate_known(const struct tracestate_run *run, __u64 hash)
{
	struct tracestate_work *work = run->work;

	if (!(work->seen >> (hash & 63) & 1))
		return false;
	work->sought = hash;
	work->found = 0;
	wire_loop(TRACESTATE_MEMBERS_MAX, tracestate_search_step, (void *)run);
	return work->found;
}

/* The member that began at p->start ends at p->pos. Returns whether the list is still valid. */
WIRE_INLINE bool tracestate_close(const struct tracestate_run *run, struct tracestate_place *p)
{
	struct tracestate_work *work = run->work;
	__u32 end = p->pos, slot = work->count;

	if (end > p->value && text_is_space(head_text_at(run->text, end - 1)))
		end = text_trim_end(run->text, p->value, end);
	if (end <= p->value || end - p->value > TRACESTATE_VALUE_MAX)
		return false;
	if (slot >= TRACESTATE_MEMBERS_MAX || tracestate_known(run, p->hash))
		return false;
	WIRE_OPAQUE(slot);
	slot &= TRACESTATE_MEMBERS_MAX - 1;
	work->member[slot].start = (__u16)p->start;
	work->member[slot].end = (__u16)end;
	work->key_hash[slot] = p->hash;
	work->seen |= 1ull << (p->hash & 63);
	work->total += end - p->start + 1;
	work->count++;
	p->state = TRACESTATE_BETWEEN;
	return true;
}

/* Skips white space and commas; leaves p->state as it is when no member begins in these eight bytes. */
WIRE_INLINE bool tracestate_between(const struct tracestate_run *run, struct tracestate_place *p)
{
	__u64 word = wire_load64(run->text->bytes + head_text_index(p->pos));
	__u64 stop = (~(word_spaces(word) | word_equal(word, ',')) & WORD_HIGH) | word_end(p->end - p->pos);
	__u8 c;

	if (!stop) {
		p->pos += 8;
		return true;
	}
	p->pos += word_first(stop);
	if (p->pos >= p->end)
		return true;
	c = head_text_at(run->text, p->pos);
	p->start = p->pos;
	p->hash = 0;
	p->state = TRACESTATE_IN_KEY;
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

WIRE_INLINE bool tracestate_key(const struct tracestate_run *run, struct tracestate_place *p)
{
	__u64 word = wire_load64(run->text->bytes + head_text_index(p->pos));
	__u64 stop = word_equal(word, '=') | word_end(p->end - p->pos), before = word_before(stop);

	if (~tracestate_key_bytes(word) & WORD_HIGH & before)
		return false;
	p->hash = tracestate_mix(p->hash, word & before);
	if (!stop) {
		p->pos += 8;
		return true;
	}
	p->pos += word_first(stop);
	if (p->pos >= p->end || p->pos - p->start > TRACESTATE_KEY_MAX)
		return false;
	p->pos++;
	p->value = p->pos;
	p->tab = 0;
	p->state = TRACESTATE_IN_VALUE;
	return true;
}

/* Skips eight bytes that are a value's and not its end. */
WIRE_INLINE bool tracestate_plain(const struct tracestate_run *run, struct tracestate_place *p)
{
	__u64 word = wire_load64(run->text->bytes + head_text_index(p->pos));

	if (p->end - p->pos <= 8 || p->tab || (word & WORD_HIGH))
		return false;
	if (word_any_equal(word, ',') | word_any_equal(word, '=') | word_any_below(word, 0x20) |
	    word_any_equal(word, 0x7f))
		return false;
	p->pos += 8;
	return true;
}

WIRE_INLINE bool tracestate_value(const struct tracestate_run *run, struct tracestate_place *p)
{
	__u64 word = wire_load64(run->text->bytes + head_text_index(p->pos));
	__u64 stop = word_equal(word, ',') | word_end(p->end - p->pos), before = word_before(stop);
	__u64 tabs = word_equal(word, '\t') & before, solid = ~word_spaces(word) & WORD_HIGH & before;

	if ((word_equal(word, '=') | word_controls(word) | (word & WORD_HIGH)) & before)
		return false;
	/* A tab may only belong to the white space behind the value. */
	if (p->tab ? solid : solid & ~word_before(tabs))
		return false;
	p->tab |= tabs != 0;
	if (!stop) {
		p->pos += 8;
		return true;
	}
	p->pos += word_first(stop);
	return tracestate_close(run, p);
}

/* Up to eight bytes of white space, of a key, and up to 24 of a value. Returns whether the list is still valid. */
WIRE_INLINE bool tracestate_words(const struct tracestate_run *run, struct tracestate_place *p)
{
	if (p->state == TRACESTATE_BETWEEN) {
		if (!tracestate_between(run, p))
			return false;
		if (p->state == TRACESTATE_BETWEEN)
			return true;
	}
	if (p->state == TRACESTATE_IN_KEY) {
		if (!tracestate_key(run, p))
			return false;
		if (p->state == TRACESTATE_IN_KEY)
			return true;
	}
	if (p->pos < p->end && tracestate_plain(run, p))
		tracestate_plain(run, p);
	return p->pos >= p->end || tracestate_value(run, p);
}

/* At the end of a line: closes what is open there and goes on with the next. Returns whether there is one. */
WIRE_INLINE bool tracestate_next_line(const struct tracestate_run *run, struct tracestate_place *p)
{
	__u32 line = run->work->line;

	if (p->state == TRACESTATE_IN_KEY || (p->state == TRACESTATE_IN_VALUE && !tracestate_close(run, p))) {
		run->work->invalid = 1;
		return false;
	}
	if (line >= run->lines->count || line >= TEXT_LINES_MAX) {
		run->work->done = 1;
		return false;
	}
	run->work->line = line + 1;
	WIRE_OPAQUE(line);
	line &= TEXT_LINES_MAX - 1;
	p->pos = run->lines->line[line].start;
	p->end = run->lines->line[line].end;
	return true;
}

WIRE_STEP tracestate_step(__u32 i, void *arg)
{
	const struct tracestate_run *run = (const struct tracestate_run *)arg;
	struct tracestate_place p = run->work->place; /* in registers */
	bool go_on;

	(void)i;
	if (p.pos >= p.end) {
		go_on = tracestate_next_line(run, &p);
	} else {
		go_on = tracestate_words(run, &p);
		run->work->invalid = !go_on;
	}
	run->work->place = p;
	WIRE_OPAQUE(go_on);
	return !go_on;
}

#endif
