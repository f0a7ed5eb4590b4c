/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* What the test doors take and give: one map value, written and read by the test through mmap. */
#ifndef WEFT_PROGRAMS_WIRE_DOOR_H
#define WEFT_PROGRAMS_WIRE_DOOR_H

#include "wire/formats.h"
#include "wire/http1.h"
#include "wire/http2.h"
#include "wire/http2_fields.h"
#include "wire/kafka_answer.h"
#include "wire/kafka_rebuild.h"
#include "wire/kafka_summary.h"
#include "wire/policy.h"
#include "wire/policy_gather.h"
#include "wire/sampling.h"
#include "wire/traceparent.h"
#include "wire/tracestate.h"

struct wire_door {
	struct head_text text;
	struct text_lines lines;  /* in: tracestate, policy_gather */
	struct text_range range;  /* in: traceparent */
	__u32 result;		  /* out: what the function returned */
	__u32 from, to;		  /* in: http1_scan; carriers_scan reads up to `to` */
	__u32 format;		  /* in: context_read */
	struct http1 http;	  /* in and out */
	struct traceparent ids;	  /* out: traceparent_parse; in: traceparent_format */
	__u8 formatted[64];	  /* out: traceparent_format */
	struct carriers carriers; /* out: carriers_scan; in: context_read */
	struct hex_fields fields;
	struct tracestate_work work;
	struct tracestate_text tracestate;
	__u32 injectable; /* in: on_policy_timed */
	__u32 ot;	  /* in: tracestate_join */
	struct policy_run policy;
	struct policy_counters counters;
	struct policy_set set;
	struct sampling_work sampling; /* in and out */
	struct sampling_table sampling_table;
	struct head_text lines_text; /* out: http2_walk */
	struct http2_walk walk;	     /* in and out */
	struct http2 frames;	     /* in and out: http2_small */
	__u8 small[HTTP2_PREFACE_BYTES];
};

struct kafka_door {
	struct kafka_work work; /* in and out */
	struct head_text text;	/* out: kafka_summary; in: kafka_answer */
	__u32 from, to;		/* in: bytes of the text; version */
	__u32 result, reserved;
};

#endif
