// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <string_view>
#include <vector>

#include "support/guarded_buffer.h"
#include "support/http1_run.h"
#include "wire/http1.h"

namespace weft::test {

// One build of http1_scan.
using Http1Scan = std::function<__u32(http1& state, head_text* text, __u32 from, __u32 to)>;

// The user-space build.
__u32 scan_here(http1& state, head_text* text, __u32 from, __u32 to);

// Drives the incremental parser over pieces of a stream, as the owner of a connection does. For every scan the text
// lies anew so that its slack ends at a guard page. Aborts when the parser breaks its own rules about consumption.
class Http1Driver {
 public:
  explicit Http1Driver(Http1Scan scan = scan_here) : scan_(std::move(scan)), memory_(sizeof(head_text)) {}
  Http1Run run(const std::vector<std::string_view>& pieces, bool responses, int request_method);

 private:
  void feed(std::string_view piece);
  void event(__u32 event);
  head_text* place(std::string_view bytes);
  std::string value(text_range range) const;

  Http1Scan scan_;
  GuardedBuffer memory_;
  head_text* text_ = nullptr;
  size_t placed_ = 0;   // scans so far; picks what lies behind the text
  std::string window_;  // bytes of the text so far
  http1 state_{};
  int request_method_ = 0;
  bool bad_ = false;
  Http1Run run_;
};

// Every way to cut a text in two, the whole and single bytes: f(pieces).
void each_split(std::string_view text, const std::function<void(const std::vector<std::string_view>&)>& f);

}  // namespace weft::test
