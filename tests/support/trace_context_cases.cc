// SPDX-License-Identifier: Apache-2.0
#include "support/trace_context_cases.h"

#include <algorithm>
#include <cstring>

#include "wire/ot_member.h"

namespace weft::test {
namespace {

size_t below(Random& random, size_t n) { return random() % n; }
bool one_in(Random& random, size_t n) { return below(random, n) == 0; }

std::string random_text(Random& random, size_t length, const std::string& alphabet) {
  std::string text;
  while (text.size() < length) text += alphabet[below(random, alphabet.size())];
  return text;
}

std::string random_spaces(Random& random) {
  static const std::vector<std::string> spaces = {"", "", "", "", " ", " ", "\t", "  ", " \t", "           "};
  return spaces[below(random, spaces.size())];
}

void spoil(Random& random, std::string& text) {
  static const std::string odd("\0\t\x1f\x7f\x80\xff ,,==;;@AZ~gG`/:{%", 25);
  if (text.empty()) return;
  const size_t at = below(random, text.size());
  switch (below(random, 4)) {
    case 0:
      text.erase(at, 1);
      break;
    case 1:
      text.insert(at, 1, odd[below(random, odd.size())]);
      break;
    case 2:
      text[at] = odd[below(random, odd.size())];
      break;
    default:
      text[at] = static_cast<char>(random());
  }
}

// Mostly short; at times around one of the limits.
size_t random_length(Random& random, std::vector<size_t> limits) {
  if (!one_in(random, 6)) return 1 + below(random, 24);
  return limits[below(random, limits.size())] + below(random, 3) - 1;
}

// Members over one to ten lines, as proxies that add lines do; some lines are empty.
std::vector<std::string> random_lines(Random& random, const std::vector<std::string>& members) {
  std::vector<std::string> lines(1 + (one_in(random, 3) ? below(random, 8) : 0));
  if (one_in(random, 50)) lines.resize(9 + below(random, 2));
  size_t line = 0;
  bool first = true;
  for (const std::string& member : members) {
    if (line + 1 < lines.size() && one_in(random, 3)) line++, first = true;
    if (!first) lines[line] += ',';
    lines[line] += random_spaces(random) + member + random_spaces(random);
    if (one_in(random, 12)) lines[line] += ", ,";
    first = false;
  }
  return lines;
}

// What fits a head, so that every case is one that a parser can meet.
std::vector<std::string> bounded(std::vector<std::string> lines) {
  size_t left = HEAD_TEXT_CAP - 200;
  for (std::string& line : lines) {
    line.resize(std::min(line.size(), left));
    left -= line.size();
  }
  return lines;
}

}  // namespace

std::string random_traceparent(Random& random) {
  const std::string hex = "0123456789abcdef";
  const std::string version = one_in(random, 4) ? random_text(random, 2, "0f1c") : "00";
  std::string text = version + '-' + random_text(random, 32, one_in(random, 8) ? "0" : hex) + '-' +
                     random_text(random, 16, one_in(random, 8) ? "0" : hex) + '-' + random_text(random, 2, hex);
  if (one_in(random, 5)) text += one_in(random, 2) ? "-extra" : random_text(random, 1 + below(random, 3), "-0x ");
  if (one_in(random, 3)) spoil(random, text);
  return random_spaces(random) + text + random_spaces(random);
}

// A valid list around the limit on its length.
static std::vector<std::string> long_tracestate(Random& random) {
  std::vector<std::string> members(2 + below(random, 12));
  for (size_t i = 0; i < members.size(); i++)
    members[i] = "k" + std::to_string(i) + "=" + random_text(random, 10 + below(random, 150), "abcXYZ019!+-");
  return random_lines(random, members);
}

std::vector<std::string> random_tracestate(Random& random) {
  if (one_in(random, 5)) return long_tracestate(random);
  const std::string key_bytes = "abcxyz0189_-*/@", value_bytes = "abcXYZ019 !+-<>~;:[]";
  std::vector<std::string> members(one_in(random, 8) ? 30 + below(random, 5) : 1 + below(random, 6));
  for (size_t i = 0; i < members.size(); i++) {
    std::string key = random_text(random, random_length(random, {256, 128, 9}), key_bytes);
    if (!one_in(random, 40)) key = std::string(1, static_cast<char>('a' + below(random, 26))) + key;
    if (!one_in(random, 20)) key += std::to_string(i);
    if (one_in(random, 12)) key = "ot";
    std::string value = random_text(random, random_length(random, {256, 120, 500}), value_bytes);
    if (!one_in(random, 40)) value += 'v';
    if (one_in(random, 2) && key.size() > 200) key.resize(8);
    members[i] = key + '=' + value;
    if (one_in(random, 60)) spoil(random, members[i]);
    if (i > 0 && one_in(random, 60)) members[i] = members[below(random, i)];
  }
  return bounded(random_lines(random, members));
}

std::optional<size_t> random_ot(Random& random) {
  if (one_in(random, 2)) return std::nullopt;
  return one_in(random, 3) ? 0 : 7 + below(random, OT_MEMBER_MAX - 6);
}

std::vector<std::string> random_baggage(Random& random) {
  const std::string value_bytes = "abcXYZ019=-_.~ ";
  const size_t some = one_in(random, 6) ? 60 + below(random, 8) : 1 + below(random, 12);
  std::vector<std::string> members(some);
  for (std::string& member : members) {
    const size_t length = one_in(random, 30) ? 1000 + below(random, 7400) : random_length(random, {100, 400});
    member = random_text(random, below(random, 12), "key._-") + (one_in(random, 15) ? "" : "=") +
             random_text(random, length, value_bytes);
    if (one_in(random, 20)) spoil(random, member);
  }
  return bounded(random_lines(random, members));
}

void GuardedText::place(const std::vector<std::string>& lines) {
  std::string all;
  lines_ = {};
  for (const std::string& line : lines) {
    for (size_t gap = below(random_, 4); gap > 0; gap--) all += static_cast<char>(random_());
    const text_range range{static_cast<__u16>(all.size()), static_cast<__u16>(all.size() + line.size())};
    all += line;
    if (lines_.count < TEXT_LINES_MAX)
      lines_.line[lines_.count++] = range;
    else
      lines_.more++;
  }
  place_whole(all);
}

void GuardedText::place_whole(const std::string& text) {
  std::string all = text;
  for (size_t i = 0; i < HEAD_TEXT_SLACK; i++) all += one_in(random_, 3) ? ',' : static_cast<char>(random_());
  text_ = reinterpret_cast<head_text*>(memory_.end() - all.size());
  memcpy(text_, all.data(), all.size());
}

std::string GuardedText::bytes() const {
  const auto* from = reinterpret_cast<const uint8_t*>(text_);
  auto* end = const_cast<GuardedBuffer&>(memory_).end();
  return {reinterpret_cast<const char*>(from), static_cast<size_t>(end - from)};
}

}  // namespace weft::test
