/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * State of a connection, created for traced processes only. In socket storage, which dies with the socket; under
 * SETTING_HASH in a hash by the socket's address, for kprobes cannot use socket storage, and on_destroy drops it. All
 * programs of one agent use the same of the two. Each half is written by one side only: `receive` by the receive hook,
 * `send` by sk_msg for members and by the send hook otherwise.
 */
#ifndef WEFT_MAPS_CONNECTIONS_H
#define WEFT_MAPS_CONNECTIONS_H

#include "maps/settings.h"
#include "wire/go.h"
#include "wire/http1.h"
#include "wire/http2_state.h"
#include "wire/kafka_state.h"

/* The context an outgoing message is to continue. */
struct parent {
	__u64 exchange_id; /* 0: none */
	__u8 trace_id[16];
	__u8 span_id[8];
	__u8 flags;
	__u8 report; /* as in struct exchange */
	__u16 tracestate_bytes;
	__u16 baggage_bytes;
	__u16 reserved2;
	__u32 threshold; /* of a new trace, whose tracestate is the member made of it: see wire/ot_member.h */
	__u32 reserved3;
};

/* A new trace that says with what probability it was sampled. */
static __always_inline bool parent_tells(const struct parent *parent)
{
	return !parent->exchange_id && parent->tracestate_bytes;
}

/* HTTP/1.1 may end on a connection by a request that asks for it (Upgrade, CONNECT) and an answer that grants it. */
enum upgrade {
	UPGRADE_NONE = 0,
	UPGRADE_ASKED, /* the answer is not known yet: what the client sends before it is not HTTP/1.1 for certain */
	UPGRADE_DONE,  /* by 101: what follows is HTTP/2, by its first bytes, or nothing that is followed */
};

struct half {
	__u32 next_seq; /* sequence number of the first byte not parsed yet; valid when `known` */
	__u8 known;
	__u8 parked;   /* enum park_reason; 0 = followed */
	__u8 moved;    /* bytes have gone through it in a call that was captured, whatever they were */
	__u8 begun;    /* its state is that of HTTP/2 by now; see http2_half_begins() */
	__u32 claimed; /* a run is at work in this half */
	__u32 reserved2;
	__u64 body_bytes; /* of the message being read, framing excluded */
	union {		  /* what is between two messages has a state of 0 in each */
		struct http1 http1;
		struct http2 http2;
		struct kafka kafka;
	};
};

/* A request that has no complete response yet. */
struct pending {
	__u64 exchange_id; /* 0: seen but not reported (first exchange after joining in mid-life, back-end traffic) */
	__u64 request_bytes;
	__u32 tgid;	    /* who read or sent it … */
	__u32 task_mark;    /* … and which of its tasks */
	__u32 generation;   /* of that process's tracing */
	__u8 method;	    /* enum http1_method */
	__u8 ends_protocol; /* Upgrade or CONNECT: the connection goes on as something else if the answer says so */
	__u8 anonymous;	    /* server: nobody can refer to it, so it is not in `exchanges` */
	__u8 unsampled;	    /* reported in short at its end: see maps/unsampled.h */
};

#define PENDING_MAX 8u /* a power of two */

enum membership {
	MEMBER_NO = 0, /* observed only */
	MEMBER_WANTED, /* to be enrolled when the handshake is done */
	MEMBER_YES,
	MEMBER_RELEASED, /* let go; the agent takes it out of the hash */
	MEMBER_JOINED,	 /* certain: the agent puts it into the hash, and the first message that begins where we are
			    makes it a member */
};

/* Is an accepted socket in the hash of answerers? See lib/answers.h. */
enum answers {
	ANSWERS_NONE = 0,
	ANSWERS_MEMBER,	 /* also when the agent was asked to put it in */
	ANSWERS_LEAVING, /* its responses are not changed any more; at the next acknowledgement, or by the agent */
	ANSWERS_PLAIN,	 /* out, for good */
};
#define ANSWERS_LEFT_MOST 8u /* as often it comes back */

/* Are its bytes plaintext that a probe saw? See maps/tls.h. */
enum encrypted {
	ENCRYPTED_NOT = 0,
	ENCRYPTED,
	ENCRYPTED_BLOCKING, /* … and who reads and writes them waits for its socket */
};

#define CONNECTION_WITHOUT_COOKIE (1ULL << 63)

struct connection {
	__u64 id; /* socket cookie, key in `members`, or (also of TLS) CONNECTION_WITHOUT_COOKIE and a number of its
		     own; 0 = fresh storage, or all else is just being filled in */
	__u64 last_ns;	     /* last byte either way */
	__u64 first_byte_ns; /* response head complete */
	__u64 bulk_score;
	__u64 asked_ns; /* when the agent was last asked to put it into the hash */
	__u32 owner_tgid;
	__u32 generation;
	__u8 role;     /* enum exchange_role */
	__u8 protocol; /* enum wire_protocol */
	__u8 membership;
	__u8 joining; /* joined in mid-life, no strict exchange seen yet */
	__u8 join_failures;
	__u8 destination;  /* DESTINATION_* bits */
	__u8 answers_lost; /* more requests in flight than PENDING_MAX: responses are no longer matched */
	__u8 answer_begun; /* head of the final response seen for the oldest pending */
	__u16 status;	   /* of that response */
	__u16 answer_head_bytes;
	__u8 answer_kept;  /* that head waits in partial_heads, to go along with the response event */
	__u8 role_certain; /* stays, even when the position is lost */
	__u8 end_wanted;   /* what is pending is to end: by whoever holds the claim */
	__u8 encrypted;	   /* enum encrypted */
	__u8 rejoins;	   /* released for this exchange only: enrolled again after it */
	__u8 answers_left; /* the hash of answerers, so often; more than ANSWERS_LEFT_MOST: for good */
	__u8 answers_told; /* that requests are read from it without waiting */
	__u8 upgrade;	   /* enum upgrade */
	__u32 answers;	   /* enum answers */
	__u64 answer_key;  /* in that hash */
	__u64 listener;	   /* the mark of the socket that it was accepted from; 0: none */
	__u64
	    blind; /* counted in process_entry.blind of this process (low half) and tracing (generation); 0: in none */
	__u32 swept;		      /* the last sweep that found it among the open files of a traced process */
	__u32 asked;		      /* how often */
	__u32 destination_generation; /* of the table that `destination` is from */
	__u32 seen;	   /* somebody has begun to fill it in; of TLS: it ends as soon as nobody is at work in it */
	__u32 overwritten; /* contexts of the head being sent are written over already up to here: by these … */
	struct parent overwritten_parent;
	__u8 overwritten_span_id[8];
	__u32 judged;	     /* … and its baggage is judged up to here */
	__u32 stream_oldest; /* no stream below this number is under way … */
	__u32 stream_newest; /* … and none above this one */
	__u32 pending_begin; /* written by the response side; multiplexed: by whoever ends a stream */
	__u32 pending_end;   /* written by the request side */
	/* The goroutine that read the last request while its process rested, and whether it is kept in `tasks`. */
	struct task_key reader;
	__u32 keeps;
	__u16 local_port;
	__u16 peer_port;
	__u8 accepted; /* before its process was traced */
	__u8 lives;    /* how often it was joined in mid-life as HTTP/2 */
	__u8 local_address[16];
	__u8 peer_address[16];
	struct half receive;
	struct half send;
	struct pending pending[PENDING_MAX];
};
WIRE_ASSERT(sizeof(struct connection) <= 960, "connection fits a 1 KB allocation with its storage header");

/* One of several processors changes connection.answers; most have nothing to change, which costs no atomic. */
static __always_inline bool answers_change(struct connection *c, __u32 from, __u32 to)
{
	return *(volatile __u32 *)&c->answers == from && __sync_val_compare_and_swap(&c->answers, from, to) == from;
}

static __always_inline bool answers_ended(const struct connection *c)
{
	return c->answers_left > ANSWERS_LEFT_MOST;
}

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct connection);
} connections SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1); /* set before load when it is used */
	__type(key, __u64);	/* the address of the struct sock */
	__type(value, struct connection);
} connections_by_address SEC(".maps");

static const struct connection connection_none = {};

static __always_inline struct connection *connection_at(__u64 address)
{
	return bpf_map_lookup_elem(&connections_by_address, &address);
}

static __always_inline struct connection *connection_create_at(__u64 address)
{
	struct connection *c = connection_at(address);

	if (c)
		return c;
	bpf_map_update_elem(&connections_by_address, &address, &connection_none, BPF_NOEXIST);
	return connection_at(address); /* also when another CPU was first */
}

static __always_inline void connection_drop_at(__u64 address)
{
	bpf_map_delete_elem(&connections_by_address, &address);
}

/* The socket goes. What is in socket storage goes with it. */
static __always_inline void connection_drop(const struct sock *sk)
{
	if (setting(SETTING_HASH))
		connection_drop_at((__u64)sk);
}

/* The socket argument differs in type by program (struct sock *, struct bpf_sock *): hence macros. */
#define connection_get(sk)                                                                                             \
	(setting(SETTING_HASH) ? connection_at((__u64)(sk))                                                            \
			       : (struct connection *)bpf_sk_storage_get(&connections, (sk), NULL, 0))
#define connection_create(sk)                                                                                          \
	(setting(SETTING_HASH)                                                                                         \
	     ? connection_create_at((__u64)(sk))                                                                       \
	     : (struct connection *)bpf_sk_storage_get(&connections, (sk), NULL, BPF_SK_STORAGE_GET_F_CREATE))

static __always_inline __u32 pending_count(const struct connection *c)
{
	return c->pending_end - c->pending_begin;
}

static __always_inline struct pending *pending_at(struct connection *c, __u32 position)
{
	WIRE_OPAQUE(position);
	return &c->pending[position & (PENDING_MAX - 1)];
}

#endif
