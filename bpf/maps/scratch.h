/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Working memory of one run. Programs can be preempted by others on the same CPU, so a slot is claimed with an atomic
 * owner and given back at the end, never taken by CPU number alone. No free slot: the bytes pass and it is counted.
 */
#ifndef WEFT_MAPS_SCRATCH_H
#define WEFT_MAPS_SCRATCH_H

#include "maps/connections.h"
#include "maps/carried.h"
#include "maps/propagation.h"
#include "maps/streams.h"
#include "maps/tasks.h"
#include "wire/formats.h"
#include "wire/http2_fields.h"
#include "wire/kafka_headers.h"
#include "wire/kafka_note.h"
#include "wire/kafka_record_id.h"
#include "wire/policy_run.h"
#include "wire/sampling.h"
#include "wire/settings.h"
#include "wire/traceparent.h"
#include "wire/tracestate.h"
#include "wire/uber_baggage.h"

#define SOURCE_SEGMENTS 16u
#define SOURCE_WINDOWS 64u /* of SOURCE_SEGMENTS each: the kernel takes no more than 1,024 segments (UIO_MAXIOV) */

/* Where the bytes of one system call lie in user memory, a part of it at a time. count == 0: they cannot be read. */
struct source {
	__u32 count;
	__u32 segment;	     /* cursor: the segment in which the last read was … */
	__u32 segment_start; /* … and the stream offset of its first byte */
	__u32 window_start;  /* that of the first segment that is kept */
	__u32 more;	     /* segments of the call behind those … */
	__u32 reserved;
	__u64 next; /* … and where they are described */
	struct {
		__u64 base, bytes;
	} segments[SOURCE_SEGMENTS];
};

/* What is to be done to an outgoing head; see protocols/http1/decide.h. */
struct decision {
	__u32 result;	   /* enum injection_result when all goes well */
	__u32 attribution; /* enum attribution */
	__u32 writes;	   /* WRITE_* */
	__u32 over;	   /* formats (1 << enum context_format) whose lines are written over */
	__u32 telemetry;   /* enum telemetry of the request: such a one is left alone and not told of */
	__u8 span_id[8];   /* of the client exchange */
};
/* Lines to be added. Those of a format with ids: WRITE_FORMAT(format). */
#define WRITE_FORMAT(format) (1u << (format))
#define WRITE_FORMATS ((1u << FORMAT_IDS) - 1)
#define WRITE_TRACEPARENT WRITE_FORMAT(FORMAT_TRACECONTEXT)
#define WRITE_TRACESTATE (1u << 8)
#define WRITE_BAGGAGE (1u << 9)
#define WRITE_UBER_BAGGAGE (1u << 10)
#define WRITE_LINES (WRITE_FORMATS | WRITE_TRACESTATE | WRITE_BAGGAGE | WRITE_UBER_BAGGAGE)

/* What a head carries of one format. */
struct carried_context {
	struct traceparent ids; /* with CONTEXT_OK; the decision also with CONTEXT_SAMPLING_ONLY */
	__u64 sum;		/* of the value, to recognise it again; 0: none, or it stands twice */
	__u32 result;		/* enum context_result */
	__u32 reserved;
};

/*
 * Whose are the contexts of an outgoing head that has other formats than the W3C's? Masks of 1 << enum context_format.
 */
struct weighed {
	__u32 present; /* there in any form */
	__u32 several; /* received by more than one live exchange */
	__u32 own;     /* valid, and received by nobody */
	__u32 bad;     /* none of these */
	__u64 found;   /* the one live exchange that received what it carries */
	__u8 conflict; /* … there are two such */
	__u8 known;    /* an own one is of the trace of a live exchange */
	__u8 reserved[6];
};

enum { BAGGAGE_JUDGED = 0, BAGGAGE_TOO_MUCH, BAGGAGE_ON_ITS_WAY };

/*
 * Lines of an outgoing head whose values change: offsets in the head. Everything from the first to the last of them is
 * built anew in `staging` and written at once.
 */
struct rewrite {
	__u32 baggage;		    /* the baggage lines give way to s->policy.out */
	__u32 uber;		    /* so many uberctx- lines lose their values … */
	__u32 uber_lines, uber_all; /* … of so many; all of them, because it is not known which */
	__u32 uber_lost;	    /* there may be others, which are not judged */
	__u32 uber_late;	    /* some would lose it, but have left */
	__u32 baggage_unjudged;	    /* enum: there is baggage that could not be judged, or too late */
	__u32 from, end;	    /* what is built anew; from >= end: nothing */
	__u32 base;		    /* lines before this offset are not in the message any more */
	__u32 settled;		    /* contexts before this were dealt with in an earlier send … */
	__u32 judged;		    /* … and baggage before this */
	__u32 gone;		    /* formats of which a line has left already … */
	__u32 baggage_gone;	    /* … and baggage that should have changed */
	__u32 in, to;		    /* the building: next byte of the head, next byte of staging */
	__u32 baggage_done;	    /* its result stands in an earlier line */
	__u32 again;		    /* the head is judged again when more of it has come: nothing counts yet */
};

/* The offsets of one sk_msg run; -1: not in this message. */
struct message {
	__u32 size, space; /* bytes in the message; free send buffer */
	__u32 offset;	   /* next byte to parse */
	__u32 cut;	   /* let this many bytes go first, then look again */
	__s32 head_at;	   /* start of the head being read */
	__s32 frame_at;	   /* HTTP/2: start of the frame being read */
	__u32 zerocopy;
	__u32 unsafe; /* see message_unsafe_call; where a member sends */
	__u32 changed;
	__u32 rolled_back; /* the head at head_at is to be looked at again */
	__u32 failed;	   /* enum park_reason */
	__u32 heads, body; /* heads completed and body bytes passed in this run */
	__u32 scatter;	   /* elements of the message */
	__u32 shared;	   /* some of its pages are not private */
	__u32 produce;	   /* Kafka: a Produce request has begun */
	__u32 windowed;	   /* data and data_end may be elsewhere than at the message's start */
};

/* What the shadow rule set made of the text in scratch.policy: see policy_run. */
struct shadow_fates {
	__u32 fate_count;
	__u32 injected;
	__u32 fates[POLICY_FATES];
};

#define TASK_HIDDEN (1u << 0) /* nobody may work on the request at hand: the kernel cannot read its context */
#define TASK_OTHER (1u << 1)  /* somebody else does than who reads or writes now */

struct scratch {
	__u32 claimed; /* 0, or one more than the slot's number */
	__u32 program; /* enum kernel_program */
	__u64 now_ns;
	__u64 pid_tgid;
	struct task_key task; /* who runs; see lib/goroutine.h */
	__u32 total;	      /* bytes of this call … */
	__u32 offset;	      /* … and how many of them are dealt with */
	__u32 outgoing;
	__u8 nonblocking;
	__u8 by_io_uring;  /* sk_msg: the task at hand may work for another one than it submitted this for */
	__u32 facts;	   /* REQUEST_* of the head at hand */
	__u8 text_loaded;  /* the text holds the beginning of the head being read */
	__u8 hidden;	   /* the bytes are not where the system call says */
	__u8 task_unknown; /* TASK_*: this call does not tell whose request it works on */
	__u8 in_birth;	   /* the task was asked, and works inside the exchange that it was started in */
	__u32 stream;	   /* of the exchange at hand; 0: its connection has no streams */
	__u32 other_seq;   /* position of the other direction when this call was looked at */
	struct propagation propagation; /* as it was when this run began */
	struct source source;
	struct message message;
	struct half half; /* sk_msg works on a copy, so that a head can be looked at again */
	struct traceparent incoming __attribute__((aligned(8)));
	__u32 incoming_format;	  /* … and how it came: enum context_format */
	struct carriers carriers; /* of the head at hand: only with HTTP1_HAS_CARRIERS, or after carriers_scan */
	struct hex_fields fields;
	struct carried_context carried[FORMAT_IDS]; /* by format; REQUIRES HTTP1_HAS_CARRIERS */
	struct received_more received_more;
	__u64 value_sum;  /* of the context value at hand; see maps/carried.h */
	__u32 generation; /* of the tracing in which what a message carries is decided, or a server's exchange begins */
	struct exchange exchange;
	struct stream stream_work;
	struct http2_walk walk;
	struct http1 head; /* of an HTTP/2 request, in the form of HTTP/1.1 */
	union {
		struct http2 before_head; /* state of the half at message.head_at */
		struct kafka before_frame;
	};
	struct parent parent;
	struct kafka_note caller; /* for whom all records of a request were produced; exchange_id 0: not known … */
	struct kafka_note note;	  /* of the record at hand */
	__u32 callers_unknown;	  /* … because there is one of nobody, or of somebody else … */
	__u32 callers_several;	  /* … than others of it */
	struct kafka_headers record_headers; /* of a record that is consumed … */
	struct kafka_record_name record_name;
	struct kafka_record_ids record_ids;
	struct decision decision;
	struct weighed weighed;
	struct rewrite rewrite;
	struct text_lines lines; /* baggage to be judged */
	struct uber_work uber_work;
	struct sampling_work sampling;
	struct tracestate_work tracestate_work;
	struct tracestate_text tracestate;
	__u64 baggage_sum; /* of the text in policy; see policy_text_sum */
	struct policy_run policy;
	__u32 policy_set[POLICY_GENERATIONS];  /* which of the generation's sets judged last … */
	__u32 policy_slot[POLICY_GENERATIONS]; /* … and the generation's slot */
	__u32 policy_counted[2];	       /* slot and set whose counters it took */
	struct shadow_fates shadow;
	struct head_text staging; /* text on its way into a map or a message */
	union {
		struct request_event request;
		struct socket_event socket;
		struct {
			__u8 reserved[sizeof(struct request_event) - sizeof(struct response_event)];
			struct response_event response;
		};
		struct {
			__u8 reserved2[sizeof(struct request_event) - sizeof(struct block_event)];
			struct block_event block;
		};
		struct {
			__u8 reserved3[sizeof(struct request_event) - sizeof(struct kafka_event)];
			struct kafka_event kafka;
		};
	} event; /* directly before the text: both go out as one record */
	struct head_text text;
};
WIRE_ASSERT(__builtin_offsetof(struct scratch, event) + sizeof(struct request_event) ==
		__builtin_offsetof(struct scratch, text),
	    "event and text are one record");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8); /* set before load: four a CPU */
	__type(key, __u32);
	__type(value, struct scratch);
} scratch_slots SEC(".maps");

static __always_inline struct scratch *scratch_claim(__u32 program, __u32 slots)
{
	__u32 slot = bpf_get_smp_processor_id() * 4;

	for (__u32 i = 0; i < 8; i++, slot++) {
		struct scratch *s;

		if (slot >= slots)
			slot = 0;
		s = bpf_map_lookup_elem(&scratch_slots, &slot);

		if (s && !s->claimed && !__sync_val_compare_and_swap(&s->claimed, 0, slot + 1)) {
			s->program = program;
			s->stream = 0;
			s->task_unknown = s->by_io_uring = 0;
			s->in_birth = 0;
			propagation_take(&s->propagation);
			return s;
		}
	}
	return NULL;
}

/*
 * The claimed slot as its map's value: before Linux 6.2 no key and no value of a map call may lie in memory that a
 * global function was given as an argument. Never NULL, which the verifier cannot know.
 */
static __always_inline struct scratch *scratch_again(const struct scratch *s)
{
	__u32 slot = s->claimed - 1;

	return bpf_map_lookup_elem(&scratch_slots, &slot);
}

static __always_inline bool trusts_incoming(const struct scratch *s)
{
	return (s->propagation.flags & PROPAGATION_TRUST_INCOMING) != 0;
}

static __always_inline void scratch_release(struct scratch *s)
{
	__sync_lock_test_and_set(&s->claimed, 0);
}

#endif
