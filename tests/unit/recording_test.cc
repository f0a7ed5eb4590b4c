// SPDX-License-Identifier: Apache-2.0
// The file format: what is written is read, what is damaged is said.
#include "kernel/recording.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "kernel/recording_format.h"
#include "support/wire_events.h"

using namespace weft;
using namespace weft::testing;

namespace {

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/weft-recording-XXXXXX";
    REQUIRE(mkdtemp(name));
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

Bytes join(std::initializer_list<Bytes> pieces) {
  Bytes all;
  for (const Bytes& piece : pieces) all.insert(all.end(), piece.begin(), piece.end());
  return all;
}

void put(const std::string& path, const Bytes& bytes) {
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

struct Read {
  std::vector<Bytes> records;
  std::string error;
};
Read read_all(RecordingReader& reader) {
  Read result;
  while (!reader.finished())
    reader.drain([&](EventBytes record) { result.records.emplace_back(record.begin(), record.end()); });
  if (reader.error()) result.error = reader.error()->message;
  return result;
}
Read read_bytes(const Bytes& bytes) {
  Folder folder;
  put(folder.file("r"), bytes);
  auto reader = RecordingReader::open(folder.file("r"));
  if (!reader) return {{}, reader.error().message};
  Read result = read_all(**reader);
  return result;
}

const ClockPoint origin{5000, 1'700'000'000'000'005'000};

RecordedResource orders() {
  return {100,
          true,
          0,
          "orders",
          {{"service.name", std::string("orders")}, {"process.pid", std::int64_t{100}}, {"load", 0.5}, {"up", true}}};
}

}  // namespace

TEST_CASE("recording: what is written is read") {
  Folder folder;
  const Bytes request = with_text(server_request(7, 6000), "GET / HTTP/1.1\r\n\r\n");
  {
    auto writer = RecordingWriter::create(folder.file("r"));
    REQUIRE(writer);
    for (const Bytes& piece : {encode_recording_header(origin), encode_resource_record(orders(), 5500), request,
                               encode_clock_record({7000, 1'800'000'000'000'000'000})})
      REQUIRE(writer->write(piece));
    REQUIRE(writer->close());
    CHECK_FALSE(writer->write(request));
  }
  struct stat status{};
  REQUIRE(stat(folder.file("r").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);

  auto opened = RecordingReader::open(folder.file("r"));
  REQUIRE(opened);
  RecordingReader& reader = **opened;
  CHECK(reader.clock().monotonic_ns() == 5000);
  CHECK(reader.clock().unix_ns() == origin.unix_ns);
  CHECK(reader.resource(100) == nullptr);
  const Read read = read_all(reader);
  CHECK(read.error.empty());
  REQUIRE(read.records.size() == 1);
  CHECK(read.records[0] == request);
  CHECK(reader.clock().monotonic_ns() == 7000);
  CHECK(reader.clock().unix_ns() == 1'800'000'000'000'000'000);
  const RecordedResource* resource = reader.resource(100);
  REQUIRE(resource);
  CHECK(resource->service_name == "orders");
  CHECK(resource->instrumented);
  CHECK(resource->attributes == orders().attributes);
  CHECK(reader.resource(101) == nullptr);
}

TEST_CASE("recording: an existing file is kept unless it is to be replaced, and then its mode does not matter") {
  Folder folder;
  put(folder.file("r"), {std::byte{1}});
  REQUIRE(chmod(folder.file("r").c_str(), 0666) == 0);
  auto refused = RecordingWriter::create(folder.file("r"));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find(folder.file("r")) == 0);
  CHECK(std::filesystem::file_size(folder.file("r")) == 1);
  REQUIRE(RecordingWriter::create(folder.file("r"), true));
  struct stat status{};
  REQUIRE(stat(folder.file("r").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  CHECK_FALSE(RecordingWriter::create(folder.file("none/r")));
}

TEST_CASE("recording: many records are handed over in portions and in order") {
  Bytes all = encode_recording_header(origin);
  for (std::uint64_t id = 1; id <= 3000; id++) {
    const Bytes record = with_text(server_request(id, 6000 + id), std::string(id % 700, 'x'));
    all.insert(all.end(), record.begin(), record.end());
  }
  Folder folder;
  put(folder.file("r"), all);
  auto reader = RecordingReader::open(folder.file("r"));
  REQUIRE(reader);
  std::uint64_t next = 1;
  std::size_t calls = 0;
  while (!(*reader)->finished()) {
    const std::size_t n = (*reader)->drain([&](EventBytes record) {
      request_event fields;
      std::memcpy(&fields, record.data(), sizeof(fields));
      CHECK(fields.exchange_id == next++);
    });
    CHECK(n <= 256);
    calls++;
  }
  CHECK(next == 3001);
  CHECK(calls > 10);
  CHECK_FALSE((*reader)->error());
}

TEST_CASE("recording: cut at any byte, everything before the cut comes out and the error says where") {
  const Bytes first = with_text(server_request(1, 6000), "GET / HTTP/1.1\r\n\r\n"),
              second = with_text(server_request(2, 6000), "GET / HTTP/1.1\r\n\r\n");
  const Bytes header = encode_recording_header(origin), whole = join({header, first, second});
  for (std::size_t length = 0; length <= whole.size(); length++) {
    const Read read = read_bytes(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)));
    const std::size_t body = length < header.size() ? 0 : length - header.size();
    CHECK(read.records.size() == body / first.size());
    const bool clean = length >= header.size() && body % first.size() == 0;
    CHECK(read.error.empty() == clean);
    if (!clean && length >= header.size()) {
      const std::size_t at = header.size() + body / first.size() * first.size();
      CHECK(read.error.find("at byte " + std::to_string(at) + " is cut short") != std::string::npos);
    }
  }
}

TEST_CASE("recording: other files are refused with a reason") {
  const auto error_with = [](std::size_t offset, unsigned char value) {
    Bytes bytes = encode_recording_header(origin);
    bytes[offset] = std::byte{value};
    return read_bytes(bytes).error;
  };
  CHECK(read_bytes({}).error.find("is no weft recording") != std::string::npos);
  CHECK(error_with(0, 'W').find("is no weft recording") != std::string::npos);
  CHECK(error_with(offsetof(recording::FileHeader, byte_order), 9).find("byte order") != std::string::npos);
  CHECK(error_with(offsetof(recording::FileHeader, version), 9).find("recording format 9") != std::string::npos);
  CHECK(error_with(offsetof(recording::FileHeader, request_bytes), 9).find("another weft") != std::string::npos);
  CHECK(error_with(offsetof(recording::FileHeader, injections), 9).find("another weft") != std::string::npos);
  CHECK_FALSE(RecordingReader::open("/nonexistent/file"));
}

TEST_CASE("recording: impossible sizes and damaged records stop the reading") {
  const auto error_of = [](Bytes record, std::size_t offset, __u32 value) {
    std::memcpy(record.data() + offset, &value, sizeof(value));
    return read_bytes(join({encode_recording_header(origin), record})).error;
  };
  const Bytes request = with_text(server_request(1, 6000), "x");
  const std::size_t size_at = offsetof(event_header, size);
  for (const __u32 size : {0u, 15u, (1u << 20) + 1, 0xFFFFFFFFu})
    CHECK(error_of(request, size_at, size).find("impossible size") != std::string::npos);

  const Bytes resource = encode_resource_record(orders(), 1);
  for (std::size_t length = 16; length < resource.size(); length++) {
    Bytes cut(resource.begin(), resource.begin() + static_cast<std::ptrdiff_t>(length));
    CHECK(error_of(cut, size_at, static_cast<__u32>(length)).find("is damaged") != std::string::npos);
  }
  const Bytes clock = encode_clock_record(origin);
  CHECK(error_of(Bytes(clock.begin(), clock.begin() + 16), size_at, 16).find("is damaged") != std::string::npos);
}
