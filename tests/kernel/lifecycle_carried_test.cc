// SPDX-License-Identifier: Apache-2.0
// What requests over HTTP/2 carry by themselves, whose it is, and what becomes of it in every form that HPACK has.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "lifecycle_http2.h"
#include "lifecycle_scene.h"
#include "support/http2/hpack_blocks.h"

namespace weft::test {
namespace {

const std::string kTrace = "0af7651916cd43dd8448eb211c80319c", kSpan = "b7ad6b7169203331";
const std::string kValue = fmt::format("00-{}-{}-01", kTrace, kSpan);
const std::string kOther = "00-11111111111111111111111111111111-2222222222222222-01";
const std::string kForeign = fmt::format("00-{}-2222222222222222-01", kTrace);  // another parent in the same trace
const std::string kDone = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

std::string field(Literal kind, const std::string& name, const std::string& value, bool huffman = false) {
  Bytes bytes;
  put_literal(bytes, kind, 0, name, value, huffman, huffman);
  return {bytes.begin(), bytes.end()};
}
// The last entry of the request before, as a name and as a whole: this one's authority has become an entry since.
const std::string kNameBefore = "\x0f\x30", kFieldBefore = "\xbf";

// A program that serves requests by HTTP/1.1 and calls by HTTP/2, on a connection that has had a call.
struct Front {
  explicit Front(const KernelOptions& options = {}) : scene(options), call(traced(scene)) {
    call.sends(kPreface);
    call.hears(kSettings);
    call.asks();
    REQUIRE(scene.requests().back().event.injection == INJECTION_DONE);
  }
  static Scene& traced(Scene& scene) {
    scene.trace();
    return scene;
  }
  Scene::Taken serves(const std::string& who, const std::string& target, const std::string& lines) {
    return scene.take(who, get(target, lines));
  }
  void answers(const std::string& who, const Scene::Taken& taken) {
    CHECK(scene.tell(who, fmt::format("send {}", taken.fd), kDone) == "sent");
  }
  struct Sent {
    std::string bytes, came;
    ReportedRequest request;
    bool untouched() const { return came == bytes; }
  };
  Sent sends(const std::string& fields) {
    Sent sent;
    sent.bytes = request_on(call.stream += 2, fields);
    sent.came = call.sends(sent.bytes);
    call.hears(answer_on(call.stream));
    sent.request = scene.requests().back();
    CHECK(sent.request.event.stream == static_cast<__u32>(call.stream));
    return sent;
  }

  Scene scene;
  Call call;
};

struct Form {
  const char* name;
  std::string before, fields;  // in the request before, and in this one
  bool raw;                    // so that it can be written over
  bool read = true;            // by the kernel, and so known to be whose it is
};

std::vector<Form> forms(const std::string& value) {
  using enum Literal;
  const std::string indexed = field(indexing, "traceparent", value);
  return {{"without indexing", "", field(without, "traceparent", value), true},
          {"never indexed", "", field(never, "traceparent", value), true},
          {"put into the table", "", indexed, false},
          {"name from the table", indexed, kNameBefore + field(without, "", value).substr(2), true},
          {"in Huffman code", "", field(without, "traceparent", value, true), false},
          {"in Huffman code, put into the table", "", field(indexing, "traceparent", value, true), false},
          {"from the table", indexed, kFieldBefore, false, false}};
}

TEST_CASE("HTTP/2: a context that is forwarded is written over where that changes no table") {
  Front front;
  for (const Form& form : forms(kValue)) {
    CAPTURE(std::string(form.name));
    const Scene::Taken taken = front.serves("a", fmt::format("/{}", form.name), "traceparent: " + kValue + "\r\n");
    const ReportedRequest server = front.scene.requests().back();
    if (!form.before.empty()) front.sends(form.before);
    const Front::Sent sent = front.sends(form.fields);
    if (form.read) {
      CHECK(sent.request.event.attribution == ATTRIBUTION_CARRIED);
      CHECK(sent.request.trace_id == kTrace);
      CHECK(sent.request.parent_span_id == server.span_id);
    }
    if (form.raw) {
      CHECK(sent.request.event.injection == INJECTION_OVERWRITTEN);
      std::string wanted = sent.bytes;
      wanted.replace(wanted.find(kValue), kValue.size(), fmt::format("00-{}-{}-01", kTrace, sent.request.span_id));
      CHECK(sent.came == wanted);
    } else {
      CHECK(sent.request.event.injection == INJECTION_INDEXED);
      CHECK(sent.untouched());
    }
    front.answers("a", taken);
  }
  CHECK(front.call.asks());  // the tables are in step, and it is an orphan again
  CHECK(errors(front.scene) == "");
}

TEST_CASE("HTTP/2: any other context is the application's own, in every form") {
  Front front;
  const Scene::Taken taken = front.serves("a", "/in", "traceparent: " + kValue + "\r\n");
  for (const Form& form : forms(kOther)) {
    CAPTURE(std::string(form.name));
    if (!form.before.empty()) front.sends(form.before);
    const Front::Sent sent = front.sends(form.fields);
    CHECK(sent.untouched());
    CHECK(sent.request.event.injection == (form.read ? INJECTION_OWN_HEADER : INJECTION_INDEXED));
    CHECK(sent.request.event.attribution == ATTRIBUTION_NONE);
  }
  for (const Form& form : forms(kForeign)) {
    CAPTURE(std::string(form.name));
    if (!form.before.empty()) front.sends(form.before);
    const Front::Sent sent = front.sends(form.fields);
    CHECK(sent.untouched());
    CHECK(sent.request.event.injection == (form.read ? INJECTION_INSTRUMENTED : INJECTION_INDEXED));
    CHECK(((sent.request.event.facts & REQUEST_FOREIGN_PARENT) != 0) == form.read);
    CHECK(sent.request.event.attribution == ATTRIBUTION_NONE);
  }
  front.answers("a", taken);
  CHECK(errors(front.scene) == "");
}

TEST_CASE("HTTP/2: a context of two live requests is nobody's, one of none is nobody's either") {
  Front front;
  const std::string lines = "traceparent: " + kValue + "\r\n";
  const Scene::Taken one = front.serves("a", "/one", lines), other = front.serves("b", "/other", lines);
  const std::string fields = field(Literal::without, "traceparent", kValue);
  const Front::Sent both = front.sends(fields);
  CHECK(both.untouched());
  CHECK(both.request.event.injection == INJECTION_AMBIGUOUS);
  CHECK(both.request.event.attribution == ATTRIBUTION_NONE);
  front.answers("b", other);
  CHECK(front.sends(fields).request.event.injection == INJECTION_OVERWRITTEN);
  front.answers("a", one);
  const Front::Sent none = front.sends(fields);
  CHECK(none.untouched());
  CHECK(none.request.event.injection == INJECTION_OWN_HEADER);
}

TEST_CASE("HTTP/2: a context that is too new, doubled or none at all") {
  Front front;
  const std::string newer = fmt::format("01-{}-{}-01", kTrace, kSpan);
  const auto one = [&](const std::string& value) { return field(Literal::without, "traceparent", value); };
  const Scene::Taken same_length = front.serves("a", "/same", "traceparent: " + newer + "\r\n");
  const Front::Sent over = front.sends(one(newer));
  CHECK(over.request.event.injection == INJECTION_OVERWRITTEN);
  CHECK(over.came.find(fmt::format("00-{}-{}-01", kTrace, over.request.span_id)) != std::string::npos);
  front.answers("a", same_length);
  // What is longer cannot be padded: a field's length stands before it.
  const Scene::Taken longer = front.serves("a", "/longer", "traceparent: " + newer + "-more\r\n");
  const Front::Sent left = front.sends(one(newer + "-more"));
  CHECK(left.untouched());
  CHECK(left.request.event.injection == INJECTION_INDEXED);
  CHECK(left.request.event.attribution == ATTRIBUTION_CARRIED);
  for (const std::string& fields : {one(kValue) + one(kValue), one(kOther) + one(kValue), one("garbage"), one("")}) {
    CAPTURE(fields);
    const Front::Sent sent = front.sends(fields);
    CHECK(sent.untouched());
    CHECK(sent.request.event.injection == INJECTION_INVALID_CARRIED);
    CHECK(sent.request.event.attribution == ATTRIBUTION_NONE);
  }
  front.answers("a", longer);
}

TEST_CASE("HTTP/2: beside a header of another format what is written here is added") {
  Front front;
  const std::string fields = field(Literal::indexing, "x-trace-id", kTrace) + field(Literal::without, "b3", "0");
  for (int i = 0; i < 2; i++) {
    const Front::Sent sent = front.sends(fields);
    CHECK(sent.request.event.injection == INJECTION_DONE);
    const std::string added =
        field(Literal::without, "traceparent", fmt::format("00-{}-{}-03", sent.request.trace_id, sent.request.span_id));
    CHECK(sent.came == request_on(front.call.stream, fields + added));
  }
  const Scene::Taken taken = front.serves("a", "/in", "traceparent: " + kValue + "\r\n");
  const Front::Sent nobodys = front.sends(fields);
  CHECK(nobodys.untouched());  // whose it is is not known
  CHECK(nobodys.request.event.injection == INJECTION_NO_TASK);
  front.answers("a", taken);
}

TEST_CASE("HTTP/2: B3 is written in lower case, and one that is there stays as it is") {
  using enum Literal;
  Front front({.propagation = {.inject = {ContextFormat::b3, ContextFormat::b3multi}}});
  const Front::Sent sent = front.sends("");
  const std::string added = field(without, "b3", sent.request.trace_id + "-" + sent.request.span_id + "-1") +
                            field(without, "x-b3-traceid", sent.request.trace_id) +
                            field(without, "x-b3-spanid", sent.request.span_id) + field(without, "x-b3-sampled", "1");
  CHECK(sent.came == request_on(front.call.stream, added));

  const std::string value = kTrace + "-" + kSpan + "-1", other = kOther.substr(3, 49) + "-1";
  const Scene::Taken taken = front.serves("a", "/in", "b3: " + value + "\r\n");
  const ReportedRequest server = front.scene.requests().back();
  CHECK(server.trace_id == kTrace);
  for (const Literal kind : {without, never, indexing}) {
    CAPTURE(static_cast<int>(kind));
    const Front::Sent forwarded = front.sends(field(kind, "b3", value));
    CHECK(forwarded.untouched());
    CHECK(forwarded.request.event.injection == INJECTION_INDEXED);
    CHECK(forwarded.request.event.attribution == ATTRIBUTION_CARRIED);
    CHECK(forwarded.request.parent_span_id == server.span_id);
    const Front::Sent own = front.sends(field(kind, "b3", other));
    CHECK(own.untouched());
    CHECK(own.request.event.injection == INJECTION_OWN_HEADER);
    CHECK(own.request.event.attribution == ATTRIBUTION_NONE);
  }
  front.answers("a", taken);
}

TEST_CASE("HTTP/2: B3 that comes with a request is read in every form of a literal") {
  using enum Literal;
  Scene scene;
  scene.trace();
  const auto multi = [](Literal kind, bool huffman) {
    return field(kind, "x-b3-spanid", kSpan, huffman) + field(kind, "x-b3-traceid", kTrace, huffman) +
           field(kind, "x-b3-sampled", "0", huffman);
  };
  for (const Literal kind : {without, never, indexing})
    for (const bool huffman : {false, true}) {
      CAPTURE(static_cast<int>(kind));
      CAPTURE(huffman);
      Scene::Taken taken = scene.take("a", kPreface + request_on(1, field(kind, "b3", kTrace + "-" + kSpan, huffman)) +
                                               request_on(3, multi(kind, huffman)));
      const auto& requests = scene.requests();
      REQUIRE(requests.size() >= 2);
      for (const ReportedRequest* request : {&requests[requests.size() - 2], &requests.back()}) {
        CHECK(request->event.attribution == ATTRIBUTION_INCOMING);
        CHECK(request->trace_id == kTrace);
        CHECK(request->parent_span_id == kSpan);
      }
      CHECK((requests[requests.size() - 2].event.facts & REQUEST_SAMPLED) != 0);
      CHECK((requests.back().event.facts & REQUEST_SAMPLED) == 0);
      taken.peer.reset();
      scene.tell("a", fmt::format("close {}", taken.fd));
    }
  CHECK(errors(scene) == "");
}

}  // namespace
}  // namespace weft::test
