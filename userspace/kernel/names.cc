// SPDX-License-Identifier: Apache-2.0
#include "kernel/names.h"

#include "wire/settings.h"
#include "wire/telemetry.h"

namespace weft {

std::string_view injection_name(unsigned result) {
  switch (result) {
    case INJECTION_NOT_TRIED:
      return "not_tried";
    case INJECTION_DONE:
      return "done";
    case INJECTION_OVERWRITTEN:
      return "overwritten";
    case INJECTION_NO_BUDGET:
      return "no_budget";
    case INJECTION_SPLIT_BLANK_LINE:
      return "split_blank_line";
    case INJECTION_OWN_HEADER:
      return "own_header";
    case INJECTION_AMBIGUOUS:
      return "ambiguous_carried";
    case INJECTION_INSTRUMENTED:
      return "instrumented";
    case INJECTION_INVALID_CARRIED:
      return "invalid_carried";
    case INJECTION_NO_TASK:
      return "no_task";
    case INJECTION_ORPHANS_OFF:
      return "orphans_off";
    case INJECTION_TOO_LARGE:
      return "too_large";
    case INJECTION_ZEROCOPY:
      return "zerocopy";
    case INJECTION_SHARED_PAGES:
      return "shared_pages";
    case INJECTION_SCATTER:
      return "scatter";
    case INJECTION_NO_SCRATCH:
      return "no_scratch";
    case INJECTION_HELPER_FAILED:
      return "helper_failed";
    case INJECTION_NOT_MEMBER:
      return "not_member";
    case INJECTION_BULK:
      return "bulk";
    case INJECTION_DESTINATION:
      return "destination";
    case INJECTION_JOINING:
      return "joining";
    case INJECTION_SPLIT_HEAD:
      return "split_head";
    case INJECTION_INDEXED:
      return "indexed";
    case INJECTION_COMPRESSED:
      return "compressed";
    case INJECTION_OLD_FORMAT:
      return "old_format";
    case INJECTION_NOT_WHOLE:
      return "not_whole";
    case INJECTION_REFUSED:
      return "refused";
    case INJECTION_MALFORMED:
      return "malformed";
    case INJECTION_TOPIC:
      return "topic";
    default:
      return "unknown";
  }
}

std::string_view protocol_name(unsigned protocol) {
  switch (protocol) {
    case PROTOCOL_HTTP1:
      return "http";
    case PROTOCOL_HTTP2:
      return "http2";
    case PROTOCOL_KAFKA:
      return "kafka";
    default:
      return "unknown";
  }
}

std::string_view end_name(unsigned reason) {
  switch (reason) {
    case END_COMPLETE:
      return "complete";
    case END_CLOSED:
      return "closed";
    case END_TIMEOUT:
      return "timeout";
    case END_EXIT:
      return "exit";
    case END_LOST:
      return "lost";
    case END_UPGRADED:
      return "upgraded";
    case END_RESET:
      return "reset";
    default:
      return "unknown";
  }
}

std::string_view park_name(unsigned reason) {
  switch (reason) {
    case PARK_NONE:
      return "none";
    case PARK_NOT_HTTP:
      return "not_http";
    case PARK_BAD_FRAMING:
      return "bad_framing";
    case PARK_UPGRADE:
      return "upgrade";
    case PARK_POSITION_LOST:
      return "position_lost";
    case PARK_UNSEEN_BYTES:
      return "unseen_bytes";
    case PARK_CONCURRENT:
      return "concurrent";
    case PARK_NO_SCRATCH:
      return "no_scratch";
    case PARK_HELPER_FAILED:
      return "helper_failed";
    case PARK_FOREIGN_OWNER:
      return "foreign_owner";
    case PARK_LIMIT:
      return "limit";
    case PARK_UNSAFE_CALL:
      return "unsafe_call";
    default:
      return "unknown";
  }
}

std::string_view fault_name(unsigned fault) {
  switch (fault) {
    case FAULT_MAP_FULL:
      return "map_full";
    case FAULT_STORAGE:
      return "socket_storage";
    case FAULT_ENROL:
      return "enrol_refused";
    case FAULT_ULP:
      return "upper_layer_protocol";
    case FAULT_MPTCP:
      return "mptcp";
    case FAULT_FAST_OPEN:
      return "fast_open";
    case FAULT_PULL:
      return "pull_failed";
    case FAULT_PUSH:
      return "push_failed";
    case FAULT_UNDO:
      return "undo_failed";
    case FAULT_PIPELINE:
      return "pipeline_depth";
    case FAULT_USER_READ:
      return "user_read";
    case FAULT_HEAD_LOST:
      return "head_lost";
    case FAULT_JOIN:
      return "join_failed";
    case FAULT_BODY_GAP:
      return "body_gap";
    case FAULT_RETURN:
      return "return_not_seen";
    case FAULT_NO_POLICY:
      return "no_policy";
    default:
      return "unknown";
  }
}

std::string_view program_name(unsigned program) {
  switch (program) {
    case PROGRAM_RECEIVE:
      return "on_receive";
    case PROGRAM_SEND:
      return "on_send";
    case PROGRAM_MESSAGE:
      return "on_message";
    case PROGRAM_SOCKOPS:
      return "on_sockops";
    case PROGRAM_PROCESS:
      return "on_process";
    case PROGRAM_STATE:
      return "on_state";
    case PROGRAM_ITERATOR:
      return "on_sweep";
    default:
      return "unknown";
  }
}

std::string_view event_name(unsigned type) {
  switch (type) {
    case EVENT_REQUEST:
      return "request";
    case EVENT_RESPONSE:
      return "response";
    case EVENT_PROCESS:
      return "process";
    case EVENT_SOCKET:
      return "socket";
    case EVENT_UNSAMPLED:
      return "unsampled";
    case EVENT_KAFKA:
      return "kafka";
    case EVENT_BLOCK:
      return "block";
    case EVENT_RECORD:
      return "record";
    default:
      return "unknown";
  }
}

std::string_view spans_name(unsigned telemetry) {
  switch (telemetry) {
    case TELEMETRY_OTLP:
      return "OTLP";
    case TELEMETRY_OTLP_GRPC:
      return "OTLP by gRPC";
    case TELEMETRY_ZIPKIN:
      return "Zipkin";
    case TELEMETRY_JAEGER:
      return "Jaeger";
    default:
      return "unknown";
  }
}

}  // namespace weft
