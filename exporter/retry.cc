// SPDX-License-Identifier: Apache-2.0
#include "exporter/retry.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <string>

namespace weft {
namespace {

constexpr std::uint64_t longest_s = 24 * 3600;

std::optional<int> month_number(std::string_view name) {
  static constexpr std::array<std::string_view, 12> names{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<int>(found - names.begin());
}

// Two digits mean the year within the last fifty or the next (RFC 9110 5.6.7).
int full_year(int year, std::uint64_t now_s) {
  if (year >= 100) return year;
  const std::time_t now = static_cast<std::time_t>(now_s);
  std::tm today{};
  gmtime_r(&now, &today);
  const int this_year = today.tm_year + 1900;
  const int candidate = this_year / 100 * 100 + year;
  return candidate > this_year + 50 ? candidate - 100 : candidate;
}

std::optional<std::uint64_t> parse_http_date(const std::string& text, std::uint64_t now_s) {
  std::tm time{};
  char month[4] = {};
  int year = 0;
  const bool parsed = std::sscanf(text.c_str(), "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT", &time.tm_mday, month,
                                  &year, &time.tm_hour, &time.tm_min, &time.tm_sec) == 6 ||
                      std::sscanf(text.c_str(), "%*9[A-Za-z], %2d-%3[A-Za-z]-%2d %2d:%2d:%2d GMT", &time.tm_mday, month,
                                  &year, &time.tm_hour, &time.tm_min, &time.tm_sec) == 6 ||
                      std::sscanf(text.c_str(), "%*3[A-Za-z] %3[A-Za-z] %2d %2d:%2d:%2d %4d", month, &time.tm_mday,
                                  &time.tm_hour, &time.tm_min, &time.tm_sec, &year) == 6;
  const auto number = month_number(month);
  if (!parsed || !number || year < 0) return std::nullopt;
  time.tm_mon = *number;
  time.tm_year = full_year(year, now_s) - 1900;
  const std::time_t seconds = timegm(&time);
  if (seconds < 0) return std::nullopt;
  return static_cast<std::uint64_t>(seconds);
}

}  // namespace

std::chrono::nanoseconds backoff(const RetryOptions& options, unsigned attempt, double random) {
  const unsigned doublings = std::min(attempt == 0 ? 0u : attempt - 1, 20u);
  const auto whole = std::min<std::chrono::nanoseconds>(options.initial * (1LL << doublings), options.max);
  const double half = static_cast<double>(whole.count()) / 2;
  return std::chrono::nanoseconds(static_cast<std::int64_t>(half + half * random));
}

std::chrono::nanoseconds retry_after_pause(const RetryOptions& options, std::chrono::milliseconds retry_after,
                                           double random) {
  const std::chrono::nanoseconds pause = std::min(retry_after, options.max_retry_after);
  return pause + std::chrono::nanoseconds(static_cast<std::int64_t>(static_cast<double>(pause.count()) / 10 * random));
}

std::optional<std::chrono::milliseconds> parse_retry_after(std::string_view value, std::uint64_t now_unix_ns) {
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
  if (value.empty() || value.size() > 64) return std::nullopt;
  if (std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    std::uint64_t seconds = 0;
    for (const char digit : value) seconds = std::min(seconds * 10 + static_cast<unsigned>(digit - '0'), longest_s);
    return std::chrono::seconds(seconds);
  }
  const std::uint64_t now_s = now_unix_ns / 1'000'000'000;
  const auto date_s = parse_http_date(std::string(value), now_s);
  if (!date_s) return std::nullopt;
  return std::chrono::seconds(*date_s > now_s ? std::min(*date_s - now_s, longest_s) : 0);
}

}  // namespace weft
