// SPDX-License-Identifier: Apache-2.0
#include "exporter/text.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/utf8.h"

namespace weft {
namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";

template <class Number>
void append_number(std::string& out, Number number) {
  char buffer[32];
  out.append(buffer, std::to_chars(buffer, buffer + sizeof(buffer), number).ptr);
}

void append_escaped(std::string& out, unsigned char c) {
  static constexpr char digits[] = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\u00";
      out += digits[c >> 4];
      out += digits[c & 15];
  }
}

}  // namespace

void append_json(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const auto c = static_cast<unsigned char>(text[0]);
    const std::size_t length = utf8_sequence(text);
    if (length == 0)
      out += replacement;
    else if (length == 1 && (c < 0x20 || c == 0x7f || c == '"' || c == '\\'))
      append_escaped(out, c);
    else
      out += text.substr(0, length);
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  out += '"';
}

void append_json(std::string& out, std::int64_t number) { append_number(out, number); }
void append_json(std::string& out, std::uint64_t number) { append_number(out, number); }

void append_json(std::string& out, const AttributeValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return append_json(out, std::string_view(*text));
  if (const auto* number = std::get_if<std::int64_t>(&value)) return append_number(out, *number);
  if (const auto* flag = std::get_if<bool>(&value)) {
    out += *flag ? "true" : "false";
    return;
  }
  const double real = std::get<double>(value);
  if (std::isfinite(real))
    append_number(out, real);
  else
    out += "null";
}

}  // namespace weft
