// SPDX-License-Identifier: Apache-2.0
#include "assemble/unsampled_spans.h"

#include <algorithm>

namespace weft {
namespace {

template <class T>
void append_raw(const T& value, std::string& key) {
  key.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// Everything that may become a label of a metric. The query of a server's request does not.
void make_key(const UnsampledEvent& event, std::string& key) {
  const unsampled_event& fields = event.fields;
  key.clear();
  append_raw(fields.tgid, key);
  append_raw(fields.status, key);
  append_raw(fields.end, key);
  append_raw(fields.role, key);
  append_raw(fields.protocol, key);
  append_raw(fields.facts, key);
  if (fields.role == ROLE_SERVER) {
    key.append(event.text.substr(0, event.text.find('?')));
  } else {
    append_raw(fields.peer_port, key);
    append_raw(fields.peer_address, key);
    key.append(event.text.substr(0, event.text.find(' ')));                             // method
    key.append(event.text.substr(std::min(event.text.find('\n'), event.text.size())));  // Host line
  }
}

}  // namespace

SpanPtr UnsampledSpans::like(const UnsampledEvent& event) {
  make_key(event, key_);
  if (const auto known = known_.find(std::string_view(key_)); known != known_.end()) return known->second;
  if (known_.size() >= kMost) known_.clear();
  return known_.emplace(key_, assembler_.assemble(event)).first->second;
}

}  // namespace weft
