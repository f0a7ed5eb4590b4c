// SPDX-License-Identifier: Apache-2.0
// By which rule the calls of a process are tied to requests, and why by this one: for people (weft ps).
#pragma once

#include <string>

#include "agent/kernel_target.h"
#include "kernel/goroutines.h"
#include "kernel/kernel.h"

namespace weft {

struct TaskRuleText {
  std::string rule, why;
};

// Of a Go program; `found`: null, nothing yet.
TaskRuleText goroutine_rule(const KernelTarget::GoState& go, const GoroutineFindings* found);
TaskRuleText task_rule(const ProcessSettings& settings, const ProcessFindings& found);
// … and of its calls over HTTP/2, where `all` is the rule for others. `go`: null, it is none.
TaskRuleText http2_rule(const TaskRuleText& all, const KernelTarget::GoState* go, const ProcessFindings& found);
// What is said of Kafka behind it.
std::string kafka_rule(const KernelTarget::KafkaState& kafka, const ProcessFindings& found);

}  // namespace weft
