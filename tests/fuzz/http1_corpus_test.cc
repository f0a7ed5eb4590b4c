// SPDX-License-Identifier: Apache-2.0
// Runs the committed corpus (WEFT_CORPUS_DIR) and ten thousand mutations of it through the fuzz target, without a
// fuzzer.
#include "support/http1_corpus.h"

#include <doctest/doctest.h>

namespace weft::test {

TEST_CASE("HTTP/1.1: the corpus gives one result for any split, the reference's") {
  Http1Driver driver;
  const std::vector<Http1FuzzInput> corpus = http1_corpus();
  REQUIRE(corpus.size() >= 40);
  for (const Http1FuzzInput& input : corpus) CHECK(check_http1(input, driver) == "");
}

TEST_CASE("HTTP/1.1: mutations of the corpus do, too") {
  Http1Driver driver;
  int bad = 0, good = 0;
  for (const Http1FuzzInput& input : http1_mutations(10000)) {
    CAPTURE(input.text);
    REQUIRE(check_http1(input, driver) == "");
    ++(driver.run({input.text}, input.responses, input.request_method).outcome == Http1Outcome::kBad ? bad : good);
  }
  CHECK(bad > 1000);
  CHECK(good > 1000);
}

}  // namespace weft::test
