// SPDX-License-Identifier: Apache-2.0
// HTTP/2 frames for tests, and a driver that feeds the tracker of bpf/wire/http2.h as the kernel does: in pieces.
#pragma once

#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "support/http2/hpack_oracle.h"
#include "wire/http2.h"

namespace weft::test {

inline constexpr std::string_view http2_preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

inline void put_frame(Bytes& out, unsigned type, unsigned flags, std::uint32_t stream, const Bytes& payload) {
  const auto length = payload.size();
  for (const int shift : {16, 8, 0}) out.push_back(static_cast<std::uint8_t>(length >> shift));
  out.push_back(static_cast<std::uint8_t>(type));
  out.push_back(static_cast<std::uint8_t>(flags));
  for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<std::uint8_t>(stream >> shift));
  out.insert(out.end(), payload.begin(), payload.end());
}

// What the tracker says of a stream of bytes.
struct FrameRun {
  std::vector<std::string> events;  // "block 3 <hex>", "ended 3", "reset 3 8", "goaway 7", "setting 6 100", "data 3 n"
  bool bad = false;
  bool operator==(const FrameRun&) const = default;
};

class FrameDriver {
 public:
  explicit FrameDriver(bool preface) { http2_begin(&state_, preface); }

  void feed(std::span<const std::uint8_t> bytes) {
    while (!bytes.empty() && !run_.bad) step(bytes);
  }
  const FrameRun& result() {
    flush_data();
    return run_;
  }
  const http2& state() const { return state_; }

 private:
  void step(std::span<const std::uint8_t>& bytes) {
    const std::size_t rest = bytes.size();
    std::size_t n = 0;
    int event = HTTP2_MORE;
    if (const __u32 wanted = http2_small_wanted(&state_)) {
      std::uint8_t small[HTTP2_PREFACE_BYTES] = {};
      std::memcpy(small, state_.small, state_.have);
      n = std::min<std::size_t>(rest, wanted - state_.have);
      std::memcpy(small + state_.have, bytes.data(), n);
      if (state_.have + n == wanted) {
        event = http2_small(&state_, small);
      } else {
        std::memcpy(state_.small, small, sizeof small);
        state_.have = static_cast<__u8>(state_.have + n);
        if (state_.state == HTTP2_BETWEEN) state_.state = HTTP2_FRAME;
      }
    } else if (state_.state == HTTP2_FRAGMENT) {
      n = std::min<std::size_t>(rest, http2_fragment_left(&state_));
      if (state_.block_bytes == 0) block_.clear();
      block_.insert(block_.end(), bytes.begin(), bytes.begin() + static_cast<long>(n));
      event = http2_fragment_took(&state_, static_cast<__u32>(n));
    } else if (state_.state == HTTP2_DATA) {
      n = std::min<std::size_t>(rest, http2_data_left(&state_));
      if (data_stream_ != state_.stream) flush_data();
      data_stream_ = state_.stream;
      data_ += n;
      event = http2_data_took(&state_, static_cast<__u32>(n));
    } else {
      n = std::min<std::size_t>(rest, state_.left);
      event = http2_skipped(&state_, static_cast<__u32>(n));
    }
    bytes = bytes.subspan(n);
    note(event);
  }
  void flush_data() {
    if (data_) run_.events.push_back("data " + std::to_string(data_stream_) + " " + std::to_string(data_));
    data_ = 0;
  }
  void note(int event) {
    const std::string stream = std::to_string(state_.stream);
    if (event == HTTP2_MORE || event == HTTP2_PAYLOAD) return;
    flush_data();
    if (event == HTTP2_BAD) run_.bad = true;
    if (event == HTTP2_BLOCK)
      run_.events.push_back("block " + stream + " " + std::string(block_.begin(), block_.end()));
    if (event == HTTP2_BLOCK) block_.clear();
    if (event == HTTP2_ENDED) run_.events.push_back("ended " + stream);
    if (event == HTTP2_RESET) run_.events.push_back("reset " + stream + " " + std::to_string(state_.value));
    if (event == HTTP2_GOAWAY) run_.events.push_back("goaway " + std::to_string(state_.value));
    if (event == HTTP2_SETTING)
      run_.events.push_back("setting " + std::to_string(state_.setting) + " " + std::to_string(state_.value));
  }

  http2 state_{};
  FrameRun run_;
  std::vector<std::uint8_t> block_;
  std::uint32_t data_stream_ = 0;
  std::size_t data_ = 0;
};

}  // namespace weft::test
