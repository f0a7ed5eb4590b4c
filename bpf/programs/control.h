/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Calls of the agent that have to change a map value in place. */
#ifndef WEFT_PROGRAMS_CONTROL_H
#define WEFT_PROGRAMS_CONTROL_H

#include "maps/exchanges.h"
#include "maps/processes.h"
#include "maps/tasks.h"
#include "wire/go.h"

SEC("syscall")
int set_process(struct process_change_args *args)
{
	struct process_entry *p = process_get(args->tgid), fresh = {};
	__u64 failed = 0;

	args->fresh = !p;
	if (args->looked_at) {
		if (p && p->generation == args->generation)
			__sync_fetch_and_add(&p->blind, -1);
		return 0;
	}
	if (p) {
		p->flags = args->flags;
		p->policy_service = args->policy_service;
		p->sampling_service = args->sampling_service;
	} else {
		fresh.flags = args->flags;
		fresh.policy_service = args->policy_service;
		fresh.sampling_service = args->sampling_service;
		fresh.generation = args->generation;
		fresh.blind = 1; /* until its connections have been looked at */
		failed = process_add(args->tgid, &fresh) != 0;
	}
	WIRE_OPAQUE(failed);
	args->result = failed;
	return 0;
}

/* From now on the tasks of a process are goroutines (or threads again), if it still executes the program looked at. */
SEC("syscall")
int set_go(struct process_go_args *args)
{
	struct process_entry *p = process_get(args->tgid);

	args->result = 1;
	if (!p || p->execs != args->execs)
		return 0;
	p->go = args->program;
	p->go_rests = args->rests;
	args->result = 0;
	return 0;
}

/* Of one that runs an event loop it stays known that it does. */
static long forget_goroutine(void *map, const struct task_key *key, struct task *task,
			     const struct forget_goroutines_args *args)
{
	if (key->owner >> 32 != args->tgid || !key->goroutine || (task->flags & TASK_LOOP))
		return 0;
	if (!(task->current && exchange_get(task->current)) && !(task->birth && exchange_get(task->birth)))
		task_remove(*key);
	return 0;
}

SEC("syscall")
int forget_goroutines(struct forget_goroutines_args *args)
{
	struct forget_goroutines_args which = {.tgid = args->tgid};

	bpf_for_each_map_elem(&tasks, forget_goroutine, &which, 0);
	return 0;
}

#endif
