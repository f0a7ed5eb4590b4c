/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A traced process asks for FIONREAD. On kernels where membership breaks its answer (upstream 929e30f93125, in 6.6.128,
 * 6.12.75, 6.18.14 and later until 04af4efde58a) the agent then takes that process's sockets out of the hash for good.
 * A uprobe on ioctl in the libc of traced processes, x86-64 calling convention.
 */
#ifndef WEFT_PROGRAMS_IOCTL_H
#define WEFT_PROGRAMS_IOCTL_H

#include "programs/process.h"

#define FIONREAD_REQUEST 0x541b

SEC("uprobe")
int on_ioctl(struct pt_regs *regs)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct process_entry *p;

	if ((__u32)regs->si != FIONREAD_REQUEST)
		return 0;
	p = process_get(tgid);
	if (!p || (p->flags & PROCESS_NEVER_ENROL))
		return 0;
	if (emit_process(tgid, 0, PROCESS_FIONREAD, 0))
		p->flags |= PROCESS_NEVER_ENROL; /* one event is enough, and no socket more */
	return 0;
}

#endif
