/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Which goroutine runs. Go keeps the address of the running goroutine's struct g in the thread's local storage, 8 bytes
 * below the FS base (x86-64) or, beside what C libraries that are linked in keep there, further down; and its number in
 * g.goid.
 */
#ifndef WEFT_LIB_GOROUTINE_H
#define WEFT_LIB_GOROUTINE_H

#include "maps/go.h"
#include "maps/processes.h"
#include "maps/scratch.h"
#include "maps/tasks.h"

static __always_inline __u64 user_word(__u64 address)
{
	__u64 value = 0;

	bpf_probe_read_user(&value, sizeof(value), (void *)address);
	return value;
}

/* False: it cannot be read. */
static __always_inline bool user_word_read(__u64 address, __u64 *word)
{
	return !bpf_probe_read_user(word, sizeof(*word), (void *)address);
}

static __always_inline __u64 current_g(const struct go_process *go)
{
	return user_word(bpf_get_current_task_btf()->thread.fsbase + go->running_g);
}

static __always_inline bool go_is_certain(const struct go_process *go)
{
	return !go->refuted && (!go->unproven || go->proofs >= GO_PROOFS);
}

/* The number of the goroutine that runs; 0: it is not known. */
static __always_inline __u64 goroutine_now(const struct process_entry *p, __u32 tgid)
{
	struct go_process *go = go_process_get(tgid);

	return go && go->program == p->go && go_is_certain(go) ? user_word(current_g(go) + go->g_goid) : 0;
}

/* s->task becomes who runs: the thread, or in a Go program its goroutine. To be called before anything in attribute.h.
 */
WIRE_GLOBAL int task_now(struct scratch *s, struct process_entry *p)
{
	__u64 goroutine;
	__u32 tgid;

	if (!s || !p)
		return 0;
	s->task.owner = s->pid_tgid;
	s->task.goroutine = 0;
	if (!p->go)
		return 0;
	tgid = s->pid_tgid >> 32;
	goroutine = goroutine_now(p, tgid);
	s->task.owner = (__u64)tgid << 32 | p->go;
	s->task.goroutine = goroutine ? goroutine : GOROUTINE_UNKNOWN;
	return 0;
}

#endif
