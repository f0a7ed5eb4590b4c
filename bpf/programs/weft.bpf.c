/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* All programs of the agent in one object, because they share their maps. A flavour of a hook is one more header here.
 */
#include "wire/port.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "programs/answer.h"
#include "programs/control.h"
#include "programs/tls_probe.h"
#include "programs/grpc_core.h"
#include "programs/ioctl.h"
#include "programs/iterators.h"
#include "programs/kafka_consume.h"
#include "programs/kafka_consume_go.h"
#include "programs/kafka_produce.h"
#include "programs/kafka_produce_go.h"
#include "programs/message.h"
#include "programs/process.h"
#include "programs/socket_fentry.h"
#include "programs/socket_kprobe.h"
#include "programs/socket_receive.h"
#include "programs/socket_send.h"
#include "programs/socket_state.h"
#include "programs/sockops.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
