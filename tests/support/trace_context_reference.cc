// SPDX-License-Identifier: Apache-2.0
#include "support/trace_context_reference.h"

#include <set>

namespace weft::test {
namespace {

std::string trimmed(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::vector<std::string> split(const std::vector<std::string>& lines, char at) {
  std::vector<std::string> parts;
  for (const std::string& line : lines) {
    size_t from = 0;
    for (size_t comma; (comma = line.find(at, from)) != std::string::npos; from = comma + 1)
      parts.push_back(line.substr(from, comma - from));
    parts.push_back(line.substr(from));
  }
  return parts;
}

bool only(const std::string& text, const char* allowed) { return text.find_first_not_of(allowed) == std::string::npos; }

size_t joined_bytes(const std::vector<std::string>& members) {
  size_t bytes = members.empty() ? 0 : members.size() - 1;
  for (const std::string& member : members) bytes += member.size();
  return bytes;
}

std::string joined(const std::vector<std::string>& members) {
  std::string text;
  for (const std::string& member : members) text += (text.empty() ? "" : ",") + member;
  return text;
}

bool tracestate_key_is_valid(const std::string& key) {
  const char* first = "abcdefghijklmnopqrstuvwxyz0123456789";
  const char* rest = "abcdefghijklmnopqrstuvwxyz0123456789_-*/@";
  return !key.empty() && key.size() <= 256 && only(key.substr(0, 1), first) && only(key, rest);
}

bool tracestate_value_is_valid(const std::string& value) {
  if (value.empty() || value.size() > 256 || value.back() == ' ') return false;
  for (const char c : value)
    if (c < 0x20 || c > 0x7e || c == ',' || c == '=') return false;
  return true;
}

}  // namespace

std::optional<ReferenceIds> reference_traceparent(const std::string& value) {
  const std::string text = trimmed(value);
  const char* hex = "0123456789abcdef";
  if (text.size() < 55 || text[2] != '-' || text[35] != '-' || text[52] != '-') return std::nullopt;
  const std::string version = text.substr(0, 2), flags = text.substr(53, 2);
  ReferenceIds ids{.trace_id = text.substr(3, 32), .parent_id = text.substr(36, 16)};
  if (!only(version + ids.trace_id + ids.parent_id + flags, hex) || version == "ff") return std::nullopt;
  if (text.size() > 55 && (version == "00" || text[55] != '-')) return std::nullopt;
  ids.version = std::stoi(version, nullptr, 16);
  ids.flags = std::stoi(flags, nullptr, 16);
  ids.zero_id = only(ids.trace_id, "0") || only(ids.parent_id, "0");
  return ids;
}

std::optional<ReferenceTracestate> reference_tracestate(const std::vector<std::string>& lines,
                                                        std::optional<size_t> ot) {
  std::vector<std::string> members;
  std::set<std::string> keys;
  for (const std::string& part : split(lines, ',')) {
    const std::string member = trimmed(part);
    if (member.empty()) continue;
    const size_t equals = member.find('=');
    if (equals == std::string::npos) return std::nullopt;
    const std::string key = member.substr(0, equals);
    if (!tracestate_key_is_valid(key) || !tracestate_value_is_valid(member.substr(equals + 1))) return std::nullopt;
    if (!keys.insert(key).second) return std::nullopt;
    members.push_back(member);
  }
  if (members.size() > 32) return std::nullopt;
  ReferenceTracestate result;
  if (ot) std::erase_if(members, [](const std::string& member) { return member.starts_with("ot="); });
  const size_t own = ot.value_or(0);
  if (own && members.size() == 32) members.pop_back();
  const auto bytes = [&] {
    return own ? own + (members.empty() ? 0 : 1) + joined_bytes(members) : joined_bytes(members);
  };
  for (size_t i = members.size(); i-- > 0 && bytes() > 512;)
    if (members[i].size() > 128) members.erase(members.begin() + static_cast<long>(i)), result.dropped++;
  while (bytes() > 512) members.pop_back(), result.dropped++;
  result.text = joined(members);
  return result;
}

}  // namespace weft::test
