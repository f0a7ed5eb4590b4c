/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * One evaluation of the baggage policy: its memory, and what its steps (wire/policy.h) have in common. The memory is
 * the caller's, in the kernel a claimed scratch slot, so that the verifier need not follow the values in it.
 */
#ifndef WEFT_WIRE_POLICY_RUN_H
#define WEFT_WIRE_POLICY_RUN_H

#include "wire/head_text.h"
#include "wire/policy_set.h"
#include "wire/words.h"

#define POLICY_TEXT_MAX (HEAD_TEXT_CAP - 1)
#define POLICY_TEXT_SLACK 64u
#define POLICY_OUT_CAP (POLICY_BYTES_MAX + 2 * POLICY_REPLACEMENT_MAX) /* and one replacement too many */
#define POLICY_COPY_MAX POLICY_BYTES_MAX			       /* bytes of one copy into `text` or `out` */
#define POLICY_FATES 256u

struct policy_run {
	__u8 text[HEAD_TEXT_CAP + POLICY_TEXT_SLACK];
	__u8 out[POLICY_OUT_CAP];

	/* In. */
	__u32 length;	   /* bytes of `text` to be judged, at most POLICY_TEXT_MAX */
	__u32 cut;	   /* not 0: the last member goes on beyond them */
	__u32 folded_from; /* members that begin here or later lost the case of their keys; ~0: none */
	__u32 lost_lines;
	__u32 injectable; /* bit n: injected member n is for this text */
	__u32 partial;	  /* the text is not all baggage of its message: nothing is added to it, and nothing missed */
	__u32 uncounted;  /* it is judged again later: see lib/policy.h */

	/* Out. */
	__u32 out_length; /* bytes of `out`; those behind are undefined */
	__u32 members;
	__u32 injected; /* bits of those that were */
	__u32 counts[POLICY_ACTION_COUNT];
	__u32 fate_count; /* members that were not empty; the first POLICY_FATES are in `fates` */

	/* Where it stands. Offsets into `text`, states of automata. */
	__u32 done;
	__u32 mode;
	__u32 at;
	__u32 first, second;	     /* states of the two automata of the mode … */
	__u32 end_first, end_second; /* … and at the end of the token */
	__u32 member, token, end;    /* beginning of the member, of the token; end of the token */
	__u32 escapes;		     /* "%XX" in the token */
	__u32 label;		     /* of the key */
	__u32 rule;
	__u32 pending, pending_end;	  /* kept members not copied yet; equal: none */
	__u32 redacting;		  /* 0; 1: this member is copied piece by piece; 2: something was replaced */
	__u32 member_out, copied;	  /* then: where it began in `out`; up to where it is copied */
	__u32 pattern;			  /* the last that was replaced */
	__u32 present;			  /* injected members that came in by themselves */
	__u8 of_key[POLICY_INJECTED_MAX]; /* by policy_injected.key - 1: number of the member to be injected, + 1 */
	__u32 reserved_members, reserved_bytes;
	__u32 budget;
	__u32 resume; /* mode after the scan */
	__u32 scan_at, scan_state, scan_start, scan_next, scan_last, scan_pattern;
	__u64 seen[POLICY_RULES_MAX / 64];
	__u64 marks[HEAD_TEXT_CAP / 64]; /* bit n: a match may begin at n */
	__u32 fates[POLICY_FATES];	 /* enum policy_action << 24 | pattern << 16 | rule or denied key */
	/* Never used. The verifier takes the largest offset and the largest length of a copy together, so that the
	 * struct has to go on for POLICY_COPY_MAX bytes behind `out`. */
	__u8 verifier_room[POLICY_COPY_MAX - POLICY_FATES * 4 - HEAD_TEXT_CAP / 8];
};
WIRE_ASSERT(sizeof(struct policy_run) >= HEAD_TEXT_CAP + POLICY_TEXT_SLACK + POLICY_OUT_CAP + POLICY_COPY_MAX,
	    "room behind policy_run.out");

#define POLICY_FATE(action, pattern, rule) ((__u32)(action) << 24 | (__u32)(pattern) << 16 | (rule))
#define POLICY_FATE_ACTION(fate) ((fate) >> 24)
#define POLICY_FATE_PATTERN(fate) ((fate) >> 16 & 0xff)
#define POLICY_FATE_RULE(fate) ((fate) & 0xffff)

struct policy_walk {
	struct policy_run *run;
	const struct policy_set *set;
	struct policy_counters *counters;
};

WIRE_INLINE __u32 policy_text_at(const struct policy_run *r, __u32 at)
{
	WIRE_OPAQUE(at);
	return r->text[at & (HEAD_TEXT_CAP - 1)];
}

WIRE_INLINE __u32 policy_label(const struct policy_set *p, __u32 state)
{
	return *(const __u16 *)((const __u8 *)p->cells + (__u64)(state & 0xffff) * POLICY_ROW_UNIT);
}

/*
 * The transition. The class is added to the pointer, off the critical path: shift, addition and load remain on it. The
 * verifier knows the bounds of a state, being 16 bits just loaded.
 */
WIRE_INLINE __u32 policy_next(const struct policy_set *p, __u32 state, __u32 class_offset)
{
	const __u8 *column = (const __u8 *)p->cells + class_offset;

	WIRE_OPAQUE(column);
	return *(const __u16 *)(column + (__u64)state * POLICY_ROW_UNIT);
}

/* The byte that "%XX" at `at` stands for; above 255: it is no such thing. */
WIRE_INLINE __u32 policy_unescape(const struct policy_run *r, const struct policy_set *p, __u32 at)
{
	__u32 high = p->hex[policy_text_at(r, at + 1)], low = p->hex[policy_text_at(r, at + 2)];

	return (high | low) > 15 ? 256 : high << 4 | low;
}

WIRE_INLINE __u32 policy_byte_entry(const struct policy_set *p, __u32 mode, __u32 byte)
{
	WIRE_OPAQUE(mode);
	WIRE_OPAQUE(byte);
	return p->bytes[mode & 15][byte & 255];
}

WIRE_INLINE void policy_count(struct policy_counters *c, enum policy_by by, __u32 row)
{
	WIRE_OPAQUE(row);
	if (row <= POLICY_RULES_MAX)
		__sync_fetch_and_add(&c->by[by][row], 1);
}

WIRE_INLINE void policy_copy_out(struct policy_run *r, const void *from, __u64 bytes)
{
	__u64 to = r->out_length;

	WIRE_OPAQUE(bytes);
	WIRE_OPAQUE(to);
	if (to > POLICY_BYTES_MAX + POLICY_REPLACEMENT_MAX || bytes > POLICY_COPY_MAX)
		return;
	wire_copy(r->out + to, from, bytes);
	r->out_length = to + bytes;
}

WIRE_INLINE void policy_copy_text(struct policy_run *r, __u32 from, __u32 to)
{
	WIRE_OPAQUE(from);
	policy_copy_out(r, r->text + (from & (HEAD_TEXT_CAP - 1)), to - from);
}

WIRE_INLINE void policy_comma(struct policy_run *r)
{
	__u32 to = r->out_length;

	if (to == 0)
		return;
	WIRE_OPAQUE(to);
	if (to > POLICY_BYTES_MAX)
		return;
	r->out[to] = ',';
	r->out_length = to + 1;
}

/* Copies the kept members that wait for it. */
WIRE_INLINE void policy_flush(struct policy_run *r)
{
	if (r->pending_end != r->pending) {
		policy_comma(r);
		policy_copy_text(r, r->pending, r->pending_end);
	}
	r->pending = r->pending_end = 0;
}

WIRE_INLINE void policy_fate(struct policy_run *r, enum policy_action action, __u32 pattern, __u32 rule)
{
	__u32 at = r->fate_count++;

	r->counts[action]++;
	WIRE_OPAQUE(at);
	if (at < POLICY_FATES)
		r->fates[at] = POLICY_FATE(action, pattern, rule);
}

/* The member is not passed on; the lexer goes on behind it. */
WIRE_INLINE void policy_drop(struct policy_run *r, enum policy_action action, __u32 rule)
{
	policy_fate(r, action, 0, rule);
	r->mode = POLICY_SKIP;
	r->first = r->second = 0;
	if (r->redacting)
		r->out_length = r->member_out;
	r->redacting = 0;
}

#endif
