// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: contexts in every format, against the reference.
#include <cstdio>
#include <cstdlib>

#include "support/context_cases.h"

namespace {

// More white space around a value than is read: it is malformed then (wire/carriers.h), which the reference does not
// know.
bool spaced_out(const std::string& value) {
  const size_t first = value.find_first_not_of(" \t"), last = value.find_last_not_of(" \t");
  return first == std::string::npos ? value.size() > 8 : first > 16 || value.size() - 1 - last > 8;
}

// The input as header lines of a head that the framing accepts.
std::string as_head(const uint8_t* data, size_t size) {
  std::vector<std::string> lines(1);
  for (size_t i = 0; i < size; i++) {
    const char c = static_cast<char>(data[i]);
    if (c == '\n' && !lines.back().empty())
      lines.emplace_back();
    else if (static_cast<unsigned char>(c) >= 0x20 || c == '\t')
      lines.back() += c;
  }
  std::erase_if(lines, [](const std::string& line) {
    const size_t colon = line.find(':');
    if (colon == 0 || colon == std::string::npos || spaced_out(line.substr(colon + 1))) return true;
    for (const char c : line.substr(0, colon))
      if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f) return true;
    return false;
  });
  return weft::test::request_head(lines);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weft::test;
  static ContextReader reader;
  const std::string head = as_head(data, size < 4096 ? size : 4096);
  reader.scan(head);
  for (int format = 0; format < FORMAT_IDS; format++) {
    const auto which = static_cast<context_format>(format);
    if (reader.found().more) return 0;
    const ReadContext got = reader.read(which), expected = reference_context(head, which);
    if (got == expected) continue;
    std::fprintf(stderr, "format %d: %s instead of %s in\n%s", format, to_string(got).c_str(),
                 to_string(expected).c_str(), head.c_str());
    std::abort();
  }
  return 0;
}
