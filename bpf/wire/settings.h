/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* What the agent tells the kernel programs, and what they count. One definition for both compilers. */
#ifndef WEFT_WIRE_SETTINGS_H
#define WEFT_WIRE_SETTINGS_H

#include "wire/context.h"
#include "wire/events.h"
#include "wire/kafka_headers.h"

/* kernel_settings.flags */
#define SETTING_RESPONSE_TEXT (1u << 5)
#define SETTING_DISCARD_EVENTS (1u << 8) /* measurement only: everything is done but the writing to the ring */
#define SETTING_HASH (1u << 16)		 /* connections are kept in a hash; see bpf/maps/connections.h */

/* Read-only data, set before the programs are loaded. */
struct kernel_settings {
	__u32 flags;
	__u32 header_bytes; /* head text sent up per request, at most 4096 */
	__u32 scratch_slots;
	__u32 reserved;
	__u64 bulk_bytes;
	__u64 seed[8]; /* random: two for span ids, two for each half of trace ids, one for sums of values */
	/* Kafka: the key of records' ids, which the agent has as well; a header with a bare trace id, zeros behind it
	 */
	__u64 record_key[2];
	__u64 trace_name[KAFKA_TRACE_NAME_BYTES / 8];
	__u32 trace_name_bytes;
	__u32 reserved2;
};

/*
 * What propagation.* says. It may change at any time, so it is one word, which every run takes once: no message is
 * changed by half of one and half of another.
 */
struct propagation {
	__u8 extract[FORMAT_IDS]; /* formats whose ids are read, in order of precedence; FORMAT_NONE ends the list */
	__u8 extract_formats;	  /* all that are read, as bits 1 << enum context_format */
	__u8 inject_formats;	  /* all that are written */
	__u8 flags;
} __attribute__((aligned(8)));
WIRE_ASSERT(sizeof(struct propagation) == 8, "propagation is one word");

/* propagation.flags */
#define PROPAGATION_TRUST_INCOMING (1u << 0)
#define PROPAGATION_HTTP2 (1u << 1)	    /* requests of HTTP/2 are changed as well */
#define PROPAGATION_KAFKA (1u << 2)	    /* … and of Kafka */
#define PROPAGATION_KAFKA_SINGLES (1u << 5) /* … where baggage is one header a member */
#define PROPAGATION_KAFKA_TOPICS (1u << 6)  /* … and only records of some topics are changed */
#define PROPAGATION_PAUSES (1u << 4) /* between two settings that write no context in common: nothing is written */
#define PROPAGATION_ENROL (1u << 3)  /* anything is changed at all: sockets become members */

/* What propagation.response_header asks for. */
#define ANSWER_X_TRACE_ID (1u << 0)
#define ANSWER_TRACERESPONSE (1u << 1)

/* The mark of a listening socket, which those that are accepted from it have too. */
struct listener {
	__u64 id; /* its cookie */
};

/* process_entry.flags: what discovery decided */
#define PROCESS_TASK_THREAD (1u << 0) /* configuration says: threads block */
#define PROCESS_TASK_NONE (1u << 1)   /* configuration says: never attribute by thread */
#define PROCESS_NEVER_ENROL (1u << 2)
#define PROCESS_INSTRUMENTED (1u << 3)
#define PROCESS_ORPHANS_ROOT (1u << 4)
#define PROCESS_BLOCKING_KNOWN (1u << 5)

/* process_entry.findings: what the kernel learned; bits are only ever set */
#define FINDING_NONBLOCKING (1u << 0)  /* a server socket with O_NONBLOCK: its thread is an event loop */
#define FINDING_OVERLAPPING (1u << 1)  /* one thread held requests of two connections at once */
#define FINDING_INHERIT_OFF (1u << 2)  /* a thread outlived the request it was started in and worked on */
#define FINDING_SERVES (1u << 3)       /* it has served a request */
#define FINDING_KAFKA_NOTED (1u << 4)  /* for whom its records are produced is noted */
#define FINDING_KAFKA_LOST (1u << 5)   /* of a record that could not be */
#define FINDING_KAFKA_BLOCKS (1u << 6) /* its calls may wait for room: when a record was produced is not known */
#define FINDING_CALLS (1u << 7)	       /* it has sent a request that a context could go with */
#define FINDING_KAFKA_SHARED (1u << 8) /* several of its threads are given the records of one consumer */
#define FINDING_KAFKA_UNREAD (1u << 9) /* the context of a record that it consumed could not be read */
#define FINDING_TAKES_SPANS (1u << 10) /* it receives spans of others: those that it sends are not its own */
#define FINDING_TAKES_TWICE (1u << 11) /* … it has done so twice … */
#define FINDING_TAKES_OFTEN (1u << 12) /* … and three times, of which the agent was told each time */
#define FINDING_HTTP2_WRITER                                                                                           \
	(1u << 13) /* one thread writes an HTTP/2 connection alone: it tells whose calls those are */
#define FINDING_HTTP2_WRITERS (1u << 14) /* several write one: nobody's */
#define FINDING_OPENSSL (1u << 15)	 /* it encrypts by OpenSSL */
#define FINDING_GRPC_CORE (1u << 16)	 /* for whom it calls by C-core is noted */
#define FINDING_TLS (1u << 17)		 /* it has received TLS before that was known of it */
#define FINDING_GRPC_SERVER (1u << 18)	 /* grpc++ says which request a thread serves */

/* Births that did their work inside their exchange before threads of a process inherit. */
#define INHERIT_AFTER_BIRTHS 20u
#define INHERIT_ACTS 4u /* so many acts of a thread are told apart; a power of two */

struct process_entry {
	__u32 flags;
	__u32 generation; /* of this tracing of the process; sockets seen under another one start afresh */
	__u32 findings;
	__u32 go_rests;		/* births and ends of its goroutines are not seen now */
	__s64 live;		/* server exchanges not yet over */
	__s64 blind;		/* connections on which requests may be served that are not followed */
	__u64 connections;	/* sockets first seen since tracing began */
	__u32 policy_service;	/* its row of policy_services: for its name, namespace and environment together */
	__u32 sampling_service; /* its place in the sampling table: for its name alone */
	__u32 go;		/* its tasks are goroutines: go_process.program; 0: threads */
	__u32 execs;		/* how often it has executed another program */
	/* Threads that acted more than [index] times inside the exchange they were started in, and ended there. */
	__u32 good_births[INHERIT_ACTS];
};
WIRE_ASSERT(sizeof(struct process_entry) == 72, "process_entry layout");

/* Argument of the program that changes one process_entry in place, so that what the kernel counts is not lost. */
struct process_change_args {
	__u32 tgid;
	__u32 flags;
	__u32 generation; /* used when the entry is new */
	__u32 policy_service;
	__u32 sampling_service;
	__u32 looked_at; /* at the connections of one that was new before */
	__u32 fresh;	 /* out: it is new */
	__u32 result;	 /* out: 0, or 1 when the map is full */
};

/* destinations: longest prefix match over the peer's address */
struct destination_key {
	__u32 prefix_bits;
	__u8 address[16];
};
#define DESTINATIONS_MAX 1024u
#define DESTINATION_CONTEXT (1u << 0)
#define DESTINATION_BAGGAGE (1u << 1)

enum kernel_program {
	PROGRAM_RECEIVE = 0,
	PROGRAM_SEND,
	PROGRAM_MESSAGE,
	PROGRAM_SOCKOPS,
	PROGRAM_PROCESS,
	PROGRAM_STATE,
	PROGRAM_ITERATOR,
	PROGRAM_COUNT,
};

/* A helper or a resource failed; nothing was changed because of it unless it says so. */
enum fault {
	FAULT_MAP_FULL = 0,
	FAULT_STORAGE, /* no socket storage */
	FAULT_ENROL,   /* socket refused by the hash: another owner, or a state it does not take */
	FAULT_ULP,     /* kTLS or another upper layer: left alone */
	FAULT_MPTCP,
	FAULT_FAST_OPEN, /* data went with the SYN */
	FAULT_PULL,
	FAULT_PUSH,
	FAULT_UNDO,	/* a push could not be taken back: must stay 0 */
	FAULT_PIPELINE, /* more unanswered requests than are followed: their ends are not seen */
	FAULT_USER_READ,
	FAULT_HEAD_LOST, /* no place for a head that came in pieces */
	FAULT_JOIN,	 /* a mid-life connection could not be joined this time */
	FAULT_BODY_GAP,	 /* bytes of a body went by unseen; framing is still certain */
	FAULT_RETURN,	 /* a call's end was not seen: the kernel had no instance left for its return probe */
	FAULT_NO_POLICY, /* no rule set to judge baggage by: it was dropped */
	FAULT_COUNT,
};

/* Order to the sweep iterator, written by the agent before it starts it. */
struct sweep_order {
	__u64 idle_before_ns;	 /* last byte before this: pending exchanges end with END_TIMEOUT … */
	__u64 streams_before_ns; /* … and those of a multiplexed connection, whose streams may be silent */
	__u32 release_tgid;	 /* 0 = none, all ones = everybody: members leave the hash, pending exchanges end */
	__u32 keep_observing;	 /* with release_tgid: only the membership ends … */
	__u32 keep_answers;	 /* … and not that of accepted sockets */
	__u32 number;		 /* of this sweep, not 0 */
	__u32 seen;		 /* out: connections with state that their owner has open */
};

/*
 * Ids and live server exchanges, counted in one lane for a CPU (or several), so that CPUs do not share cache lines.
 * What was counted up in one lane may be counted down in another: only the sum over all lanes means something.
 */
#define ID_LANES 64u /* a power of two */
struct id_lane {
	__u64 next;	 /* exchange ids */
	__u64 random;	 /* span and trace ids */
	__u64 exchanges; /* in the table of live ones */
	__u64 carried;	 /* of those, with a received context */
	__u8 reserved[32];
};

/* Places of maps/exchanges.h: those that all share, and behind them some for each lane of ids. Both powers of two. */
#define EXCHANGE_SLOTS 16384u
#define EXCHANGE_NEAR 128u
#define EXCHANGE_PLACES(lanes) (EXCHANGE_SLOTS + (lanes) * EXCHANGE_NEAR)

/* Places of maps/unsampled.h: those that all share, and behind them some for each lane of ids. Both powers of two. */
#define UNSAMPLED_FAR 1024u
#define UNSAMPLED_NEAR 32u
#define UNSAMPLED_SLOTS(lanes) (UNSAMPLED_FAR + (lanes) * UNSAMPLED_NEAR)

/* A connection on which baggage of an application's own went out as it was: see maps/unenforced.h. */
#define UNENFORCED_CONNECTIONS 512u
struct unenforced_connection {
	__u64 last_ns;
	__u32 tgid;
	__u8 protocol; /* enum wire_protocol */
	__u8 reserved[3];
	__u8 local_address[16];
	__u8 peer_address[16];
	__u16 local_port;
	__u16 peer_port;
	__u32 reserved2;
	__u32 times[INJECTION_COUNT]; /* why, and how often */
};

struct kernel_counters {
	__u64 events[16]; /* by enum event_type */
	__u64 events_lost;
	__u64 injections[PROTOCOL_COUNT][INJECTION_COUNT];
	__u64 answers[INJECTION_COUNT]; /* what became of responses that were to get a header */
	__u64 unenforced[PROTOCOL_COUNT]
			[INJECTION_COUNT]; /* baggage of an application's own that went out as it was: why */
	__u64 parked[PROGRAM_COUNT][PARK_COUNT];
	__u64 faults[PROGRAM_COUNT][FAULT_COUNT];
};

#endif
