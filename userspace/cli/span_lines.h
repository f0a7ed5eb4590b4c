// SPDX-License-Identifier: Apache-2.0
// A stream of JSON spans, a line each, onto the screen as it comes.
#pragma once

#include <string>
#include <string_view>

#include "cli/command.h"
#include "cli/terminal.h"
#include "span/span.h"

namespace weft::cli {

class SpanLines {
 public:
  SpanLines(Format format, const Screen& screen) : format_(format), screen_(screen) {}
  // Any piece of the stream; false when the screen takes no more.
  bool take(std::string_view data);
  bool take(const Span& span);  // table format only

 private:
  bool line(std::string_view text);

  const Format format_;
  const Screen screen_;
  std::string rest_;  // of a line that is not complete yet
  bool titled_ = false;
};

}  // namespace weft::cli
