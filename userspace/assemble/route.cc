// SPDX-License-Identifier: Apache-2.0
#include "assemble/route.h"

#include <algorithm>

#include "decode/text.h"

namespace weft {
namespace {

constexpr std::size_t max_segments = 16;     // deeper paths end in "*"
constexpr std::size_t max_word_bytes = 64;   // longer than that is no name a person gave
constexpr std::size_t min_token_bytes = 20;  // with digits in it: a token
constexpr std::size_t min_hex_bytes = 8;

struct Shape {
  std::size_t digits = 0, letters = 0, hex = 0, others = 0;
  bool lower = false, upper = false;
};

Shape shape_of(std::string_view text) {
  Shape shape;
  for (const char c : text) {
    if (is_digit(c))
      shape.digits++;
    else if (is_alpha(c))
      shape.letters++, (c >= 'a' ? shape.lower : shape.upper) = true;
    else
      shape.others++;
    shape.hex += is_hex(c);
  }
  return shape;
}

bool all_digits(std::string_view text) { return !text.empty() && std::all_of(text.begin(), text.end(), is_digit); }

// 8-4-4-4-12
bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); i++) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !is_hex(text[i])) return false;
  }
  return true;
}

// 2024-05-01, alone or followed by a time (T…)
bool is_date(std::string_view text) {
  return text.size() >= 10 && all_digits(text.substr(0, 4)) && text[4] == '-' && all_digits(text.substr(5, 2)) &&
         text[7] == '-' && all_digits(text.substr(8, 2)) && (text.size() == 10 || text[10] == 'T');
}

// order-1234, usr_0042, item:77: a word, a separator, two digits or more
bool is_prefixed_number(std::string_view text) {
  const std::size_t separator = text.find_last_of("-_:");
  return separator != std::string_view::npos && separator > 0 && text.size() - separator > 2 &&
         all_digits(text.substr(separator + 1));
}

bool is_id(std::string_view text) {
  if (all_digits(text) || is_uuid(text) || is_prefixed_number(text)) return true;
  const Shape shape = shape_of(text);
  if (text.size() > 1 && text.front() == '-' && all_digits(text.substr(1))) return true;
  if (text.size() > max_word_bytes) return true;
  if (shape.hex == text.size() && text.size() >= min_hex_bytes && shape.digits > 0) return true;
  if (text.size() >= min_token_bytes && shape.digits >= 2 && (shape.lower && shape.upper)) return true;
  if (text.size() >= min_token_bytes && shape.digits * 4 >= text.size()) return true;
  return shape.digits >= 4 && shape.digits > shape.letters && shape.others == 0;  // 12ab34, x1234; not h264
}

// The part after the last dot when it looks like a file's: one to five letters or digits with a letter first.
std::string_view extension_of(std::string_view text) {
  const std::size_t dot = text.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return {};
  const std::string_view extension = text.substr(dot);
  const bool good =
      extension.size() >= 2 && extension.size() <= 6 && is_alpha(extension[1]) &&
      std::all_of(extension.begin() + 1, extension.end(), [](char c) { return is_digit(c) || is_alpha(c); });
  return good ? extension : std::string_view{};
}

void append_segment(std::string_view segment, std::string& out) {
  segment = segment.substr(0, segment.find(';'));  // matrix parameters name no route
  if (is_date(segment)) {
    out.append("{date}");
    return;
  }
  const bool mail = segment.find('@') != std::string_view::npos;
  const std::string_view extension = mail ? std::string_view{} : extension_of(segment);
  if (mail || is_id(segment.substr(0, segment.size() - extension.size())))
    out.append("{id}").append(extension);
  else
    out.append(segment);
}

}  // namespace

void append_heuristic_route(std::string_view path, std::string& out) {
  if (!path.starts_with('/')) {
    out.append(path.empty() ? "/" : path);
    return;
  }
  for (std::size_t segments = 0; !path.empty(); segments++) {
    path.remove_prefix(1);
    out.push_back('/');
    const std::size_t end = std::min(path.find('/'), path.size());
    if (segments == max_segments) {
      out.push_back('*');
      return;
    }
    append_segment(path.substr(0, end), out);
    path.remove_prefix(end);
  }
}

bool route_pattern_matches(std::string_view pattern, std::string_view path) {
  while (!pattern.empty()) {
    if (pattern == "/**") return true;
    if (path.empty() || pattern.front() != '/' || path.front() != '/') return false;
    pattern.remove_prefix(1);
    path.remove_prefix(1);
    const std::string_view want = pattern.substr(0, pattern.find('/')), have = path.substr(0, path.find('/'));
    const bool any = want == "*" || (want.starts_with('{') && want.ends_with('}'));
    if (any ? have.empty() : want != have) return false;
    pattern.remove_prefix(want.size());
    path.remove_prefix(have.size());
  }
  return path.empty();
}

bool Routes::ignored(std::string_view path) const {
  return std::any_of(options_.ignored.begin(), options_.ignored.end(),
                     [&](const std::string& pattern) { return route_pattern_matches(pattern, path); });
}

std::string_view Routes::route(std::string_view service, std::string_view path, Unknown unknown) {
  for (const std::string& pattern : options_.patterns)
    if (route_pattern_matches(pattern, path)) return pattern;
  if (options_.unmatched == RouteOptions::Unmatched::wildcard) return overflow;
  scratch_.clear();
  if (options_.unmatched == RouteOptions::Unmatched::path)
    scratch_.append(path.empty() ? "/" : path);
  else
    append_heuristic_route(path, scratch_);
  auto routes = known_.find(service);
  if (routes != known_.end() && routes->second.contains(std::string_view(scratch_))) return scratch_;
  if (unknown == Unknown::leave_out) return {};
  const bool room =
      routes == known_.end() ? known_.size() < options_.services : routes->second.size() < options_.routes_per_service;
  if (unknown == Unknown::tell) return room ? std::string_view(scratch_) : overflow;
  if (!room) return overflows_++, overflow;
  if (routes == known_.end()) routes = known_.try_emplace(std::string(service)).first;
  routes->second.insert(scratch_);
  return scratch_;
}

}  // namespace weft
