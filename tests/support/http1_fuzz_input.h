// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "support/http1_driver.h"

namespace weft::test {

// A fuzz input: byte 0 = bit 0 responses, bits 1-3 the method they answer, bits 4-7 the number of cuts; then one byte
// for each cut, the bytes from the cut before; the rest is the stream.
struct Http1FuzzInput {
  bool responses = false;
  int request_method = 0;
  std::vector<uint8_t> cuts;
  std::string text;

  static Http1FuzzInput parse(const uint8_t* data, size_t size);
  std::string to_bytes() const;
  std::vector<std::string_view> pieces() const;
};

// Whole, cut, and byte by byte give one result, and the reference gives it too. Empty, or what is wrong.
std::string check_http1(const Http1FuzzInput& input, Http1Driver& driver);

}  // namespace weft::test
