// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "base/utf8.h"

using namespace weft;
using namespace std::string_view_literals;

TEST_CASE("utf-8: what is valid stays, what is not is replaced byte by byte") {
  const std::string r = "\xEF\xBF\xBD";
  struct Row {
    std::string_view text;
    std::string replaced, line;
  };
  const Row rows[] = {
      {"plain text of some length", "plain text of some length", "plain text of some length"},
      {"ünï 漢 \xf0\x9f\x98\x80", "ünï 漢 \xf0\x9f\x98\x80", "ünï 漢 \xf0\x9f\x98\x80"},
      {"a\xff!", "a" + r + "!", "a?!"},
      {"\x80", r, "?"},
      {"\xc0\x80", r + r, "??"},                    // overlong
      {"\xe0\x9f\xbf", r + r + r, "???"},           // overlong
      {"\xf0\x8f\xbf\xbf", r + r + r + r, "????"},  // overlong
      {"\xed\xa0\x80", r + r + r, "???"},           // surrogate
      {"\xf4\x90\x80\x80", r + r + r + r, "????"},  // above U+10FFFF
      {"\xf5\x80\x80\x80", r + r + r + r, "????"},
      {"12345678\xe2\x82", "12345678" + r + r, "12345678??"},  // cut
      {"a\0b"sv, "a" + r + "b", "a?b"},
      {"12345678\0"sv, "12345678" + r, "12345678?"},
      {"a\nb\x1b[0m\x7f", "a\nb\x1b[0m\x7f", "a?b?[0m?"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    CHECK(to_utf8(row.text) == row.replaced);
    std::string room = "before";
    CHECK(as_utf8(row.text, room) == row.replaced);
    CHECK(to_utf8_line(row.text) == row.line);
    const bool has_nul = row.text.find('\0') != row.text.npos;
    CHECK(is_utf8(row.text) == (row.text == row.replaced || has_nul));
  }
}

TEST_CASE("utf-8: exactly the code points there are") {
  const auto encoded = [](unsigned code, unsigned bytes) {
    std::string text;
    const unsigned lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (unsigned i = 0; i < bytes; i++) {
      const unsigned bits = code >> (6 * (bytes - 1 - i));
      text.push_back(static_cast<char>(i == 0 ? lead[bytes] | bits : 0x80 | (bits & 0x3f)));
    }
    return text;
  };
  unsigned wrong = 0;
  for (unsigned bytes = 2; bytes <= 4; bytes++) {
    const unsigned end = bytes == 2 ? 0x800 : bytes == 3 ? 0x10000 : 0x200000;
    const unsigned least = bytes == 2 ? 0x80 : bytes == 3 ? 0x800 : 0x10000;
    for (unsigned code = 0; code < end; code++) {
      const bool valid = code >= least && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
      const std::string text = encoded(code, bytes);
      wrong += utf8_sequence(text) != (valid ? bytes : 0);
      wrong += valid && utf8_sequence(std::string_view(text).substr(0, bytes - 1)) != 0;
    }
  }
  CHECK(wrong == 0);
  CHECK(utf8_sequence("") == 0);
  CHECK(utf8_sequence("\0"sv) == 1);
}
