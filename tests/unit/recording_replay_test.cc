// SPDX-License-Identifier: Apache-2.0
// Recording what a live pipeline gets and replaying it gives the same spans.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "assemble/event_recorder.h"
#include "assemble/replay.h"
#include "support/same_span.h"
#include "support/span_fixture.h"

using namespace weft;
using namespace weft::testing;

namespace {

struct TempFile {
  TempFile() {
    char name[] = "/tmp/weft-replay-XXXXXX";
    const int fd = mkstemp(name);
    REQUIRE(fd >= 0);
    close(fd);
    path = name;
  }
  ~TempFile() { std::filesystem::remove(path); }
  std::string path;
};

}  // namespace

TEST_CASE("replay: the same spans as live, and no secret in the file") {
  TempFile file;
  SpanFixture live;
  {
    auto writer = RecordingWriter::create(file.path, true);
    REQUIRE(writer);
    EventRecorder recorder({}, live.clock, live.processes,
                           [&](std::span<const std::byte> piece) { REQUIRE(writer->write(piece)); });
    const auto both = [&](const Bytes& record) {
      live.pipeline.feed(record);
      recorder.event(record);
    };
    for (std::uint64_t i = 0; i < 600; i++) {
      const std::uint64_t base = 10'000 * i + 2000;
      request_event server = server_request(3 * i + 1, base);
      server.attribution = ATTRIBUTION_INCOMING;
      const request_event client = client_request(3 * i + 2, 3 * i + 1, base + 100),
                          other = server_request(3 * i + 3, base + 200, 200);
      both(with_text(server, "GET /a/" + std::to_string(i) +
                                 "?token=s3cret HTTP/1.1\r\nHost: h\r\nCookie: s3cret\r\nbaggage: k=s3cret\r\n\r\n"));
      both(with_text(client, "GET /b HTTP/1.1\r\nHost: stock\r\nAuthorization: s3cret\r\n\r\n"));
      both(with_text(other, "GET /b HTTP/1.1\r\nHost: stock\r\n\r\n"));
      both(with_text(response_to(other, base + 300), ""));
      both(with_text(response_to(client, base + 400), ""));
      if (i % 100 != 99) both(with_text(response_to(server, base + 500, 503), ""));  // the others stay open
    }
    recorder.event({});
    CHECK(recorder.refused() == 1);
    REQUIRE(writer->close());
  }
  live.clock.monotonic = 10'000 * 599 + 2400;  // the time of the last event
  live.clock.unix_time = live.clock.monotonic + 1'700'000'000'000'000'000;
  live.pipeline.flush();

  std::ifstream in(file.path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  CHECK(bytes.size() > 100'000);
  CHECK(bytes.find("s3cret") == std::string::npos);
  CHECK(bytes.find("Cookie: -") != std::string::npos);

  std::vector<Assembled> replayed;
  const auto result = replay_file(file.path, {}, [&](Assembled a) { replayed.push_back(a); });
  REQUIRE(result);
  CHECK(result->events == 600 * 6 - 6);
  CHECK(result->counters.exchanges.flushed == 6);
  REQUIRE(replayed.size() == live.out.size());
  for (std::size_t i = 0; i < replayed.size(); i++) check_same(*replayed[i].span, *live.out[i].span);
}

TEST_CASE("recorder: a resource is written once, again when it changes or the process id is used anew") {
  class Changing final : public ResourceSource {
   public:
    std::shared_ptr<const Resource> of(pid_t) override { return now; }
    std::shared_ptr<const Resource> now = resource_named("first", 1);
  } resources;
  ManualClock clock;
  std::size_t resource_records = 0, clock_records = 0;
  EventRecorder recorder({}, clock, resources, [&](std::span<const std::byte> piece) {
    event_header header;
    std::memcpy(&header, piece.data(), sizeof(header));
    resource_records += header.type == 0x8001;
    clock_records += header.type == 0x8002;
  });
  const auto request = [&](std::uint64_t id, std::uint64_t time_ns) {
    recorder.event(with_text(server_request(id, time_ns), "GET / HTTP/1.1\r\n\r\n"));
  };
  request(1, 1000);
  request(2, 2000);
  CHECK(resource_records == 1);
  resources.now = resource_named("second", 1);
  request(3, 3000);
  CHECK(resource_records == 2);
  recorder.event(plain(process_change_of(100, PROCESS_EXIT, 4000)));
  request(4, 5000);
  CHECK(resource_records == 3);

  clock.monotonic = clock.unix_time = 2'000'000'000;
  request(5, 2'000'000'000);
  CHECK(clock_records == 0);
  clock.monotonic = 4'000'000'000;
  clock.unix_time = 9'000'000'000;
  request(6, 4'000'000'000);
  request(7, 4'000'000'001);
  CHECK(clock_records == 1);
}

TEST_CASE("replay: a damaged file is an error after its good part") {
  TempFile file;
  {
    std::ofstream out(file.path, std::ios::binary);
    const auto put = [&](const Bytes& b) {
      out.write(reinterpret_cast<const char*>(b.data()), static_cast<std::streamsize>(b.size()));
    };
    const request_event request = server_request(1, 6000);
    put(encode_recording_header({5000, 6000}));
    put(with_text(request, "GET / HTTP/1.1\r\n\r\n"));
    put(with_text(response_to(request, 7000), ""));
    put(Bytes(5));
  }
  std::size_t spans = 0;
  const auto result = replay_file(file.path, {}, [&](Assembled) { spans++; });
  REQUIRE_FALSE(result);
  CHECK(result.error().message.find("record 3") != std::string::npos);
  CHECK(spans == 1);
}
