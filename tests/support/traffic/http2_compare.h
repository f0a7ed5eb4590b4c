// SPDX-License-Identifier: Apache-2.0
// Compares what an HTTP/2 server receives with what the client sent, frame by frame. The only difference that is
// allowed: fields at the end of a request's header block, before padding, with the frame's length to match; and a
// traceparent that the process was given, written over in place.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "support/traffic/compare.h"
#include "support/traffic/http2_messages.h"

namespace weft::test {

class Http2Comparer {
 public:
  // As StreamComparer.
  Http2Comparer(const Stream& sent, std::string known) : sent_(sent), known_(std::move(known)) {}

  bool feed(std::string_view received);
  bool finish();

  std::size_t requests_done() const { return index_; }
  const Tally& tally() const { return tally_; }
  const std::string& remark() const { return remark_; }
  const std::string& fault() const { return fault_; }

 private:
  bool step();
  bool plain(std::size_t bytes);
  bool block(const Http2Frame& sent, bool last);
  bool fields(std::string_view added);
  bool same_but_context(std::string_view sent, std::string_view received);
  void judge();
  void note(const std::string& what);
  bool differ(const std::string& what);

  const Stream& sent_;
  const std::string known_;
  std::string pending_;
  std::size_t offset_ = 0;
  std::size_t at_ = 0;     // in sent_.bytes
  std::size_t index_ = 0;  // of the request whose block is next
  bool injected_ = false, overwritten_ = false;
  Tally tally_;
  std::string fault_, remark_;
};

}  // namespace weft::test
