/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Which new traces are sampled: a table that the agent compiles (userspace/sampling/table.h) and the kernel evaluates
 * when a trace begins.
 *
 * A decision is a threshold over the right 56 bits of the trace id, as OpenTelemetry's probability sampling has it:
 * sampled when those bits, as a number, are at least the threshold. So every process, node and collector with the same
 * ratio decides alike about one trace. Which threshold: that of the first rule of the service that holds for the
 * request's method and path, else the service's own.
 *
 * Rules are short programs for a machine without loops: a BYTES compares up to eight bytes and goes on behind them, and
 * when an operation does not hold the next rule has its turn.
 */
#ifndef WEFT_WIRE_SAMPLING_H
#define WEFT_WIRE_SAMPLING_H

#include "wire/head_text.h"
#include "wire/words.h"

#define SAMPLING_SERVICES 1024u /* a power of two; 0 stands for those that found no place */
#define SAMPLING_OPS 4096u	/* a power of two; operation 0 ends every search */
#define SAMPLING_NEVER (1ULL << 56)
#define SAMPLING_COARSE 24 /* so many low bits of a threshold are zero, so that it can be told in eight digits */

enum sampling_op_kind {
	SAMPLING_NO_RULE = 0, /* the service's own threshold holds */
	SAMPLING_BYTES,	      /* these bytes are next */
	SAMPLING_PATH,	      /* on to the beginning of the path */
	SAMPLING_SEGMENT,     /* one segment of the path, which may not be empty */
	SAMPLING_PATH_END,    /* the path ends here; a query may follow */
	SAMPLING_RATIO,	      /* the rule holds: its threshold */
};

struct sampling_op {
	__u64 word; /* BYTES: the bytes; RATIO: the threshold */
	__u16 next; /* where to go on when this does not hold */
	__u8 kind;  /* enum sampling_op_kind */
	__u8 bytes; /* BYTES: how many, 1 to 8 */
	__u8 reserved[4];
};
WIRE_ASSERT(sizeof(struct sampling_op) == 16, "sampling_op layout");

/* sampling_service.flags */
#define SAMPLING_REPORT_ALL (1u << 0) /* keep rules look at this service: unsampled requests are reported in full */

struct sampling_service {
	__u64 threshold;   /* when no rule holds */
	__u64 interval_ns; /* one trace in that time at most; 0 = no such limit */
	__u64 floor_ns;	   /* one trace in that time at least, when there are any; 0 = no such floor */
	__u16 first;	   /* operation of the first rule; 0 = no rules */
	__u8 flags;
	__u8 reserved[5];
};
WIRE_ASSERT(sizeof(struct sampling_service) == 32, "sampling_service layout");

/* sampling_table.flags */
#define SAMPLING_IGNORE_PARENT (1u << 0) /* a caller's decision is not taken over: the threshold decides again */
#define SAMPLING_TELL (1u << 1)		 /* the threshold of what is sampled goes along: see wire/ot_member.h */

/* All zeros: everything is sampled, but what a caller did not sample. */
struct sampling_table {
	__u32 flags;
	__u32 generation;
	struct sampling_service services[SAMPLING_SERVICES];
	struct sampling_op ops[SAMPLING_OPS];
};

/* When a service may have its next trace, by its limit and by its floor. Outlives the tables. */
struct sampling_pace {
	__u64 limit_ns, floor_ns;
};

/* State of one search. The request's method begins at byte 0 of the text, the target lies in [target, end). */
struct sampling_work {
	__u32 at; /* operation */
	__u32 position;
	__u32 target, end;
	__u32 inside; /* of a segment that is longer than a word */
	__u8 decided; /* here, not by a caller … */
	__u8 told;    /* … and the threshold alone says with what probability: it goes along */
	__u8 reserved[2];
	__u64 randomness; /* of the trace */
	__u64 threshold;
};

/* The right 56 bits of a trace id as a number; the trace is sampled when it is at least the threshold. */
WIRE_INLINE __u64 sampling_randomness(const __u8 *trace_id)
{
	return __builtin_bswap64(wire_load64(trace_id + 8)) & (SAMPLING_NEVER - 1);
}

struct sampling_run {
	const struct head_text *text;
	const struct sampling_table *table;
	struct sampling_work *work;
};

/* Bytes of `word` before the first one that ends a segment of a path. */
WIRE_INLINE __u32 sampling_segment_bytes(__u64 word)
{
	__u64 ends = word_equal(word, '/') | word_equal(word, '?') | word_equal(word, '#') | word_equal(word, ' ');

	return ends ? word_first(ends) : 8;
}

/* One operation that may fail. Its result has to be hidden from clang: see wire/port.h. */
WIRE_INLINE __u32 sampling_op_holds(const struct sampling_op *op, struct sampling_work *w, __u64 word)
{
	__u32 bytes = op->bytes;
	__u64 mask;

	switch (op->kind) {
	case SAMPLING_BYTES:
		mask = bytes >= 8 ? ~0ULL : (1ULL << (8 * bytes)) - 1;
		w->position += bytes;
		return ((word ^ op->word) & mask) == 0;
	case SAMPLING_PATH:
		w->position = w->target;
		return 1;
	case SAMPLING_SEGMENT:
		bytes = sampling_segment_bytes(word);
		w->position += bytes;
		if (bytes == 8) {
			w->inside = 1;
			w->at--; /* the same operation again */
			return 1;
		}
		mask = w->inside || bytes;
		w->inside = 0;
		return mask != 0;
	case SAMPLING_PATH_END:
		word &= 0xff;
		return w->position >= w->end || word == '?' || word == '#';
	}
	return 0;
}

WIRE_STEP sampling_step(__u32 i, void *arg)
{
	struct sampling_run *run = (struct sampling_run *)arg;
	struct sampling_work *w = run->work;
	__u32 at = w->at, holds;
	const struct sampling_op *op;

	(void)i;
	WIRE_OPAQUE(at);
	op = &run->table->ops[at & (SAMPLING_OPS - 1)];
	if (op->kind == SAMPLING_RATIO)
		w->threshold = op->word;
	if (op->kind == SAMPLING_RATIO || op->kind == SAMPLING_NO_RULE)
		return 1;
	w->at++;
	holds = sampling_op_holds(op, w, wire_load64(run->text->bytes + head_text_index(w->position)));
	if (w->position > w->end + 8)
		holds = 0;
	if (!holds) {
		w->at = op->next;
		w->position = 0;
		w->inside = 0;
	}
	return 0;
}

WIRE_STEP sampling_authority_step(__u32 i, void *arg)
{
	struct sampling_run *run = (struct sampling_run *)arg;
	struct sampling_work *w = run->work;

	(void)i;
	if (w->target >= w->end)
		return 1;
	if (head_text_at(run->text, w->target) == '/' && --w->inside == 0)
		return 1;
	w->target++;
	return 0;
}

/*
 * Looks for the first rule, from operation `first` on, that holds for the request: its threshold replaces that in w.
 * REQUIRES: w->target, w->end.
 */
WIRE_INLINE void sampling_search(const struct head_text *text, const struct sampling_table *table, __u32 first,
				 struct sampling_work *w)
{
	struct sampling_run run = {.text = text, .table = table, .work = w};

	w->at = first;
	w->position = 0;
	/* scheme://authority/path, as a proxy gets it: the path begins at the third slash */
	if (head_text_at(text, w->target) != '/') {
		w->inside = 3;
		wire_loop(HEAD_TEXT_CAP, sampling_authority_step, &run);
	}
	w->inside = 0;
	wire_loop(SAMPLING_OPS * 2, sampling_step, &run);
}

#endif
