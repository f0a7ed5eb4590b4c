/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * For tests only, never loaded by the agent: the parsers of bpf/wire behind BPF_PROG_TEST_RUN, so that the kernel's
 * build of them gets the same inputs as the user-space build.
 */
#include "programs/wire_door.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct wire_door);
} door SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct kafka_door);
} kafka_door SEC(".maps");

static __always_inline struct kafka_door *opened_kafka(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&kafka_door, &zero);
}

static __always_inline struct wire_door *opened(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&door, &zero);
}

SEC("syscall")
int on_traceparent(void *ctx)
{
	struct wire_door *d = opened();

	if (!d)
		return 1;
	d->result = traceparent_parse(&d->text, d->range, &d->ids);
	return 0;
}

SEC("syscall")
int on_traceparent_format(void *ctx)
{
	struct wire_door *d = opened();

	if (!d)
		return 1;
	traceparent_format(d->formatted, d->ids.trace_id, d->ids.parent_id, d->ids.flags);
	return 0;
}

SEC("syscall")
int on_tracestate(void *ctx)
{
	struct wire_door *d = opened();

	if (!d)
		return 1;
	d->result = tracestate_join(&d->text, &d->lines, &d->work, &d->tracestate, d->ot);
	return 0;
}

SEC("syscall")
int on_policy(void *ctx)
{
	struct wire_door *d = opened();

	if (!d)
		return 1;
	d->result = policy_judge(&d->policy, &d->set, &d->counters);
	return 0;
}

/* For measurement: with `repeat` the kernel runs it in a loop and says how long one took. */
SEC("tc")
int on_policy_timed(struct __sk_buff *skb)
{
	struct wire_door *d = opened();

	if (!d)
		return 1;
	d->policy.injectable = d->injectable;
	policy_judge(&d->policy, &d->set, &d->counters);
	return 0;
}

SEC("syscall")
int on_policy_gather(void *ctx)
{
	struct wire_door *d = opened();

	if (!d)
		return 1;
	policy_gather(&d->policy, &d->text, &d->lines);
	return 0;
}

SEC("syscall")
int on_http1(void *ctx)
{
	struct wire_door *d = opened();

	if (!d)
		return 1;
	d->result = http1_scan(&d->http, &d->text, d->from, d->to);
	return 0;
}

SEC("syscall")
int on_carriers(void *ctx)
{
	struct wire_door *d = opened();

	if (!d)
		return 1;
	d->result = carriers_scan(&d->text, d->to, &d->carriers);
	return 0;
}

SEC("syscall")
int on_context(void *ctx)
{
	struct wire_door *d = opened();

	if (!d)
		return 1;
	d->result = context_read(&d->text, &d->carriers, d->format, &d->fields, &d->ids);
	return 0;
}

SEC("syscall")
int on_context_format(void *ctx)
{
	struct wire_door *d = opened();

	if (!d)
		return 1;
	if (d->format == FORMAT_B3)
		b3_format(d->formatted, d->ids.trace_id, d->ids.parent_id, d->ids.flags);
	else
		jaeger_format(d->formatted, d->ids.trace_id, d->ids.parent_id, d->ids.flags);
	return 0;
}

SEC("syscall")
int on_sampling(void *ctx)
{
	struct wire_door *d = opened();

	if (!d)
		return 1;
	sampling_search(&d->text, &d->sampling_table, d->sampling_table.services[0].first, &d->sampling);
	return 0;
}

SEC("syscall")
int on_http2_walk(void *ctx)
{
	struct wire_door *d = opened();

	if (!d)
		return 1;
	d->result = http2_walk(&d->walk, &d->text, &d->lines_text, d->to);
	return 0;
}

SEC("syscall")
int on_http2_small(void *ctx)
{
	struct wire_door *d = opened();

	if (!d)
		return 1;
	d->result = http2_small(&d->frames, d->small);
	return 0;
}

SEC("syscall")
int on_kafka_read(void *ctx)
{
	struct kafka_door *d = opened_kafka();

	if (!d)
		return 1;
	d->result = kafka_produce_read(&d->work);
	return 0;
}

SEC("syscall")
int on_kafka_rebuild(void *ctx)
{
	struct kafka_door *d = opened_kafka();

	if (!d)
		return 1;
	d->result = kafka_rebuild(&d->work);
	return 0;
}

SEC("syscall")
int on_kafka_summary(void *ctx)
{
	struct kafka_door *d = opened_kafka();

	if (!d)
		return 1;
	d->result = kafka_summary(&d->work, &d->text, d->to);
	return 0;
}

SEC("syscall")
int on_kafka_answer(void *ctx)
{
	struct kafka_door *d = opened_kafka();

	if (!d)
		return 1;
	d->result = kafka_answer_refuses(&d->text, d->from, d->to);
	return 0;
}
