// SPDX-License-Identifier: Apache-2.0
// Deterministic randomness: both ends of a connection make the same messages from the same seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

namespace weft::test {

class Random {
 public:
  explicit Random(std::uint64_t seed, std::uint64_t stream = 0)
      : state_((seed * 7919 + stream) * 0x9E3779B97F4A7C15u | 1) {
    for (int i = 0; i < 9; i++) next();
  }

  std::uint64_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_ * 0x2545F4914F6CDD1Du;
  }
  // 0 … n-1; 0 when n is 0.
  std::size_t below(std::size_t n) { return n ? (next() >> 16) % n : 0; }
  std::size_t between(std::size_t low, std::size_t high) { return low + below(high - low + 1); }
  bool one_in(std::size_t n) { return below(n) == 0; }

  void append_bytes(std::string& out, std::size_t n) {
    const std::size_t at = out.size();
    out.resize(at + n);
    for (std::size_t i = 0; i < n; i += 8) {
      const std::uint64_t value = next();
      std::memcpy(out.data() + at + i, &value, n - i < 8 ? n - i : 8);
    }
  }
  void append_letters(std::string& out, std::size_t n) {
    for (std::size_t i = 0; i < n; i++) out.push_back(static_cast<char>('a' + below(26)));
  }
  void append_hex(std::string& out, std::size_t digits) {
    for (std::size_t i = 0; i < digits; i++) out.push_back("0123456789abcdef"[below(16)]);
  }

 private:
  std::uint64_t state_;
};

}  // namespace weft::test
