// SPDX-License-Identifier: Apache-2.0
// Kafka: what a Produce request and a received message say, by OpenTelemetry's conventions for messaging (which are
// still in development: docs/decisions/kafka.md).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "correlate/exchange.h"
#include "decode/kafka/message_event.h"
#include "decode/mask.h"
#include "span/span.h"

namespace weft {

// The protocol's name of an error code; the number where there is none here.
std::string kafka_error_name(int code);

// Name, messaging.* and status of a Produce request's span.
void set_produced(const Exchange& exchange, Span& span);

// The spans of the messages that left with `sending`, each below it, where each of them carries its own (bpf/wire/
// kafka_each.h). They last as long as it, and what became of it became of them.
std::vector<std::shared_ptr<Span>> produced_messages(const Exchange& exchange, const Span& sending);

// Everything but the resource and the times of a received message's span.
void set_received(const MessageEvent& event, std::uint64_t received_unix_ns, const MaskRules& rules, Span& span);

}  // namespace weft
