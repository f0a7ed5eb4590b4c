// SPDX-License-Identifier: Apache-2.0
// Contexts in every format: a plain reference, random heads, and a driver that reads one as the kernel does.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "support/trace_context_cases.h"
#include "wire/formats.h"

namespace weft::test {

// What a head says in one format. Ids as hex, parent "" for none; decision '?' when it is the receiver's.
struct ReadContext {
  int result = CONTEXT_ABSENT;
  std::string trace_id, parent_id;
  char decision = '?';
  bool opaque = false;
  bool operator==(const ReadContext&) const = default;
};
std::string to_string(const ReadContext& context);

// Straightforward code by the specifications; `head` is a whole head.
ReadContext reference_context(const std::string& head, context_format format);

std::string request_head(const std::vector<std::string>& lines);
std::string random_head(Random& random);

// The user-space build of the parsers, with the text before a guard page.
class ContextReader {
 public:
  ContextReader() : random_(5), text_(random_) {}
  void scan(const std::string& head);
  ReadContext read(context_format format);
  ReadContext read(const std::string& head, context_format format) { return scan(head), read(format); }
  const GuardedText& text() const { return text_; }
  const carriers& found() const { return carriers_; }

 private:
  Random random_;
  GuardedText text_;
  carriers carriers_{};
  hex_fields fields_{};
};
ReadContext to_context(int result, const traceparent& read);

}  // namespace weft::test
