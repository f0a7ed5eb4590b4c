/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Redaction of one token that the lexer's filter found suspicious: first backwards, to mark where a match may begin (so
 * that what follows stays linear), then forwards with the exact automaton: leftmost, longest, the first expression on a
 * tie, in one pass over the decoded bytes.
 */
#ifndef WEFT_WIRE_POLICY_REDACT_H
#define WEFT_WIRE_POLICY_REDACT_H

#include "wire/policy_run.h"

#define POLICY_REDACT_BYTES 8u /* a step */

WIRE_INLINE void policy_mark(struct policy_run *r, __u32 at, __u64 mark)
{
	__u64 *word, bit = at & 63;

	WIRE_OPAQUE(at);
	word = &r->marks[(at / 64) & (HEAD_TEXT_CAP / 64 - 1)];
	*word = (*word & ~(1ull << bit)) | mark << bit;
}

WIRE_INLINE bool policy_marked(const struct policy_run *r, __u32 at)
{
	__u64 bit = at & 63;

	WIRE_OPAQUE(at);
	return r->marks[(at / 64) & (HEAD_TEXT_CAP / 64 - 1)] >> bit & 1;
}

/* The filter of the mode that ends said "perhaps": the token [r->token, r->end) is looked at closely. */
WIRE_INLINE void policy_redact_begin(struct policy_run *r, const struct policy_set *p, __u32 resume)
{
	if (!r->redacting) {
		policy_flush(r);
		r->member_out = r->out_length;
		policy_comma(r);
		r->copied = r->member;
		r->redacting = 1;
	}
	r->resume = resume;
	r->mode = POLICY_BACK;
	r->scan_at = r->end;
	r->scan_state = p->back;
}

WIRE_INLINE void policy_back(struct policy_run *r, const struct policy_set *p)
{
	__u32 at = r->scan_at, state = r->scan_state & 0xffff, token = r->token;

	for (__u32 i = 0; i < POLICY_REDACT_BYTES && at > token; i++) {
		__u32 byte, label;

		if (at - token >= 3 && policy_text_at(r, at - 3) == '%') {
			byte = policy_unescape(r, p, at - 3);
			at -= 3;
		} else {
			byte = policy_text_at(r, --at);
		}
		state = policy_next(p, state, policy_byte_entry(p, POLICY_BACK, byte) & POLICY_CLASS);
		label = policy_label(p, state);
		/* Bit 1: only if this is the beginning of the text. */
		policy_mark(r, at, at == token ? !!label : label & 1);
	}
	r->scan_at = at;
	r->scan_state = state;
	if (at > token)
		return;
	r->mode = POLICY_SCAN;
	r->scan_at = r->scan_start = token;
	r->scan_state = p->scan_first;
	r->scan_last = 0;
}

/* A search that began at r->scan_start is over: replaces what it found, and the next begins. */
WIRE_INLINE void policy_scan_over(struct policy_run *r, const struct policy_set *p)
{
	if (r->scan_last) {
		__u64 pattern = r->scan_pattern - 1, to;

		if (r->out_length + (r->scan_start - r->copied) > POLICY_BYTES_MAX) {
			policy_drop(r, POLICY_OVER_BYTES, r->rule);
			return;
		}
		policy_copy_text(r, r->copied, r->scan_start);
		to = r->out_length;
		WIRE_OPAQUE(pattern);
		WIRE_OPAQUE(to);
		if (pattern >= POLICY_REDACTIONS_MAX || to > POLICY_BYTES_MAX) {
			policy_drop(r, POLICY_OVER_BYTES, r->rule);
			return;
		}
		wire_copy(r->out + to, p->replacements[pattern].bytes, POLICY_REPLACEMENT_MAX);
		r->out_length = to + p->replacements[pattern].length;
		r->redacting = 2;
		r->pattern = pattern + 1;
		r->scan_start = r->copied = r->scan_last;
	} else {
		r->scan_start = r->scan_next;
	}
	r->scan_at = r->scan_start;
	r->scan_state = p->scan;
	r->scan_last = 0;
}

WIRE_INLINE void policy_scan(struct policy_run *r, const struct policy_set *p)
{
	__u32 at = r->scan_at, state = r->scan_state & 0xffff, start = r->scan_start, end = r->end, label;
	bool over = false;

	if (r->budget < POLICY_REDACT_BYTES) {
		policy_drop(r, POLICY_UNJUDGED, r->rule);
		return;
	}
	for (__u32 i = 0; i < POLICY_REDACT_BYTES; i++, r->budget--) {
		__u32 byte = policy_text_at(r, at), next = at + 1;

		if (at >= end) {
			over = true;
			break;
		}
		if (byte == '%') {
			byte = policy_unescape(r, p, at);
			next = at + 3;
		}
		if (at == start) {
			if (!policy_marked(r, at)) {
				start = at = next;
				state = p->scan;
				continue;
			}
			r->scan_next = next;
		}
		state = policy_next(p, state, policy_byte_entry(p, POLICY_SCAN, byte) & POLICY_CLASS);
		at = next;
		label = policy_label(p, state);
		if (label & POLICY_LABEL_PATTERN) {
			r->scan_last = at;
			r->scan_pattern = label & POLICY_LABEL_PATTERN;
		}
		if (!state || at >= end) {
			if (label >> POLICY_LABEL_AT_END) { /* then at >= end */
				r->scan_last = at;
				r->scan_pattern = label >> POLICY_LABEL_AT_END;
			}
			over = true;
			break;
		}
	}
	r->scan_start = start;
	r->scan_at = at;
	r->scan_state = state;
	if (over && start < end)
		policy_scan_over(r, p);
	if (r->scan_start < r->end || r->mode != POLICY_SCAN)
		return;
	r->mode = r->resume;
	r->end_second = 0; /* judged: not dirty any more */
}

#endif
