// SPDX-License-Identifier: Apache-2.0
// Baggage that a program forwards over HTTP/2 is judged as any other, and what cannot be changed there is told.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "lifecycle_http2.h"
#include "policy_scene.h"
#include "support/http2/hpack_blocks.h"

namespace weft::test {
namespace {

std::string field(Literal kind, const std::string& name, const std::string& value, bool huffman) {
  Bytes bytes;
  put_literal(bytes, kind, 0, name, value, huffman, huffman);
  return {bytes.begin(), bytes.end()};
}

std::uint64_t unenforced(Scene& scene) {
  std::uint64_t all = 0;
  for (const auto& [key, count] : scene.counters().unenforced) {
    CHECK(key == std::pair<std::string, std::string>("http2", "indexed"));
    all += count;
  }
  return all;
}

TEST_CASE("policy: baggage that is forwarded over HTTP/2 goes out as it is, and counts where it should not have") {
  Scene scene;
  publish(scene, denying("phone"));
  scene.trace();
  Call call(scene);
  call.sends(kPreface);
  call.hears(kSettings);
  REQUIRE(call.asks());
  const std::string context = kContext.substr(13, 55);
  std::uint64_t expected = 0;
  for (const Literal kind : {Literal::without, Literal::never, Literal::indexing})
    for (const bool huffman : {false, true})
      for (const bool denied : {false, true}) {
        CAPTURE(static_cast<int>(kind));
        CAPTURE(huffman);
        CAPTURE(denied);
        const std::string baggage = denied ? "phone=5550100,a=1" : "a=1,b=2";
        const Scene::Taken taken = scene.take("a", get("/in", kContext + "baggage: " + baggage + "\r\n"));
        CHECK(scene.requests().back().baggage == (denied ? "a=1" : baggage));
        const std::string fields =
            field(Literal::without, "traceparent", context, false) + field(kind, "baggage", baggage, huffman);
        std::string wanted = request_on(call.stream += 2, fields);
        const std::string came = call.sends(wanted);
        call.hears(answer_on(call.stream));
        const ReportedRequest request = scene.requests().back();
        CHECK(request.event.injection == INJECTION_OVERWRITTEN);
        wanted.replace(wanted.find(context), context.size(),
                       fmt::format("00-{}-{}-01", request.trace_id, request.span_id));
        CHECK(came == wanted);
        CHECK(((request.event.facts & REQUEST_BAGGAGE_UNENFORCED) != 0) == denied);
        CHECK(unenforced(scene) == (expected += denied));
        CHECK(scene.tell("a", fmt::format("send {}", taken.fd), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") ==
              "sent");
      }
}

}  // namespace
}  // namespace weft::test
