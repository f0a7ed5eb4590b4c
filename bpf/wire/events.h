/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What crosses the ring buffer from the kernel programs to the agent. Plain C, one definition for both compilers.
 *
 * Every record starts with struct event_header; `size` is the whole record, trailing bytes included. Integers are in
 * host byte order, times are CLOCK_MONOTONIC nanoseconds, addresses are network-order bytes (IPv4 as v4-mapped IPv6),
 * ports are in host byte order. The same layout, preceded by a file header, is what `weft record` writes
 * (docs/recording.md).
 */
#ifndef WEFT_WIRE_EVENTS_H
#define WEFT_WIRE_EVENTS_H

#include "wire/port.h"

enum event_type {
	EVENT_REQUEST = 1,   /* struct request_event + head text + baggage */
	EVENT_RESPONSE = 2,  /* struct response_event + head text */
	EVENT_PROCESS = 3,   /* struct process_event */
	EVENT_SOCKET = 4,    /* struct socket_event: the agent has to do something about a socket */
	EVENT_UNSAMPLED = 5, /* struct unsampled_event + text: a whole exchange, for metrics alone */
	EVENT_KAFKA = 6,     /* struct kafka_event + bytes of a Kafka frame; ends at the agent's door (decode/kafka) */
	EVENT_BLOCK = 7,     /* struct block_event + an HTTP/2 header block; ends at the agent's door (decode/http2) */
	EVENT_RECORD = 8,    /* struct record_event; ends at the agent's door (decode/kafka) */
};

/* Who sent the request on this connection. */
enum exchange_role { ROLE_UNKNOWN = 0, ROLE_SERVER = 1, ROLE_CLIENT = 2 };

enum wire_protocol { PROTOCOL_UNKNOWN = 0, PROTOCOL_HTTP1 = 1, PROTOCOL_HTTP2 = 2, PROTOCOL_KAFKA = 3, PROTOCOL_COUNT };

/* How the parent of an exchange was found. */
enum attribution {
	ATTRIBUTION_NONE = 0,	   /* no parent known: nothing is claimed, no span for a client exchange */
	ATTRIBUTION_ROOT = 1,	   /* a new trace was started here */
	ATTRIBUTION_INCOMING = 2,  /* server: the message carried a valid context */
	ATTRIBUTION_TASK = 3,	   /* client: the current request of the thread */
	ATTRIBUTION_INHERITED = 4, /* client: the request in which the thread was started */
	ATTRIBUTION_CARRIED = 5,   /* client: a context value that one live request of this process received */
};

/* What became of the headers of an outgoing request; also the `result` label of weft_injections_total. */
enum injection_result {
	INJECTION_NOT_TRIED = 0,    /* server side, or not a member socket and nothing to say about it */
	INJECTION_DONE,		    /* headers added */
	INJECTION_OVERWRITTEN,	    /* a carried context was rewritten in place */
	INJECTION_NO_BUDGET,	    /* the send buffer could not surely take the longer message */
	INJECTION_SPLIT_BLANK_LINE, /* the blank line was cut between two sends */
	INJECTION_OWN_HEADER,	    /* the message has a valid context of its own */
	INJECTION_AMBIGUOUS,	    /* carried context of several live requests, task unknown */
	INJECTION_INSTRUMENTED,	    /* another parent in a live trace, or a process with an SDK of its own */
	INJECTION_INVALID_CARRIED,  /* doubled, malformed or too new, and not replaceable */
	INJECTION_NO_TASK,	    /* the process serves a request, but it is not known whether this call is for it */
	INJECTION_ORPHANS_OFF,	    /* no request is being served and propagation.orphans is none */
	INJECTION_TOO_LARGE,	    /* head ends too far into the message */
	INJECTION_ZEROCOPY,	    /* MSG_ZEROCOPY send */
	INJECTION_SHARED_PAGES,	    /* page-cache pages (sendfile, splice) in the message */
	INJECTION_SCATTER,	    /* scatter ring too full */
	INJECTION_NO_SCRATCH,	    /* no scratch slot free */
	INJECTION_HELPER_FAILED,    /* a kernel helper refused; bytes as they were */
	INJECTION_NOT_MEMBER,	    /* the socket was never enrolled (never_enrol, EBUSY, kTLS, MPTCP, …) */
	INJECTION_BULK,		    /* let go: sustained bulk sender */
	INJECTION_DESTINATION,	    /* propagation.destinations does not allow it */
	INJECTION_JOINING,	    /* connection joined in mid-life, first exchange is left alone */
	INJECTION_SPLIT_HEAD,	    /* what had to be changed went out with an earlier send */
	INJECTION_INDEXED,	    /* HTTP/2: the carried context is in a form that cannot be written over */
	INJECTION_COMPRESSED,	    /* Kafka: a compressed batch */
	INJECTION_OLD_FORMAT,	    /* Kafka: message format 0 or 1, or a version of Produce that is not changed */
	INJECTION_NOT_WHOLE,	    /* Kafka: the request did not come in one send */
	INJECTION_REFUSED,   /* Kafka: the broker has refused a batch of this connection: too large, or corrupt */
	INJECTION_MALFORMED, /* Kafka: not read to its last byte */
	INJECTION_TOPIC,     /* Kafka: kafka.topics does not name the topic, or it is not known yet that it does */
	INJECTION_COUNT,
};

/* Why a direction of a connection is no longer followed; counted by weft_bpf_errors_total{program,reason}. */
enum park_reason {
	PARK_NONE = 0,
	PARK_NOT_HTTP,	    /* first bytes are no known protocol */
	PARK_BAD_FRAMING,   /* ambiguous or broken message (RFC 9112 section 6.3, 11.2) */
	PARK_UPGRADE,	    /* Upgrade, CONNECT: another protocol from here on */
	PARK_POSITION_LOST, /* bytes passed that no hook saw */
	PARK_UNSEEN_BYTES,  /* a head came in by a way whose bytes cannot be read (splice, io_uring …) */
	PARK_CONCURRENT,    /* two tasks in one direction at once */
	PARK_NO_SCRATCH,    /* no scratch slot free in a place where bytes had to be looked at */
	PARK_HELPER_FAILED,
	PARK_FOREIGN_OWNER, /* used by a process that is not traced */
	PARK_LIMIT,	    /* a loop bound was reached */
	PARK_UNSAFE_CALL, /* sendmmsg or io_uring on a full member socket, MSG_ZEROCOPY: members cannot do those safely
			   */
	PARK_COUNT,
};

/* How an exchange ended. */
enum end_reason {
	END_COMPLETE = 0, /* the response is complete */
	END_CLOSED = 1,	  /* connection closed or reset first */
	END_TIMEOUT = 2,  /* nothing moved for capture.idle_timeout */
	END_EXIT = 3,	  /* the process ended first */
	END_LOST = 4,	  /* the connection was parked; the end was not seen */
	END_UPGRADED = 5, /* 101, or 2xx to CONNECT: the exchange is over, the connection goes on as something else */
	END_RESET = 6,	  /* its HTTP/2 stream was reset, by either side */
};

struct event_header {
	__u16 type; /* enum event_type */
	__u16 flags;
	__u32 size; /* whole record in bytes */
	__u64 time_ns;
};
WIRE_ASSERT(sizeof(struct event_header) == 16, "event_header layout");

struct wire_ids {
	__u8 trace_id[16];
	__u8 span_id[8];
	__u8 parent_span_id[8]; /* zero: none */
};
WIRE_ASSERT(sizeof(struct wire_ids) == 32, "wire_ids layout");

/* request_event.facts */
#define REQUEST_HEAD_CUT (1u << 0)	  /* head text is shorter than the head */
#define REQUEST_SAMPLED (1u << 1)	  /* W3C sampled flag of this exchange */
#define REQUEST_HAS_CONTEXT (1u << 2)	  /* the message came with a traceparent of any kind */
#define REQUEST_INVALID_CONTEXT (1u << 3) /* … that was malformed or doubled */
#define REQUEST_FOREIGN_PARENT (1u << 4)  /* outgoing: trace id of a live exchange with a parent id nobody received */
#define REQUEST_HTTP10 (1u << 5)
#define REQUEST_BAGGAGE_UNENFORCED                                                                                     \
	(1u << 6) /* outgoing: baggage of its own went out unjudged, or against the policy                             \
		   */
#define REQUEST_DECIDED                                                                                                \
	(1u << 7) /* sampling was decided here: the member "ot" of a tracestate it came with is not kept */
#define REQUEST_THRESHOLD (1u << 8) /* … and `threshold` stands in its tracestate */
#define REQUEST_UNKNOWN (1u << 9)   /* HTTP/2: some of its fields are not known; the agent's door sees that */

/*
 * A request head is complete. Server role: time_ns is the arrival of its last byte. Client role: time_ns is the moment
 * before the send (sk_msg) or, for sockets that are no members, after it.
 */
struct request_event {
	struct event_header header;
	__u64 exchange_id;	  /* unique on this node since the agent's start, never 0 */
	__u64 connection_id;	  /* socket cookie */
	__u64 parent_exchange_id; /* client: the server exchange it belongs to; 0 = none known */
	struct wire_ids ids;
	__u32 tgid;
	__u32 tid;
	__u8 local_address[16];
	__u8 peer_address[16];
	__u16 local_port;
	__u16 peer_port;
	__u8 trace_flags; /* W3C flags */
	__u8 role;	  /* enum exchange_role */
	__u8 protocol;	  /* enum wire_protocol */
	__u8 attribution; /* enum attribution */
	__u8 injection;	  /* enum injection_result */
	__u8 reserved;
	__u16 baggage_bytes; /* server: baggage as the policy left it, which follows the head text */
	__u32 facts;	     /* REQUEST_* */
	__u32 head_bytes;    /* whole head as the application sent it */
	__u32 text_bytes;    /* head text that follows this struct; values of baggage headers in it are masked */
	__u32 stream;	     /* HTTP/2 */
	__u32 threshold;     /* with REQUEST_THRESHOLD: see wire/ot_member.h; else 0 */
};
/* More is cut, in the middle of a member. */
#define EVENT_BAGGAGE_MAX 4096u
WIRE_ASSERT(sizeof(struct request_event) == 144, "request_event layout");

/*
 * An exchange is over. time_ns = its last byte (or the close). For a server exchange the status line and headers are
 * those that the application sent.
 */
struct response_event {
	struct event_header header;
	__u64 exchange_id;
	__u64 connection_id;
	__u64 first_byte_ns; /* response head complete; 0: no response seen */
	__u64 request_body_bytes;
	__u64 response_body_bytes;
	__u32 tgid;
	__u16 status; /* 0: none seen */
	__u8 end;     /* enum end_reason */
	__u8 role;
	__u32 head_bytes;
	__u32 text_bytes;	/* response head text that follows; 0 unless capture.headers asks for it */
	__u32 stream;		/* HTTP/2 … */
	__u32 reset_code;	/* … of END_RESET: RFC 9113, section 7 */
	__u32 request_messages; /* … gRPC messages, when it is gRPC */
	__u32 response_messages;
};
WIRE_ASSERT(sizeof(struct response_event) == 88, "response_event layout");

/* block_event.facts */
#define BLOCK_RESPONSE (1u << 0)   /* of the server */
#define BLOCK_END_STREAM (1u << 1) /* nothing follows on this stream in this direction */
#define BLOCK_CUT (1u << 2)	   /* its text is shorter than the block */
#define BLOCK_PUSH (1u << 3)	   /* of a PUSH_PROMISE: belongs to no exchange */
#define BLOCK_CLOSED (1u << 4)	   /* no block: the connection is over */
#define BLOCK_LATE (1u << 5)	   /* the connection was joined in mid-life: earlier blocks were not seen */

/*
 * A header block of HTTP/2 as it was sent, in order within a connection's direction. When it begins an exchange, the
 * request_event of that stream comes next.
 */
struct block_event {
	struct event_header header;
	__u64 connection_id;
	__u32 stream;
	__u32 sequence; /* from 1, by one for each block of this direction; the same twice is the same block */
	__u32 tgid;
	__u32 block_bytes;
	__u32 text_bytes; /* of the block that follow this struct */
	__u8 role;	  /* enum exchange_role */
	__u8 facts;	  /* BLOCK_* */
	__u8 life;	  /* another one: the connection was joined anew, and `sequence` began anew */
	__u8 reserved;
};
WIRE_ASSERT(sizeof(struct block_event) == 48, "block_event layout");

/* kafka_event.facts */
#define KAFKA_RESPONSE (1u << 0)  /* of the broker */
#define KAFKA_LAST (1u << 1)	  /* nothing more of this frame will come … */
#define KAFKA_CUT (1u << 2)	  /* … although there is more of it */
#define KAFKA_CLOSED (1u << 3)	  /* no frame: the connection is over, or no longer followed */
#define KAFKA_UNMATCHED (1u << 4) /* a response whose request is not known: no key, no version */

/*
 * A piece of a Kafka frame of a client's connection, in order within its direction; which frames: kafka_kept. A Produce
 * request comes as a request_event (see struct kafka_produce) and not as this.
 */
struct kafka_event {
	struct event_header header;
	__u64 connection_id;
	__u32 sequence;	   /* of the frame: from 1, by one for each frame of this direction that is reported */
	__u32 frame_bytes; /* without the length in front of it */
	__u32 offset;	   /* of this piece, from the length's end on */
	__u32 text_bytes;  /* of the piece, which follows this struct */
	__s32 correlation_id;
	__u16 api_key;	   /* of a response: that of its request */
	__u16 api_version; /* … */
	__u32 tgid;
	__u32 tid;
	__u8 local_address[16];
	__u8 peer_address[16];
	__u16 local_port;
	__u16 peer_port;
	__u8 role;  /* enum exchange_role: ROLE_CLIENT */
	__u8 facts; /* KAFKA_* */
	__u8 reserved[2];
};
WIRE_ASSERT(sizeof(struct kafka_event) == 96, "kafka_event layout");

/* A record of Kafka that a task was given has been processed: header.time_ns, when it asked for the next one or ended.
 */
struct record_event {
	struct event_header header;
	__u64 given_ns;
	__u8 span_id[8]; /* of the record's span: see wire/kafka_record_id.h */
	__u32 tgid;
	__u32 reserved;
};
WIRE_ASSERT(sizeof(struct record_event) == 40, "record_event layout");

/*
 * What a Produce request says, without keys, values and headers: the text of a request_event with PROTOCOL_KAFKA, whose
 * `stream` is the correlation id and whose `head_bytes` are those of the frame. Behind it the client id, then the
 * partitions that fit, each a struct kafka_produce_partition and its topic.
 */
struct kafka_produce {
	__u16 api_version;
	__s16 acks;	       /* 0: there will be no response, the exchange is over */
	__u16 client_id_bytes; /* … of the text */
	__u16 listed;	       /* partitions that follow */
	__u32 partitions;      /* of the request … */
	__u32 records;	       /* … as far as they were read */
	__u32 injected;	       /* records that carry the context of this exchange */
	__u8 whole;	       /* the request was read to its end */
	__u8 transactional;
	__u8 each; /* those carry a span each that is a child of this one: wire/kafka_record_id.h */
	__u8 reserved;
};
WIRE_ASSERT(sizeof(struct kafka_produce) == 24, "kafka_produce layout");

struct kafka_produce_partition {
	__s32 partition;
	__u32 records;
	__u16 topic_bytes; /* that follow; 0: the topic of the one before */
	__u8 topic_is_id;  /* 16 bytes of an id, which a Metadata response explains */
	__u8 compression;  /* attributes & 7 of the batch */
	__u8 magic;	   /* message format: 2, or 0 and 1 of old clients */
	__u8 reserved;
	__u16 each; /* with kafka_produce.each: so many of them are here, those with the lowest numbers first */
};
WIRE_ASSERT(sizeof(struct kafka_produce_partition) == 16, "kafka_produce_partition layout");

/*
 * An exchange that is not sampled is over (header.time_ns): what metrics need of it, in one small event. Whatever does
 * not fit is reported by the two events above instead. Text: the request line up to the target's end, its query cut
 * where it had to be; for a client the whole line and the Host line after it.
 */
#define UNSAMPLED_TEXT_MAX 192u
#define UNSAMPLED_ROOT (1u << 7) /* in `facts`, beside REQUEST_*: a trace began here */
struct unsampled_event {
	struct event_header header;
	__u64 start_ns;
	__u32 tgid;
	__u16 status; /* 0: none seen */
	__u8 end;     /* enum end_reason */
	__u8 role;
	__u8 protocol;
	__u8 facts; /* REQUEST_*, UNSAMPLED_ROOT */
	__u16 peer_port;
	__u32 text_bytes;
	__u8 peer_address[16];
};
WIRE_ASSERT(sizeof(struct unsampled_event) == 56, "unsampled_event layout");

enum process_change {
	PROCESS_FORK = 1,
	PROCESS_EXEC = 2,
	PROCESS_EXIT = 3,
	PROCESS_LISTEN = 4,
	PROCESS_SENDS_SPANS = 6,
	PROCESS_FIONREAD = 7,
	PROCESS_TAKES_SPANS = 8,
};

/* FORK: of a traced process only. EXEC: of every process (discovery looks at it). EXIT: of a traced process. LISTEN: a
 * TCP socket began to listen. SENDS_SPANS: a traced process hands spans to a back end. FIONREAD: it asked for FIONREAD.
 * TAKES_SPANS: it receives spans of others, three times at most; it is told of those that it sends no more. */
struct process_event {
	struct event_header header;
	__u32 tgid;
	__u32 parent_tgid;
	__u8 change; /* enum process_change */
	__u8 reserved[3];
	__u32 detail;  /* LISTEN: port; SENDS_SPANS, TAKES_SPANS: enum telemetry */
	char comm[16]; /* FORK, EXEC: the name of the task that does it, to its first NUL */
};
WIRE_ASSERT(sizeof(struct process_event) == 48, "process_event layout");

enum socket_request {
	SOCKET_RELEASE = 1,	  /* take this member out of the socket hash */
	SOCKET_ENROL = 2,	  /* a client connection is certain: to be put into the hash, by its descriptor */
	SOCKET_ENROL_ANSWERS = 3, /* a server connection: into the hash of answerers */
};
struct socket_event {
	struct event_header header;
	__u64 connection_id;
	__u32 tgid;
	__u8 request; /* enum socket_request */
	__u8 reason;  /* enum injection_result for RELEASE */
	__u8 reserved[2];
	__s32 fd; /* ENROL: the socket's descriptor in that process at that moment */
	__u32 reserved2;
};
WIRE_ASSERT(sizeof(struct socket_event) == 40, "socket_event layout");

#endif
