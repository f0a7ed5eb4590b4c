// SPDX-License-Identifier: Apache-2.0
#include "agent/task_rules.h"

#include <fmt/format.h>

namespace weft {

TaskRuleText goroutine_rule(const KernelTarget::GoState& go, const GoroutineFindings* found) {
  if (!go.traced || found == nullptr) return {"none", "Go: " + go.text};
  if (found->unproven)
    return {"none", go.text + " is not known well enough: has to be borne out by more goroutines first"};
  std::string why = go.text + ": the goroutine that read the request";
  if (found->sites_learned) why += fmt::format("; inherited by those of {} functions", found->sites_learned);
  if (found->sites_off) why += fmt::format("; never by those of {}, which outlived a request", found->sites_off);
  if (go.rests) why += "; rests from births, which pass nothing on, until a call needs them";
  for (const std::string* streams : {&go.served_streams, &go.called_streams})
    if (!streams->empty()) why += "; " + *streams;
  return {"goroutine", why};
}

TaskRuleText task_rule(const ProcessSettings& settings, const ProcessFindings& found) {
  std::string inherit = found.inherit_off ? "; started threads do not inherit (one outlived its request)"
                        : found.inherits  ? "; started threads inherit"
                                          : "";
  if (settings.task == TaskRule::none) return {"none", "configuration says task: none"};
  if (settings.task == TaskRule::thread) return {"thread", "configuration says task: thread" + inherit};
  if (found.grpc_server)
    return {"thread",
            "the one that runs a blocking handler of grpc++'s server, by probes; for other requests none" + inherit};
  if (found.overlapping) return {"none", "event loop: one thread held requests of two connections at once"};
  if (found.nonblocking_server) return {"none", "event loop: its server sockets do not block"};
  if (settings.blocking_known) return {"thread", "known to serve one request per thread" + inherit};
  return {"thread", "its threads block" + inherit};
}

TaskRuleText http2_rule(const TaskRuleText& all, const KernelTarget::GoState* go, const ProcessFindings& found) {
  if (all.rule == "none") return all;
  if (all.rule == "goroutine") {
    if (go == nullptr || go->called_streams.empty())
      return {"none", "no client of HTTP/2 is probed: neither grpc-go's nor that of net/http was found in it"};
    return {"goroutine", "the one that calls, by probes: " + go->called_streams};
  }
  if (found.grpc_core) return {"thread", "the one that calls, by probes: gRPC's C-core"};
  if (found.http2_writer)
    return {"thread", std::string("the one that alone writes the requests of a connection") +
                          (found.http2_writers ? "; nobody's where several write" : "")};
  if (found.http2_writers) return {"none", "several threads write the requests of one connection"};
  return {"none", "no thread has written the requests of a connection alone so far, for twenty that it served"};
}

std::string kafka_rule(const KernelTarget::KafkaState& kafka, const ProcessFindings& found) {
  std::string text;
  if (kafka.produce_probes || kafka.go_probes)
    text += found.kafka_blocks
                ? "; never for Kafka records, which it produces with calls that wait (RD_KAFKA_MSG_F_BLOCK)"
                : "; for Kafka records who produced them";
  if (kafka.follows()) {
    const char* task = kafka.go_consume_probes ? "goroutine" : "thread";
    text += fmt::format("; the Kafka record that a {} was given last", task);
    if (found.kafka_shared) text += fmt::format(", but not where several {}s are given those of one consumer", task);
    if (found.kafka_unread) text += ", but some could not be read";
  }
  if (!kafka.unread.empty()) text += (kafka.follows() ? "; no other: " : "; never a Kafka record: ") + kafka.unread;
  return text;
}

}  // namespace weft
