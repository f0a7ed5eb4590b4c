/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Text of others becomes text of a head: eight bytes at a time, as long as none is a control byte. */
#ifndef WEFT_WIRE_TEXT_COPY_H
#define WEFT_WIRE_TEXT_COPY_H

#include "wire/head_text.h"
#include "wire/words.h"

struct text_copy {
	const struct head_text *from;
	struct head_text *to;
	__u32 at, out, end; /* `at`: bytes, or bits of what is coded */
	__u32 bad;	    /* a byte that may be in no header, or a symbol whose code is long */
};

/* Eight bytes; the last ones may overlap those before. */
WIRE_STEP text_copy_step(__u32 i, void *arg)
{
	struct text_copy *c = (struct text_copy *)arg;
	__u32 left = c->end - c->at;
	__u64 word, wrong;

	(void)i;
	if (c->at >= c->end)
		return 1;
	word = wire_load64(c->from->bytes + head_text_index(c->at));
	wrong = word_controls(word);
	if (left < 8)
		wrong &= (1ULL << (8 * left)) - 1;
	if (wrong)
		c->bad = 1;
	wire_store64(c->to->bytes + head_text_index(c->out), word);
	c->at += left < 8 ? left : 8;
	c->out += left < 8 ? left : 8;
	return 0;
}

#endif
