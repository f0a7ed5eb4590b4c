/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* What the baggage policy's lexer does at everything that is no ordinary byte: tokens, keys and members end, are
 * judged. */
#ifndef WEFT_WIRE_POLICY_MEMBER_H
#define WEFT_WIRE_POLICY_MEMBER_H

#include "wire/policy_redact.h"

#define POLICY_BLOCK 16u /* ordinary bytes a step */

WIRE_INLINE void policy_member_begins(struct policy_run *r, const struct policy_set *p)
{
	__u32 at = r->at;

	r->member = at;
	r->first = at >= r->folded_from ? p->folded_keys : p->keys;
	r->second = p->denied;
	r->label = r->rule = r->escapes = 0;
}

/* A token ends at the separator of this kind; is a closer look at it needed? Then true: it comes here once more. */
WIRE_INLINE bool policy_token_ends(struct policy_run *r, const struct policy_set *p, struct policy_counters *c)
{
	__u32 mode = r->mode, rule = r->rule, position = mode % 3;

	if (position == 0) { /* an empty value: r->end stays behind the "=" */
		r->token = r->at;
		r->end_first = r->first;
		r->end_second = 0;
	} else if (position == 1) {
		r->end = r->at;
		r->end_first = r->first;
		r->end_second = r->second;
	}
	if (mode <= POLICY_KEY2)
		return false;
	if (mode <= POLICY_VALUE2) {
		__u32 length = position ? r->end - r->token - 2 * r->escapes : 0;
		const struct policy_rule *of;

		WIRE_OPAQUE(rule);
		if (rule > POLICY_RULES_MAX)
			rule = 0;
		of = &p->rules[rule];
		if (length > of->max_length) {
			policy_count(c, POLICY_BY_TOO_LONG, rule);
			policy_drop(r, POLICY_TOO_LONG, rule);
			return true;
		}
		if (of->values && !policy_label(p, r->end_first)) {
			policy_count(c, POLICY_BY_NOT_ALLOWED, rule);
			policy_drop(r, POLICY_NOT_ALLOWED, rule);
			return true;
		}
	}
	if (policy_label(p, r->end_second)) {
		policy_redact_begin(r, p, mode - position + 2);
		return true;
	}
	return false;
}

/*
 * The member that is to be injected under this key (policy_injected.key, 0: none) and has not come in by itself. NULL:
 * there is none.
 */
WIRE_INLINE const struct policy_injected *policy_own(const struct policy_run *r, const struct policy_set *p, __u32 key,
						     __u32 *bit)
{
	__u32 at = key - 1, own;

	WIRE_OPAQUE(at);
	if (at >= POLICY_INJECTED_MAX)
		return NULL;
	own = r->of_key[at] - 1u;
	WIRE_OPAQUE(own);
	if (own >= POLICY_INJECTED_MAX)
		return NULL;
	*bit = 1u << own;
	return r->present & *bit ? NULL : &p->injected[own];
}

/* The key [r->token, r->end) is complete. */
WIRE_INLINE void policy_key_ends(struct policy_run *r, const struct policy_set *p, struct policy_counters *c)
{
	__u32 denied = policy_label(p, r->end_second), label = policy_label(p, r->end_first);
	__u32 rule = label & POLICY_LABEL_RULE, bit = 0;
	const struct policy_injected *own;

	if (denied) {
		policy_count(c, POLICY_BY_DENIED, denied);
		policy_drop(r, POLICY_DENIED, denied);
		return;
	}
	if (r->escapes) { /* denied keys hold for the key as it is, too */
		r->mode = POLICY_RAW;
		r->scan_at = r->token;
		r->scan_state = p->denied;
		return;
	}
	if (!label && !(p->flags & POLICY_ANY_KEY)) {
		policy_drop(r, POLICY_NO_RULE, 0);
		return;
	}
	own = policy_own(r, p, label >> POLICY_LABEL_KEY, &bit);
	if (own && own->overwrite) {
		policy_drop(r, POLICY_OVERWRITTEN, rule);
		return;
	}
	r->label = label;
	r->rule = rule;
	WIRE_OPAQUE(rule);
	r->first = rule <= POLICY_RULES_MAX ? p->rules[rule].values : 0;
	r->second = p->dirty;
	r->escapes = 0;
	r->mode = POLICY_VALUE0;
	r->end = ++r->at;
}

WIRE_INLINE void policy_raw(struct policy_run *r, const struct policy_set *p)
{
	__u32 at = r->scan_at, state = r->scan_state & 0xffff, end = r->end;

	for (__u32 i = 0; i < POLICY_BLOCK && at < end; i++, at++)
		state = policy_next(
		    p, state, policy_byte_entry(p, POLICY_KEY, policy_text_at(r, at)) >> POLICY_SECOND & POLICY_CLASS);
	r->scan_at = at;
	r->scan_state = state;
	if (at < end)
		return;
	r->mode = POLICY_KEY2;
	r->end_second = state;
	r->escapes = 0;
}

/* The member [r->member, r->end) passed everything but the limits. */
WIRE_INLINE void policy_keep(struct policy_run *r, const struct policy_set *p, struct policy_counters *c)
{
	__u32 bytes = r->end - r->member, before = r->out_length, reserved = r->reserved_bytes, rule = r->rule;
	__u32 own_bit = 0;
	const struct policy_injected *own = policy_own(r, p, r->label >> POLICY_LABEL_KEY, &own_bit);

	if (own) /* it takes the place of an injected member, and that one's room */
		reserved -= own->length + 1;
	if (r->members + r->reserved_members - !!own >= p->max_members) {
		policy_drop(r, POLICY_OVER_MEMBERS, rule);
		return;
	}
	if (r->redacting) {
		if (before + (r->end - r->copied) + reserved > p->max_bytes) {
			policy_drop(r, POLICY_OVER_BYTES, rule);
			return;
		}
		policy_copy_text(r, r->copied, r->end);
	} else {
		if (r->pending_end != r->pending)
			before += r->pending_end - r->pending + !!before;
		if (before + bytes + !!before + reserved > p->max_bytes) {
			policy_drop(r, POLICY_OVER_BYTES, rule);
			return;
		}
		if (r->pending_end == r->pending || r->member != r->pending_end + 1) {
			policy_flush(r);
			r->pending = r->member;
		}
		r->pending_end = r->end;
	}
	if (own) {
		r->reserved_bytes = reserved;
		r->reserved_members--;
		r->present |= own_bit;
	}
	if (r->redacting == 2) {
		__u32 pattern = r->pattern - 1;

		WIRE_OPAQUE(pattern);
		if (pattern < POLICY_REDACTIONS_MAX)
			__sync_fetch_and_add(&c->redacted[pattern], 1);
		policy_fate(r, POLICY_REDACTED, r->pattern, rule);
	} else {
		policy_fate(r, POLICY_KEPT, 0, rule);
	}
	policy_count(c, POLICY_BY_KEPT, rule);
	r->members++;
	r->redacting = 0;
	if (rule) {
		__u32 word = (rule - 1) / 64;

		WIRE_OPAQUE(word);
		r->seen[word & (POLICY_RULES_MAX / 64 - 1)] |= 1ull << ((rule - 1) & 63);
	}
}

/* Between two members, or at the end of the text. */
WIRE_INLINE void policy_member_ends(struct policy_run *r, const struct policy_set *p, struct policy_counters *c)
{
	if (r->mode == POLICY_KEY0) {
		r->counts[POLICY_EMPTY]++;
	} else if (r->mode != POLICY_SKIP) {
		if (r->at >= r->length && r->cut)
			policy_drop(r, POLICY_CUT, r->rule);
		else
			policy_keep(r, p, c);
	}
	if (r->at >= r->length)
		r->done = 1;
	r->mode = POLICY_KEY0;
	r->at++;
}

WIRE_INLINE void policy_escape(struct policy_run *r, const struct policy_set *p)
{
	__u32 at = r->at, byte = policy_unescape(r, p, at), entry = policy_byte_entry(p, r->mode, byte);
	__u32 first = r->first & 0xffff;

	if (byte > 255) {
		policy_drop(r, POLICY_MALFORMED, r->rule);
		return;
	}
	if (r->mode == POLICY_KEY) { /* rules see keys as they are */
		for (__u32 i = 0; i < 3; i++)
			first = policy_next(p, first,
					    policy_byte_entry(p, POLICY_KEY, policy_text_at(r, at + i)) & POLICY_CLASS);
	} else {
		first = policy_next(p, first, entry & POLICY_CLASS);
	}
	r->first = first;
	r->second = policy_next(p, r->second & 0xffff, entry >> POLICY_SECOND & POLICY_CLASS);
	r->escapes++;
	r->at = at + 3;
}

/* Everything but an ordinary byte. */
WIRE_INLINE void policy_special(struct policy_run *r, const struct policy_set *p, struct policy_counters *c, __u32 kind)
{
	__u32 mode = r->mode;

	if (kind == POLICY_START) {
		if (mode % 3) { /* the space was within the token */
			r->mode = mode - 1;
			return;
		}
		if (mode == POLICY_KEY0)
			policy_member_begins(r, p);
		r->token = r->at;
		r->mode = mode + 1;
		return;
	}
	if (kind == POLICY_SPACE) {
		if (mode % 3 == 0) {
			r->at++;
			return;
		}
		r->end = r->at;
		r->end_first = r->first;
		r->end_second = r->second;
		r->mode = mode + 1;
		return;
	}
	if (kind == POLICY_PERCENT) {
		policy_escape(r, p);
		return;
	}
	if (kind == POLICY_BAD) {
		policy_drop(r, POLICY_MALFORMED, r->rule);
		return;
	}
	if (mode != POLICY_KEY0 && mode < POLICY_SKIP && policy_token_ends(r, p, c))
		return;
	if (kind == POLICY_COMMA) {
		policy_member_ends(r, p, c);
	} else if (kind == POLICY_SEMICOLON) {
		r->mode = POLICY_PROPERTY0;
		r->first = 0;
		r->second = p->dirty;
		r->at++;
	} else if (mode <= POLICY_KEY2) {
		policy_key_ends(r, p, c);
	} else { /* the "=" of a property */
		r->mode = POLICY_DETAIL0;
		r->first = 0;
		r->second = p->dirty;
		r->end = ++r->at;
	}
}

#endif
