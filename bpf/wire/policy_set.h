/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The tables of the baggage policy, made by the agent from a rule set and walked by wire/policy.h: what crosses from
 * user space to the kernel programs, and what they count.
 *
 * Every automaton lies in `cells`, a row for each state: cell 0 is the state's label, the others are the states to go
 * to, by class of byte. A state is the offset of its row in units of POLICY_ROW_UNIT bytes, so that it fits 16 bits;
 * state 0 is dead: its label is 0 and it leads to itself.
 */
#ifndef WEFT_WIRE_POLICY_SET_H
#define WEFT_WIRE_POLICY_SET_H

#include "wire/port.h"

#define POLICY_RULES_MAX 256u
#define POLICY_DENIED_MAX 256u /* the built-in ones among them */
#define POLICY_REDACTIONS_MAX 64u
#define POLICY_INJECTED_MAX 16u
#define POLICY_SETS_MAX 16u /* of one generation: the top level and its scopes */
#define POLICY_REPLACEMENT_MAX 64u
#define POLICY_INJECTED_BYTES 496u
#define POLICY_BYTES_MAX 8192u /* W3C Baggage, section 3.3.2 */
#define POLICY_MEMBERS_MAX 64u
#define POLICY_BUDGET 32768u /* bytes that the exact scan may look at for one text */

#define POLICY_ROW_UNIT 8u
#define POLICY_CELLS 262144u /* 65536 rows of one unit */
#define POLICY_CELLS_SLACK 2048u

/* What becomes of a member (and of a text: from POLICY_INJECTED on). */
enum policy_action {
	POLICY_KEPT = 0,
	POLICY_REDACTED, /* kept, a part of it replaced */
	POLICY_DENIED,
	POLICY_NO_RULE,
	POLICY_TOO_LONG,
	POLICY_NOT_ALLOWED, /* not among the rule's allowed values */
	POLICY_MALFORMED,
	POLICY_OVERWRITTEN,  /* an injected member takes its place */
	POLICY_OVER_MEMBERS, /* no room left: number of members … */
	POLICY_OVER_BYTES,   /* … or bytes */
	POLICY_CUT,	     /* its end was not seen */
	POLICY_UNJUDGED,     /* the step budget is spent */
	POLICY_INJECTED,
	POLICY_NOT_INJECTED, /* no room */
	POLICY_MISSING,	     /* a required key did not come */
	POLICY_EMPTY,	     /* an empty member */
	POLICY_LOST_LINE,    /* a header line that could not be held */
	POLICY_ACTION_COUNT,
};

/* Columns of policy_counters.by; their rows are rule numbers, for POLICY_BY_DENIED numbers of denied keys. */
enum policy_by {
	POLICY_BY_KEPT = 0, /* also redacted */
	POLICY_BY_TOO_LONG,
	POLICY_BY_NOT_ALLOWED,
	POLICY_BY_MISSING,
	POLICY_BY_DENIED,
	POLICY_BY_COUNT,
};

/* For one rule set. Rules and denied keys count from 1; row 0 is for members without a rule. */
struct policy_counters {
	__u64 texts; /* evaluations */
	__u64 actions[POLICY_ACTION_COUNT];
	__u64 by[POLICY_BY_COUNT][POLICY_RULES_MAX + 1];
	__u64 redacted[POLICY_REDACTIONS_MAX]; /* members in which that expression matched last */
	__u64 injected[POLICY_INJECTED_MAX];
};

/*
 * Modes of the lexer: part * 3 + position. Position 0 is before a token, 1 within it, 2 behind a space in it, which may
 * be its end. The last four are no rows of the lexer.
 */
enum policy_mode {
	POLICY_KEY0,
	POLICY_KEY,
	POLICY_KEY2,
	POLICY_VALUE0,
	POLICY_VALUE,
	POLICY_VALUE2,
	POLICY_PROPERTY0, /* the key of a property */
	POLICY_PROPERTY,
	POLICY_PROPERTY2,
	POLICY_DETAIL0, /* the value of a property */
	POLICY_DETAIL,
	POLICY_DETAIL2,
	POLICY_SKIP, /* to the end of a member that is dropped */
	POLICY_SCAN, /* exact search of a token that may hold something to be redacted */
	POLICY_BACK, /* before it: where may a match start? */
	POLICY_RAW,  /* a key that holds "%" against the denied keys, as it is */
};
#define POLICY_PATH POLICY_RAW /* row of `bytes` for the automaton of path prefixes */

enum policy_kind {
	POLICY_ORDINARY = 0,
	POLICY_START,
	POLICY_SPACE,
	POLICY_COMMA,
	POLICY_SEMICOLON,
	POLICY_EQUALS,
	POLICY_PERCENT,
	POLICY_BAD,
};

/* Entry of policy_set.bytes: enum policy_kind << 24 | class for the second automaton << 12 | for the first; a class is
 * the offset of its cell in the row, in bytes. */
#define POLICY_CLASS 0xffeu
#define POLICY_SECOND 12u
#define POLICY_KIND 24u

struct policy_rule {
	__u32 max_length; /* of the decoded value */
	__u16 values;	  /* state before an allowed value; 0: any value */
	__u16 reserved;
};

struct policy_replacement {
	__u32 length;
	__u8 bytes[POLICY_REPLACEMENT_MAX]; /* percent-encoded */
};

struct policy_injected {
	__u32 length;
	__u16 key;	 /* number of its key, from 1 */
	__u16 overwrite; /* over members of that key that came in */
	__u64 text;	 /* hash of the bytes: the same member in another rule set has the same */
	__u8 bytes[POLICY_INJECTED_BYTES];
};

/* policy_set.flags */
#define POLICY_ANY_KEY (1u << 0) /* there is no list of rules */
#define POLICY_ALWAYS (1u << 1)	 /* something is injected or required: also run where no baggage came */
#define POLICY_PATHS (1u << 2)	 /* some injected member depends on the path */

/* Labels: of a key, its rule and policy_injected.key; of the scan, a pattern that ends here, and one at the
 * end. */
#define POLICY_LABEL_RULE 0x1ffu
#define POLICY_LABEL_KEY 9u
#define POLICY_LABEL_PATTERN 0x7fu
#define POLICY_LABEL_AT_END 7u

struct policy_set {
	__u32 slot;  /* of its generation: where counters and services are found */
	__u32 sets;  /* in its generation */
	__u32 lanes; /* of its counters: see maps/policy.h */
	__u32 reserved;
	__u64 percent[POLICY_SETS_MAX]; /* of each set of the generation: 56 random bits below this choose it */
	__u32 flags;
	__u32 max_members, max_bytes, budget;
	__u16 keys, folded_keys, denied, dirty, back, scan_first, scan, paths; /* first states */
	__u32 injected_count;
	__u32 everywhere; /* injected members that do not depend on the path */
	__u64 required[POLICY_RULES_MAX / 64];
	struct policy_rule rules[POLICY_RULES_MAX + 1];
	__u8 hex[256]; /* digit values; 255: none */
	__u32 bytes[16][256];
	struct policy_replacement replacements[POLICY_REDACTIONS_MAX];
	struct policy_injected injected[POLICY_INJECTED_MAX];
	__u16 cells[POLICY_CELLS + POLICY_CELLS_SLACK];
};
WIRE_ASSERT(sizeof(struct policy_set) % 8 == 0, "policy_set layout");

/*
 * Services as the kernel programs know them: a number that a traced process has for good, and for each generation a row
 * with the scopes and the injected members that are for it.
 */
#define POLICY_SERVICES 4096u	    /* a power of two */
#define POLICY_SLOTS 4u		    /* generations at once: live and shadow, and their successors */
#define POLICY_NO_SLOT POLICY_SLOTS /* counters of one set that nobody reads: of evaluations that do not count */

enum policy_generation_number { POLICY_LIVE = 0, POLICY_SHADOW, POLICY_GENERATIONS };

struct policy_service {
	__u32 scopes;	/* bit n: the condition of set n holds, but for its percentage */
	__u32 injected; /* bit n: that of injected member n, but for its path */
};

#endif
