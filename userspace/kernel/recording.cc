// SPDX-License-Identifier: Apache-2.0
// Encoding and writing; reading is recording_reader.cc.
#include "kernel/recording.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "kernel/recording_format.h"

namespace weft {
namespace {

constexpr std::size_t buffer_bytes = 64u << 10;

class Encoder {
 public:
  template <class T>
  void fixed(const T& value) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&value);
    out.insert(out.end(), bytes, bytes + sizeof(T));
  }
  void text(std::string_view value) {
    value = value.substr(0, UINT16_MAX);
    fixed(static_cast<std::uint16_t>(value.size()));
    const auto* bytes = reinterpret_cast<const std::byte*>(value.data());
    out.insert(out.end(), bytes, bytes + value.size());
  }
  void value(const std::string& v) { kind(0), text(v); }
  void value(std::int64_t v) { kind(1), fixed(v); }
  void value(double v) { kind(2), fixed(v); }
  void value(bool v) { kind(3), fixed(static_cast<std::uint8_t>(v)); }
  std::vector<std::byte> out;

 private:
  void kind(std::uint8_t number) { fixed(number); }
};

std::string errno_text(const std::string& path, const char* what) {
  return path + ": " + what + ": " + std::strerror(errno);
}

}  // namespace

std::vector<std::byte> encode_recording_header(const ClockPoint& clock) {
  recording::FileHeader header{};
  std::memcpy(header.magic, recording::magic, sizeof(header.magic));
  header.byte_order = recording::byte_order;
  header.version = recording::version;
  header.header_bytes = sizeof(header);
  header.monotonic_ns = clock.monotonic_ns;
  header.unix_ns = clock.unix_ns;
  header.request_bytes = sizeof(request_event);
  header.response_bytes = sizeof(response_event);
  header.process_bytes = sizeof(process_event);
  header.socket_bytes = sizeof(socket_event);
  header.injections = INJECTION_COUNT;
  header.unsampled_bytes = sizeof(unsampled_event);
  Encoder encoder;
  encoder.fixed(header);
  return std::move(encoder.out);
}

std::vector<std::byte> encode_clock_record(const ClockPoint& clock) {
  recording::ClockRecord record{};
  record.header = {recording::type_clock, 0, sizeof(record), clock.monotonic_ns};
  record.unix_ns = clock.unix_ns;
  Encoder encoder;
  encoder.fixed(record);
  return std::move(encoder.out);
}

std::vector<std::byte> encode_resource_record(const RecordedResource& resource, std::uint64_t time_ns) {
  recording::ResourceRecord record{};
  record.header = {recording::type_resource, 0, 0, time_ns};
  record.tgid = resource.tgid;
  record.flags = resource.instrumented ? recording::resource_instrumented : 0;
  record.attributes =
      static_cast<std::uint16_t>(std::min<std::size_t>(resource.attributes.size(), recording::max_attributes));
  Encoder encoder;
  encoder.fixed(record);
  encoder.text(resource.service_name);
  for (std::uint16_t i = 0; i < record.attributes; i++) {
    encoder.text(resource.attributes[i].first);
    std::visit([&](const auto& value) { encoder.value(value); }, resource.attributes[i].second);
  }
  const auto size = static_cast<__u32>(encoder.out.size());
  std::memcpy(encoder.out.data() + offsetof(event_header, size), &size, sizeof(size));
  return std::move(encoder.out);
}

Result<RecordingWriter> RecordingWriter::create(const std::string& path, bool overwrite) {
  if (overwrite && ::unlink(path.c_str()) != 0 && errno != ENOENT) return fail(errno_text(path, "cannot be replaced"));
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return fail(errno_text(path, "cannot be created"));
  return RecordingWriter(fd, path);
}

RecordingWriter::RecordingWriter(RecordingWriter&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)), buffer_(std::move(other.buffer_)) {}

RecordingWriter& RecordingWriter::operator=(RecordingWriter&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  std::swap(buffer_, other.buffer_);
  return *this;
}

RecordingWriter::~RecordingWriter() {
  if (fd_ < 0) return;
  write_out();
  ::close(fd_);
}

Result<void> RecordingWriter::write(EventBytes piece) {
  if (fd_ < 0) return fail(path_ + ": is closed");
  buffer_.insert(buffer_.end(), piece.begin(), piece.end());
  return buffer_.size() >= buffer_bytes ? flush() : Result<void>{};
}

Result<void> RecordingWriter::flush() {
  if (!write_out()) return fail(errno_text(path_, "cannot be written"));
  return {};
}

bool RecordingWriter::write_out() {
  std::size_t done = 0;
  while (done < buffer_.size()) {
    const ssize_t n = ::write(fd_, buffer_.data() + done, buffer_.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      buffer_.clear();
      return false;
    }
    done += static_cast<std::size_t>(n);
  }
  buffer_.clear();
  return true;
}

Result<void> RecordingWriter::close() {
  if (fd_ < 0) return {};
  Result<void> result = flush();
  if (::close(std::exchange(fd_, -1)) != 0 && result) result = fail(errno_text(path_, "cannot be written"));
  return result;
}

}  // namespace weft
