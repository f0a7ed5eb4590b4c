// SPDX-License-Identifier: Apache-2.0
// The receiver's judgement: what arrived is what was sent, plus whole well-formed header lines right before the blank
// line of a request head (each name at most once, none that the application wrote itself), or a parent id written over
// in place. Nothing else is allowed, ever.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "support/traffic/messages.h"

namespace weft::test {

struct Tally {
  std::uint64_t bytes = 0;        // received
  std::uint64_t requests = 0;     // compared to their end
  std::uint64_t eligible = 0;     // without a context of their own
  std::uint64_t injected = 0;     // … that got a traceparent
  std::uint64_t known = 0;        // carrying the context that the process had received
  std::uint64_t overwritten = 0;  // … whose parent id was replaced
  std::uint64_t tracestate_added = 0;
  std::uint64_t baggage_added = 0;
  std::uint64_t own_touched = 0;  // a message with a foreign context of its own was changed
  std::uint64_t duplicates = 0;   // a second header of one name
  std::uint64_t malformed = 0;    // an added line that is not well formed
  std::uint64_t wrong_trace = 0;  // added context is not of the trace that the process was working on
  std::uint64_t differing = 0;    // any other difference; comparing stops there

  std::uint64_t faults() const { return own_touched + duplicates + malformed + wrong_trace + differing; }
  void add(const Tally& other);
};

bool valid_traceparent(std::string_view value);

class StreamComparer {
 public:
  // `known` is the traceparent that the sending process is working on; empty = it starts traces of its own.
  // REQUIRES: sent outlives this.
  StreamComparer(const Stream& sent, std::string known);

  // False at the first difference; nothing more is compared then.
  bool feed(std::string_view received);
  // The peer has closed: everything must have arrived.
  bool finish();

  std::size_t requests_done() const { return index_; }
  const Tally& tally() const { return tally_; }
  // What a counted fault was about, when the bytes went on to match.
  const std::string& remark() const { return remark_; }
  const std::string& fault() const { return fault_; }  // where and what, for a human

 private:
  bool step();  // false: more bytes are needed, or a fault
  bool step_head();
  bool step_body();
  bool added_line(std::string_view line);
  bool replaced_line(std::string_view expected, std::string_view line);
  void judge_request();
  void remark(const Message& message);
  bool differ(const std::string& what);

  const Stream& sent_;
  const std::string known_;
  std::string pending_;  // received and not compared yet, from offset_
  std::size_t offset_ = 0;
  std::size_t scanned_ = 0;  // no line end before this
  std::size_t index_ = 0;    // request being compared
  std::size_t at_ = 0;       // position in sent_.bytes
  int added_context_ = 0, added_state_ = 0, added_baggage_ = 0;
  bool overwritten_ = false;
  Tally tally_;
  std::string fault_, remark_;
};

}  // namespace weft::test
