// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: HTTP/1.1 framing.
#include <cstdio>
#include <cstdlib>

#include "support/http1_fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static weft::test::Http1Driver driver;
  const std::string wrong = weft::test::check_http1(weft::test::Http1FuzzInput::parse(data, size), driver);
  if (!wrong.empty()) {
    fprintf(stderr, "%s\n", wrong.c_str());
    abort();
  }
  return 0;
}
