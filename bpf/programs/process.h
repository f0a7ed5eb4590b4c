/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Life of processes and threads: children of a traced process are traced, threads may inherit, the dead are forgotten.
 */
#ifndef WEFT_PROGRAMS_PROCESS_H
#define WEFT_PROGRAMS_PROCESS_H

#include "lib/attribute.h"
#include "lib/kafka_records.h"
#include "maps/ring.h"
#include "maps/tls_calls.h"

static __always_inline bool emit_process(__u32 tgid, __u32 parent, __u32 change, __u32 detail)
{
	struct process_event e = {};

	e.header.type = EVENT_PROCESS;
	e.header.time_ns = bpf_ktime_get_ns();
	e.tgid = tgid;
	e.parent_tgid = parent;
	e.change = change;
	e.detail = detail;
	if (change == PROCESS_FORK || change == PROCESS_EXEC)
		bpf_get_current_comm(e.comm, sizeof(e.comm));
	return ring_put(&e.header, sizeof(e));
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	struct process_entry *p = process_get(parent->tgid), fresh = {};
	__u32 tgid = child->tgid;

	if (!p)
		return 0;
	if (parent->tgid == child->tgid) {
		if (!p->go) /* Go's threads belong to nobody, its goroutines do */
			attribute_birth(p, thread_key(tgid, parent->pid), thread_key(tgid, child->pid), 0);
		return 0;
	}
	fresh.flags = p->flags;
	fresh.generation = p->generation;
	fresh.policy_service = p->policy_service;
	fresh.sampling_service = p->sampling_service;
	if (process_add(tgid, &fresh)) {
		count_fault(PROGRAM_PROCESS, FAULT_MAP_FULL);
		return 0;
	}
	emit_process(tgid, parent->tgid, PROCESS_FORK, 0);
	return 0;
}

/* Of every process: discovery looks at each new program. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int old_pid)
{
	struct process_entry *p = process_get(task->tgid);

	if (p) {
		p->findings = 0;
		__builtin_memset(p->good_births, 0, sizeof(p->good_births));
		/* The thread that called exec is the leader now, and what it was is gone with the program. */
		kafka_consumer_gone(thread_key(task->tgid, old_pid), KAFKA_RECORD_PROCESSED);
		kafka_consumer_gone(thread_key(task->tgid, task->tgid), KAFKA_RECORD_PROCESSED);
		task_remove(thread_key(task->tgid, old_pid));
		task_remove(thread_key(task->tgid, task->tgid));
		p->go = 0;
		__sync_fetch_and_add(&p->execs, 1);
		go_process_remove(task->tgid);
	}
	emit_process(task->tgid, task->real_parent->tgid, PROCESS_EXEC, 0);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	__u32 tgid = task->tgid;

	/* Also of a process that is no longer traced: its threads' entries go with them. */
	attribute_death(thread_key(tgid, task->pid));
	kafka_consumer_gone(thread_key(tgid, task->pid), KAFKA_RECORD_PROCESSED);
	tls_call_remove((__u64)tgid << 32 | (__u32)task->pid);
	if (!process_get(tgid))
		return 0;
	if (task->signal->live.counter > 0)
		return 0;
	process_remove(tgid);
	go_process_remove(tgid);
	emit_process(tgid, 0, PROCESS_EXIT, 0);
	return 0;
}

#endif
