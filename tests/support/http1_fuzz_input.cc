// SPDX-License-Identifier: Apache-2.0
#include "support/http1_fuzz_input.h"

#include <algorithm>

#include "support/http1_reference.h"

namespace weft::test {
namespace {

constexpr size_t kTextMax = 8192;  // heads longer than the text lose values, where depends on the split

std::string compare(const char* what, const Http1Run& got, const Http1Run& expected) {
  if (got == expected) return "";
  return std::string(what) + ":\n  " + to_string(got) + "\nwhole:\n  " + to_string(expected);
}

}  // namespace

Http1FuzzInput Http1FuzzInput::parse(const uint8_t* data, size_t size) {
  Http1FuzzInput input;
  if (size == 0) return input;
  input.responses = data[0] & 1;
  input.request_method = std::min(data[0] >> 1 & 7, static_cast<int>(HTTP1_METHOD_CONNECT));
  const size_t cuts = std::min<size_t>(data[0] >> 4, size - 1);
  input.cuts.assign(data + 1, data + 1 + cuts);
  input.text.assign(reinterpret_cast<const char*>(data) + 1 + cuts, std::min(size - 1 - cuts, kTextMax));
  return input;
}

std::string Http1FuzzInput::to_bytes() const {
  std::string bytes(1, static_cast<char>((responses ? 1 : 0) | request_method << 1 | cuts.size() << 4));
  bytes.append(cuts.begin(), cuts.end());
  return bytes + text;
}

std::vector<std::string_view> Http1FuzzInput::pieces() const {
  std::vector<std::string_view> pieces;
  std::string_view rest = text;
  for (const uint8_t cut : cuts) {
    pieces.push_back(rest.substr(0, cut));
    rest.remove_prefix(std::min<size_t>(cut, rest.size()));
  }
  pieces.push_back(rest);
  return pieces;
}

std::string check_http1(const Http1FuzzInput& input, Http1Driver& driver) {
  const auto run = [&](const std::vector<std::string_view>& pieces) {
    return driver.run(pieces, input.responses, input.request_method);
  };
  const Http1Run whole = run({input.text});
  std::string wrong = compare("cut", run(input.pieces()), whole);
  if (!wrong.empty()) return wrong;
  std::vector<std::string_view> bytes;
  for (size_t at = 0; at < input.text.size(); at++) bytes.push_back(std::string_view(input.text).substr(at, 1));
  wrong = compare("byte by byte", run(bytes), whole);
  if (!wrong.empty()) return wrong;

  Http1Run expected = reference_http1(input.text, input.responses, input.request_method);
  if (whole.outcome == Http1Outcome::kBad && expected.outcome == Http1Outcome::kInside &&
      !reference_http1_can_continue(input.text, input.responses, input.request_method))
    expected.outcome = Http1Outcome::kBad;  // found early: no way to end this message makes it good
  return compare("reference", expected, whole);
}

}  // namespace weft::test
