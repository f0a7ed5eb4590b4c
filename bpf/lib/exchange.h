/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Beginning and end of exchanges, whatever the protocol: ids, maps, events. */
#ifndef WEFT_LIB_EXCHANGE_H
#define WEFT_LIB_EXCHANGE_H

#include "lib/attribute_record.h"
#include "lib/mask.h"
#include "lib/socket_events.h"
#include "lib/streams.h"
#include "maps/answerers.h"
#include "maps/partial_heads.h"
#include "maps/ring.h"
#include "maps/unsampled.h"
#include "wire/tls.h"

/* False: too many wait for their responses already; their ends will not be seen. */
static __always_inline bool pending_has_room(struct connection *c, const struct scratch *s)
{
	if (c->answers_lost)
		return false;
	if (is_multiplexed(c) || pending_count(c) < PENDING_MAX)
		return true;
	c->answers_lost = 1;
	count_fault(s->program, FAULT_PIPELINE);
	return false;
}

/* Takes note of a request that waits for its response: from now on it may be ended by whoever ends the connection. */
static __always_inline bool pending_push(struct connection *c, struct scratch *s, __u64 exchange_id, __u8 method,
					 bool ends_protocol, bool anonymous, bool unsampled)
{
	struct pending *pending;

	if (!pending_has_room(c, s))
		return false;
	if (is_multiplexed(c))
		return stream_begin(c, s, exchange_id, anonymous);
	pending = pending_at(c, c->pending_end);
	pending->exchange_id = exchange_id;
	pending->request_bytes = 0;
	pending->tgid = s->pid_tgid >> 32;
	pending->generation = s->generation;
	pending->task_mark = task_mark(&s->task);
	pending->method = method;
	pending->ends_protocol = ends_protocol;
	pending->anonymous = anonymous;
	pending->unsampled = unsampled;
	__sync_fetch_and_add(&c->pending_end, 1); /* only now may the response side see it */
	return true;
}

/* Whom a client's request was decided to be for (s->decision, s->parent) goes to s->event.request, and `result`. */
static __always_inline void client_outcome(struct scratch *s, __u32 result)
{
	struct request_event *e = &s->event.request;

	__builtin_memset(&e->ids, 0, sizeof(e->ids));
	e->parent_exchange_id = 0;
	e->trace_flags = 0;
	e->threshold = 0;
	e->attribution = s->decision.attribution;
	e->injection = result;
	if (s->decision.attribution != ATTRIBUTION_NONE) {
		__builtin_memcpy(e->ids.trace_id, s->parent.trace_id, 16);
		__builtin_memcpy(e->ids.span_id, s->decision.span_id, 8);
		__builtin_memcpy(e->ids.parent_span_id, s->parent.span_id, 8);
		e->parent_exchange_id = s->parent.exchange_id;
		e->trace_flags = s->parent.flags;
		if (parent_tells(&s->parent)) {
			e->threshold = s->parent.threshold;
			s->facts |= REQUEST_THRESHOLD;
		}
	}
}

/*
 * The request event of s->text, whose `baggage` lines are masked in the text from here on. ids, flags, parent and
 * outcome are in s->event.request already. `most`: bytes of the text that may go, for the protocol's own reasons.
 * `checked`: bytes of s->policy.out that go along.
 */
static __always_inline void emit_request(const struct connection *c, struct scratch *s, __u64 exchange_id,
					 __u32 head_bytes, __u32 most, const struct text_lines *baggage, __u32 checked)
{
	struct request_event *e = &s->event.request;
	__u64 text = head_bytes, more = checked;

	e->header.type = EVENT_REQUEST;
	e->header.flags = 0;
	e->header.time_ns = s->now_ns;
	e->exchange_id = exchange_id;
	e->connection_id = c->id;
	e->tgid = s->pid_tgid >> 32;
	e->tid = (__u32)s->pid_tgid;
	__builtin_memcpy(e->local_address, c->local_address, 16);
	__builtin_memcpy(e->peer_address, c->peer_address, 16);
	e->local_port = c->local_port;
	e->peer_port = c->peer_port;
	e->role = c->role;
	e->protocol = c->protocol;
	e->reserved = 0;
	e->stream = s->stream;
	if (most > settings.header_bytes)
		most = settings.header_bytes;
	if (baggage->count || baggage->more) {
		__u32 clear = mask_lines(s, baggage);

		if (most > clear)
			most = clear;
	}
	if (text > most) {
		text = most;
		s->facts |= REQUEST_HEAD_CUT;
	}
	WIRE_OPAQUE(text);
	if (text > HEAD_SENT_MAX)
		text = HEAD_SENT_MAX;
	WIRE_OPAQUE(more);
	if (more > EVENT_BAGGAGE_MAX)
		more = EVENT_BAGGAGE_MAX;
	if (more)
		wire_copy(s->text.bytes + text, s->policy.out, more);
	if (c->encrypted)
		s->facts |= REQUEST_ENCRYPTED;
	e->facts = s->facts | (e->trace_flags & TRACE_FLAG_SAMPLED ? REQUEST_SAMPLED : 0);
	e->head_bytes = head_bytes;
	e->text_bytes = text;
	e->baggage_bytes = more;
	ring_put(&e->header, sizeof(*e) + text + more);
}

/*
 * Takes a short note of the request in s->text, to be reported when it is over; its text is the first `text` bytes of
 * the head, 0 = it would not fit. 0: report it in full. A function of its own, for its callers' stack.
 */
WIRE_GLOBAL int unsampled_begin(const struct connection *c, struct scratch *s, __u64 exchange_id, __u32 text, bool root)
{
	struct unsampled *u;
	__u64 bytes = text;

	if (!c || !s || bytes == 0 || bytes > UNSAMPLED_TEXT_MAX)
		return 0;
	u = unsampled_claim(exchange_id);
	if (!u)
		return 0;
	u->event.start_ns = s->now_ns;
	u->event.tgid = s->pid_tgid >> 32;
	u->event.role = c->role;
	u->event.protocol = c->protocol;
	u->event.facts = (s->facts & 0x7f) | (root ? UNSAMPLED_ROOT : 0);
	u->event.peer_port = c->peer_port;
	__builtin_memcpy(u->event.peer_address, c->peer_address, 16);
	u->event.text_bytes = bytes;
	WIRE_OPAQUE(bytes); /* once more: Linux 6.1 has lost its bounds */
	if (bytes > UNSAMPLED_TEXT_MAX)
		bytes = UNSAMPLED_TEXT_MAX;
	bpf_probe_read_kernel(u->text, bytes, s->text.bytes);
	return 1;
}

/* s->value_sum becomes that of the value in `range`. False: too long to be recognised again. */
static __always_inline bool value_sum(struct scratch *s, struct text_range range)
{
	__u32 bytes = (__u32)range.end - range.start;

	if (bytes == 0 || bytes > CARRIED_VALUE_MAX)
		return false;
	s->value_sum = carried_sum_of_value(s->pid_tgid >> 32, s->text.bytes + head_text_index(range.start), bytes);
	return true;
}

/* How many values exchange_begin is given. */
enum received_values { RECEIVED_NOTHING = 0, RECEIVED_ONE, RECEIVED_MORE };

/* The entry is complete before anybody can find it. `connection_id` 0: it is no request, but a record of Kafka. */
static __always_inline void exchange_appears(struct scratch *s, struct process_entry *p, __u64 connection_id,
					     __u32 generation, __u32 received)
{
	struct exchange *e = &s->exchange;

	e->tgid = s->pid_tgid >> 32;
	e->tid = (__u32)s->task.owner;
	e->goroutine = s->task.goroutine;
	e->connection_id = connection_id;
	e->generation = generation;
	e->indexed = 0;
	e->received = 0;
	if (received != RECEIVED_NOTHING) {
		e->received = s->value_sum;
		e->indexed = INDEXED_VALUE | (s->facts & REQUEST_INVALID_CONTEXT ? 0 : INDEXED_TRACE);
		if (received == RECEIVED_MORE &&
		    !bpf_map_update_elem(&received_more, &e->id, &s->received_more, BPF_ANY))
			e->indexed |= INDEXED_MORE;
	}
	exchange_publish(e);
	if (e->indexed) {
		__sync_fetch_and_add(&id_lanes[id_lane_index()].carried, 1);
		carried_add(e->received, e->id);
		if (e->indexed & INDEXED_TRACE)
			carried_add(carried_sum_of_trace(e->tgid, e->ids.trace_id), e->id);
		if (e->indexed & INDEXED_MORE)
			received_more_add(&s->received_more, e->id);
	}
	if (p->generation == generation) /* else nobody would take it off again */
		__sync_fetch_and_add(&p->live, 1);
	finding(p, FINDING_SERVES);
}

/*
 * The server exchange of s->exchange (ids, flags, texts filled in, its place claimed) begins; s->value_sum and
 * s->received_more hold what `received` (enum received_values) says.
 */
WIRE_GLOBAL int exchange_begin(struct connection *c, struct scratch *s, struct process_entry *p, __u32 received)
{
	if (!c || !s || !p)
		return 0;
	s = scratch_again(s);
	if (!s)
		return 0;
	exchange_appears(s, p, c->id, s->generation, received); /* what p says may be of a later tracing by now */
	return attribute_begin(c, s, p);
}

/* A record of Kafka becomes what the thread of s->task works on, as exchange_begin. */
WIRE_GLOBAL int exchange_begin_record(struct scratch *s, struct process_entry *p, __u32 received)
{
	if (!s || !p)
		return 0;
	s = scratch_again(s);
	if (!s)
		return 0;
	exchange_appears(s, p, 0, p->generation, received);
	return attribute_record(s, p);
}

/*
 * A server exchange that nobody can refer to: no context value of it can be carried on, its thread runs an event loop
 * (no goroutine ever does, and no thread of which a library says what it serves), and its response does not name it. It
 * counts as live and needs no entry.
 */
static __always_inline bool exchange_is_anonymous(struct scratch *s, const struct process_entry *p, bool received)
{
	const __u32 loop = FINDING_NONBLOCKING;

	return !received && !s->task.goroutine && s->nonblocking &&
	       (p->findings & (loop | FINDING_GRPC_SERVER)) == loop &&
	       !(p->flags & (PROCESS_TASK_THREAD | PROCESS_BLOCKING_KNOWN)) && !answer_headers;
}

/*
 * A server exchange is over: nothing can be attributed to it any more. `e` becomes what it was; false: it was over.
 * `c`: the connection that it came on, where one follows the other.
 */
static __always_inline bool exchange_ends(struct exchange *e, __u64 id, __u64 next, __u32 next_mark,
					  const struct connection *c)
{
	if (!exchange_take(id, e))
		return false;
	if (e->indexed) {
		__sync_fetch_and_add(&id_lanes[id_lane_index()].carried, -1);
		carried_remove(e->received, id);
		if (e->indexed & INDEXED_TRACE)
			carried_remove(carried_sum_of_trace(e->tgid, e->ids.trace_id), id);
		if (e->indexed & INDEXED_MORE)
			received_more_remove(id);
	}
	exchange_remove(e);
	process_live_ends(e->tgid, e->generation);
	if (next || !c || !reader_stays(c, e))
		attribute_end(e, next, next_mark);
	return true;
}

static __always_inline void exchange_end(struct scratch *s, __u64 id, __u64 next, __u32 next_mark,
					 const struct connection *c)
{
	exchange_ends(&s->exchange, id, next, next_mark, c);
}

/*
 * The oldest pending exchange of c ends as `end` says. Response bytes are what the response half has counted so far.
 * Its head text (`text_bytes` of s->text) goes along when asked for.
 */
WIRE_GLOBAL int pending_finish(struct connection *c, struct scratch *s, __u32 end, __u32 text_bytes)
{
	struct response_event *e;
	struct pending *pending;
	__u64 id, next = 0, text = text_bytes;
	__u32 next_mark = 0;

	if (!c || !s || !pending_count(c))
		return 0;
	s = scratch_again(s);
	if (!s)
		return 0;
	pending = pending_at(c, c->pending_begin);
	id = pending->exchange_id;
	if (pending_count(c) > 1) {
		struct pending *after = pending_at(c, c->pending_begin + 1);
		next = after->exchange_id;
		next_mark = after->task_mark;
	}
	if (id && c->role == ROLE_SERVER) {
		if (pending->anonymous)
			process_live_ends(pending->tgid, pending->generation);
		else
			exchange_end(s, id, next, next_mark, c);
	}
	if (id && pending->unsampled) {
		unsampled_end(id, s->now_ns, end, c->answer_begun ? c->status : 0);
	} else if (id) {
		e = &s->event.response;
		e->header.type = EVENT_RESPONSE;
		e->header.flags = 0;
		e->header.time_ns = s->now_ns;
		e->exchange_id = id;
		e->connection_id = c->id;
		e->first_byte_ns = c->answer_begun ? c->first_byte_ns : 0;
		e->request_body_bytes = pending->request_bytes;
		e->response_body_bytes = !c->answer_begun	  ? 0
					 : c->role == ROLE_SERVER ? c->send.body_bytes
								  : c->receive.body_bytes;
		e->tgid = c->owner_tgid;
		e->status = c->answer_begun ? c->status : 0;
		e->end = end;
		e->role = c->role;
		e->head_bytes = c->answer_begun ? c->answer_head_bytes : 0;
		WIRE_OPAQUE(text);
		if (text > 4096)
			text = 4096;
		e->text_bytes = text;
		e->stream = e->reset_code = e->request_messages = e->response_messages = 0;
		ring_put(&e->header, sizeof(*e) + text);
	}
	c->answer_begun = 0;
	c->status = 0;
	c->pending_begin++;
	return 1;
}

/* A request that was reported and whose response will not be matched. */
static __always_inline void emit_lost(struct connection *c, struct scratch *s, __u64 exchange_id)
{
	struct response_event *e = &s->event.response;

	__builtin_memset(e, 0, sizeof(*e));
	e->header.type = EVENT_RESPONSE;
	e->header.time_ns = s->now_ns;
	e->exchange_id = exchange_id;
	e->connection_id = c->id;
	e->tgid = c->owner_tgid;
	e->end = END_LOST;
	e->role = c->role;
	ring_put(&e->header, sizeof(*e));
}

static __always_inline void exchange_lost(struct connection *c, struct scratch *s, __u64 exchange_id, bool unsampled)
{
	if (unsampled)
		unsampled_end(exchange_id, s->now_ns, END_LOST, 0);
	else
		emit_lost(c, s, exchange_id);
}

struct finish_run {
	struct connection *connection;
	struct scratch *scratch;
	__u32 end;
	__u32 oldest; /* of streams, when it began */
};

static long pending_finish_step(__u32 i, void *arg)
{
	struct finish_run *run = arg;
	unsigned long more = pending_finish(run->connection, run->scratch, run->end, 0);

	WIRE_OPAQUE(more); /* clang knows its range across the call, the verifier does not */
	return more ? 0 : 1;
}

/* Everything that waits on c ends. */
static __always_inline void pending_finish_all(struct connection *c, struct scratch *s, __u32 end)
{
	struct finish_run run = {.connection = c, .scratch = s, .end = end};

	if (is_multiplexed(c)) {
		streams_finish_all(c, s, end);
		return;
	}
	if (pending_count(c))
		bpf_loop(PENDING_MAX, pending_finish_step, &run, 0);
}

#endif
