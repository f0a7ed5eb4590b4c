/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Filling in of a policy_set, in user space: what each byte is in each mode of the lexer. The grammar is W3C Baggage's,
 * but lenient: any byte that is neither a separator nor a control byte may stand in keys and values, as they came.
 */
#ifndef WEFT_WIRE_POLICY_LEXER_H
#define WEFT_WIRE_POLICY_LEXER_H

#include "wire/policy_set.h"

#ifndef __bpf__

WIRE_INLINE enum policy_kind policy_kind_of(__u32 mode, __u32 byte)
{
	const __u32 part = mode / 3, position = mode % 3;
	const bool value = part == 1 || part == 3;

	if (mode == POLICY_SKIP)
		return byte == ',' ? POLICY_COMMA : POLICY_ORDINARY;
	if (mode > POLICY_SKIP)
		return POLICY_ORDINARY;
	if (byte == ' ' || byte == '\t')
		return position == 2 ? POLICY_ORDINARY : POLICY_SPACE;
	if (byte < 0x20 || byte == 0x7f)
		return POLICY_BAD;
	if (byte == ',') /* ends a value, the key of a property, nothing before a member */
		return value || mode == POLICY_KEY0 || (part == 2 && position) ? POLICY_COMMA : POLICY_BAD;
	if (byte == ';')
		return value || (part == 2 && position) ? POLICY_SEMICOLON : POLICY_BAD;
	if (byte == '=' && !value)
		return position ? POLICY_EQUALS : POLICY_BAD;
	if (position != 1)
		return POLICY_START;
	return byte == '%' ? POLICY_PERCENT : POLICY_ORDINARY;
}

/* REQUIRES: *set is all zeros. Afterwards it lets everything pass that is well formed, within the limits of W3C. */
WIRE_INLINE void policy_set_open(struct policy_set *set)
{
	set->flags = POLICY_ANY_KEY;
	set->max_members = POLICY_MEMBERS_MAX;
	set->max_bytes = POLICY_BYTES_MAX;
	set->budget = POLICY_BUDGET;
	set->sets = 1;
	for (__u32 i = 0; i < POLICY_SETS_MAX; i++)
		set->percent[i] = 1ull << 56;
	for (__u32 rule = 0; rule <= POLICY_RULES_MAX; rule++)
		set->rules[rule].max_length = ~0u;
	for (__u32 byte = 0; byte < 256; byte++) {
		const __u32 letter = byte | 0x20;

		set->hex[byte] = byte >= '0' && byte <= '9'	  ? (__u8)(byte - '0')
				 : letter >= 'a' && letter <= 'f' ? (__u8)(letter - 'a' + 10)
								  : 255;
		for (__u32 mode = 0; mode < 16; mode++)
			set->bytes[mode][byte] = (__u32)policy_kind_of(mode, byte) << POLICY_KIND;
	}
}

#endif
#endif
