/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Calls of librdkafka that produce records (x86-64, System V). One program for all entry points, told apart by the
 * cookie; the first instruction has not run yet, so that the stack pointer is at the return address.
 */
#ifndef WEFT_PROGRAMS_KAFKA_PRODUCE_H
#define WEFT_PROGRAMS_KAFKA_PRODUCE_H

#include "lib/kafka_caller.h"

#define RDKAFKA_MSG_F_BLOCK 4u
#define RDKAFKA_ARGUMENTS_MOST 64u
#define RDKAFKA_BATCH_MOST 4096u

/* rd_kafka_vtype_t */
enum rdkafka_vtype {
	RDKAFKA_V_END = 0,
	RDKAFKA_V_TOPIC,
	RDKAFKA_V_RKT,
	RDKAFKA_V_PARTITION,
	RDKAFKA_V_VALUE,
	RDKAFKA_V_KEY,
	RDKAFKA_V_OPAQUE,
	RDKAFKA_V_MSGFLAGS,
	RDKAFKA_V_TIMESTAMP,
	RDKAFKA_V_HEADER,
	RDKAFKA_V_HEADERS,
};

/* rd_kafka_vu_t: a tag and a union of 64 bytes. */
#define RDKAFKA_VU_BYTES 72u
/* rd_kafka_message_t */
#define RDKAFKA_MESSAGE_BYTES 72u
#define RDKAFKA_MESSAGE_PAYLOAD 24u /* what struct kafka_produced begins with */

/* Arguments of a variadic function behind its first one. */
struct rdkafka_arguments {
	__u64 registers[8]; /* five, from the second argument on */
	__u64 stack;
	__u64 array, count; /* … or in an array of rd_kafka_vu_t */
	__u32 next;
	__u32 ended;
	struct kafka_produced record;
	const struct kafka_note *caller;
	__u64 findings;
};

static __always_inline __u64 rdkafka_argument(struct rdkafka_arguments *a)
{
	__u32 i = a->next++;

	if (i >= 5)
		return user_word(a->stack + (i - 5) * 8);
	WIRE_OPAQUE(i);
	return a->registers[i & 7];
}

/* The tag says that `first` is here, and the second word next. */
static __always_inline void rdkafka_take(struct kafka_produced *record, __u32 tag, __u64 first, __u64 second)
{
	switch (tag) {
	case RDKAFKA_V_VALUE:
		record->value = first;
		record->value_bytes = first ? second : 0;
		break;
	case RDKAFKA_V_KEY:
		record->key = first;
		record->key_bytes = first ? second : 0;
		break;
	case RDKAFKA_V_MSGFLAGS:
		record->waits = first & RDKAFKA_MSG_F_BLOCK;
		break;
	case RDKAFKA_V_TIMESTAMP:
		record->timestamp_ms = first;
		break;
	}
}

static long rdkafka_list_step(__u32 i, void *arg)
{
	struct rdkafka_arguments *a = arg;
	__u32 tag = rdkafka_argument(a);
	__u64 first, second = 0;

	if (tag == RDKAFKA_V_END)
		a->ended = 1;
	if (tag == RDKAFKA_V_END || tag > RDKAFKA_V_HEADERS)
		return 1;
	first = rdkafka_argument(a);
	if (tag == RDKAFKA_V_VALUE || tag == RDKAFKA_V_KEY || tag == RDKAFKA_V_HEADER)
		second = rdkafka_argument(a);
	if (tag == RDKAFKA_V_HEADER)
		a->next++;
	rdkafka_take(&a->record, tag, first, second);
	return 0;
}

static long rdkafka_array_step(__u32 i, void *arg)
{
	struct rdkafka_arguments *a = arg;
	__u64 at = a->array + i * RDKAFKA_VU_BYTES;
	__u32 tag;

	if (i >= a->count) {
		a->ended = 1;
		return 1;
	}
	tag = user_word(at);
	if (tag == RDKAFKA_V_END || tag > RDKAFKA_V_HEADERS)
		return 1;
	rdkafka_take(&a->record, tag, user_word(at + 8), user_word(at + 16));
	return 0;
}

static long rdkafka_batch_step(__u32 i, void *arg)
{
	struct rdkafka_arguments *a = arg;
	__u64 at = a->array + i * RDKAFKA_MESSAGE_BYTES + RDKAFKA_MESSAGE_PAYLOAD;

	if (i >= a->count)
		return 1;
	a->record.lost = i + 1 >= RDKAFKA_BATCH_MOST || bpf_probe_read_user(&a->record, 32, (void *)at);
	if (!a->record.value)
		a->record.value_bytes = 0;
	if (!a->record.key)
		a->record.key_bytes = 0;
	a->findings |= kafka_note_record(&a->record, a->caller);
	return 0;
}

/* Returns the FINDING_* that follow. REQUIRES: registers, stack and caller are filled in. */
static __always_inline int rdkafka_call(struct rdkafka_arguments *a, __u32 site)
{
	struct kafka_produced *record = &a->record;

	switch (site) {
	case KAFKA_CALL_PRODUCE: /* topic, partition, flags, payload, length, key | length, opaque */
		record->waits = a->registers[1] & RDKAFKA_MSG_F_BLOCK;
		record->value = a->registers[2];
		record->value_bytes = record->value ? a->registers[3] : 0;
		record->key = a->registers[4];
		record->key_bytes = record->key ? user_word(a->stack) : 0;
		return kafka_note_record(record, a->caller);
	case KAFKA_CALL_PRODUCE_BATCH: /* topic, partition, flags, messages, number */
		record->waits = a->registers[1] & RDKAFKA_MSG_F_BLOCK;
		a->array = a->registers[2];
		a->count = (__u32)a->registers[3];
		bpf_loop(RDKAFKA_BATCH_MOST, rdkafka_batch_step, a, 0);
		return a->findings;
	case KAFKA_CALL_PRODUCEV:
		bpf_loop(RDKAFKA_ARGUMENTS_MOST, rdkafka_list_step, a, 0);
		break;
	default: /* client, array, number */
		a->array = a->registers[0];
		a->count = a->registers[1];
		bpf_loop(RDKAFKA_ARGUMENTS_MOST, rdkafka_array_step, a, 0);
	}
	record->lost = !a->ended;
	return kafka_note_record(record, a->caller);
}

SEC("uprobe")
int on_kafka_produce(struct pt_regs *regs)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid();
	struct process_entry *p = process_get(pid_tgid >> 32);
	__u64 cookie = bpf_get_attach_cookie(regs);
	__u32 site = cookie, findings;
	struct rdkafka_arguments arguments = {};
	struct kafka_note caller = {};

	if (!p || (p->flags & PROCESS_INSTRUMENTED))
		return 0;
	arguments.registers[0] = regs->si;
	arguments.registers[1] = regs->dx;
	arguments.registers[2] = regs->cx;
	arguments.registers[3] = regs->r8;
	arguments.registers[4] = regs->r9;
	arguments.stack = regs->sp + 8;
	/* 0. Of a number it knows Linux 6.1 believes that a loop's step leaves it so, and drops what follows otherwise.
	 */
	arguments.next = cookie >> 32;
	barrier(); /* the verifier allows no computed offset into the registers */
	kafka_caller(p, pid_tgid, &caller);
	arguments.caller = &caller;
	findings = rdkafka_call(&arguments, site);
	if (findings & ~p->findings)
		__sync_fetch_and_or(&p->findings, findings);
	return 0;
}

#endif
