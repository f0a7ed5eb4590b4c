// SPDX-License-Identifier: Apache-2.0
// Recorded event streams give exactly the spans that stand beside them. WEFT_GOLDEN_WRITE=1 writes the files anew; look
// at the difference before committing it.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "assemble/replay.h"
#include "exporter/console/span_json.h"
#include "golden/streams.h"

using namespace weft;
using namespace weft::testing;

namespace {

std::string path_of(const std::string& file) { return std::string(WEFT_GOLDEN_DATA) + "/" + file; }

std::string content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  REQUIRE_MESSAGE(in.good(), path);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write(const std::string& path, std::string_view text) { std::ofstream(path, std::ios::binary) << text; }

// One line a span; what is for metrics only is marked as such.
std::string spans_of(const std::string& recording) {
  std::string lines;
  const auto result = replay_file(recording, {}, [&](Assembled assembled) {
    lines += (assembled.record ? "" : "metrics only: ") + span_json(*assembled.span) + "\n";
  });
  REQUIRE_MESSAGE(result, recording);
  const PipelineCounters& c = result->counters;
  lines += "refused " + std::to_string(c.decode.refused_total()) + ", lone responses " +
           std::to_string(c.exchanges.lone_responses) + ", flushed " + std::to_string(c.exchanges.flushed) + "\n";
  return lines;
}

}  // namespace

TEST_CASE("golden: recorded streams give exactly these spans") {
  const bool rewrite = std::getenv("WEFT_GOLDEN_WRITE") != nullptr;
  for (const GoldenStream& stream : golden_streams()) {
    CAPTURE(stream.name);
    const std::string recording = path_of(stream.name + ".weftrec"), spans = path_of(stream.name + ".jsonl");
    const std::string_view bytes(reinterpret_cast<const char*>(stream.recording.data()), stream.recording.size());
    if (rewrite) {
      write(recording, bytes);
      write(spans, spans_of(recording));
    }
    CHECK(content_of(recording) == bytes);  // the recorder still writes what it wrote
    CHECK(spans_of(recording) == content_of(spans));
    CHECK(bytes.find("s3cret") == std::string_view::npos);
    CHECK(content_of(spans).find("s3cret") == std::string::npos);
  }
  CHECK_FALSE(rewrite);  // writing is not passing
}
