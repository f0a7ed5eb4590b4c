// SPDX-License-Identifier: Apache-2.0
// Reading a recording. The file is not trusted: every length is checked before it is used.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "kernel/recording.h"
#include "kernel/recording_format.h"

namespace weft {
namespace {

constexpr std::size_t read_bytes = 256u << 10;
constexpr std::size_t records_per_drain = 256;

// Takes values off the front of a record; after the first that does not fit, `ok` stays false.
struct Decoder {
  EventBytes rest;
  bool ok = true;

  template <class T>
  T fixed() {
    T value{};
    if (!ok || rest.size() < sizeof(T)) {
      ok = false;
      return value;
    }
    std::memcpy(&value, rest.data(), sizeof(T));
    rest = rest.subspan(sizeof(T));
    return value;
  }
  std::string text() {
    const auto length = fixed<std::uint16_t>();
    if (!ok || rest.size() < length) {
      ok = false;
      return {};
    }
    std::string value(reinterpret_cast<const char*>(rest.data()), length);
    rest = rest.subspan(length);
    return value;
  }
};

bool decode_resource(EventBytes record, RecordedResource& resource) {
  Decoder decoder{record};
  const auto fields = decoder.fixed<recording::ResourceRecord>();
  if (!decoder.ok || fields.attributes > recording::max_attributes) return false;
  resource.tgid = fields.tgid;
  resource.instrumented = fields.flags & recording::resource_instrumented;
  resource.service_name = decoder.text();
  for (std::uint16_t i = 0; i < fields.attributes && decoder.ok; i++) {
    std::string key = decoder.text();
    switch (decoder.fixed<std::uint8_t>()) {
      case 0:
        resource.attributes.emplace_back(std::move(key), decoder.text());
        break;
      case 1:
        resource.attributes.emplace_back(std::move(key), decoder.fixed<std::int64_t>());
        break;
      case 2:
        resource.attributes.emplace_back(std::move(key), decoder.fixed<double>());
        break;
      case 3:
        resource.attributes.emplace_back(std::move(key), decoder.fixed<std::uint8_t>() != 0);
        break;
      default:
        return false;
    }
  }
  return decoder.ok;
}

}  // namespace

Result<std::unique_ptr<RecordingReader>> RecordingReader::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(path + ": cannot be opened: " + std::strerror(errno));
  std::unique_ptr<RecordingReader> reader(new RecordingReader(fd, path));
  if (Result<void> header = reader->read_header(); !header) return std::unexpected(header.error());
  return reader;
}

RecordingReader::~RecordingReader() { ::close(fd_); }

bool RecordingReader::fill(std::size_t bytes) {
  while (buffer_.size() - begin_ < bytes) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = 0;
    const std::size_t old = buffer_.size();
    buffer_.resize(std::max(old + read_bytes, bytes));
    ssize_t n = 0;
    do {
      n = ::read(fd_, buffer_.data() + old, buffer_.size() - old);
    } while (n < 0 && errno == EINTR);
    buffer_.resize(old + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    if (n < 0 && !error_) error_ = Error{path_ + ": cannot be read: " + std::strerror(errno)};
    if (n <= 0) return false;
  }
  return true;
}

Result<void> RecordingReader::read_header() {
  recording::FileHeader header;
  if (!fill(sizeof(header)))
    return error_ ? std::unexpected(*error_) : Result<void>(fail(path_ + ": is no weft recording (too short)"));
  std::memcpy(&header, buffer_.data(), sizeof(header));
  if (std::memcmp(header.magic, recording::magic, sizeof(header.magic)) != 0)
    return fail(path_ + ": is no weft recording");
  if (header.byte_order != recording::byte_order)
    return fail(path_ + ": was recorded on a machine of the other byte order; replay it on one like that");
  if (header.version != recording::version || header.header_bytes != sizeof(header) ||
      header.request_bytes != sizeof(request_event) || header.response_bytes != sizeof(response_event) ||
      header.process_bytes != sizeof(process_event) || header.socket_bytes != sizeof(socket_event) ||
      header.injections != INJECTION_COUNT ||
      (header.unsampled_bytes != 0 && header.unsampled_bytes != sizeof(unsampled_event)))
    return fail(path_ + ": recording format " + std::to_string(header.version) +
                " of another weft; replay it with the weft that recorded it");
  clock_.origin_ = {header.monotonic_ns, header.unix_ns};
  clock_.now_ns_ = header.monotonic_ns;
  begin_ = sizeof(header);
  offset_ = sizeof(header);
  return {};
}

void RecordingReader::stop(const std::string& what) {
  finished_ = true;
  if (!error_)
    error_ =
        Error{path_ + ": record " + std::to_string(records_ + 1) + " at byte " + std::to_string(offset_) + " " + what};
}

bool RecordingReader::take_own_record(EventBytes record, unsigned type) {
  if (type == recording::type_clock) {
    recording::ClockRecord fields;
    if (record.size() < sizeof(fields)) return false;
    std::memcpy(&fields, record.data(), sizeof(fields));
    clock_.origin_ = {fields.header.time_ns, fields.unix_ns};
    return true;
  }
  RecordedResource resource;
  if (!decode_resource(record, resource)) return false;
  if (resources_.size() >= recording::max_resources && !resources_.contains(resource.tgid)) return false;
  resource.revision = records_ + 1;
  resources_[resource.tgid] = std::move(resource);
  return true;
}

// False: nothing more to read.
bool RecordingReader::take_record(const EventHandler& handler, std::size_t& handed_over) {
  event_header header;
  if (!fill(sizeof(header))) {
    if (buffer_.size() != begin_ || error_) stop("is cut short");
    finished_ = true;
    return false;
  }
  std::memcpy(&header, buffer_.data() + begin_, sizeof(header));
  if (header.size < sizeof(header) || header.size > recording::max_record_bytes) {
    stop("has an impossible size of " + std::to_string(header.size) + " bytes");
    return false;
  }
  if (!fill(header.size)) {
    stop("is cut short: " + std::to_string(header.size) + " bytes expected, " +
         std::to_string(buffer_.size() - begin_) + " there");
    return false;
  }
  const EventBytes record(buffer_.data() + begin_, header.size);
  clock_.now_ns_ = std::max<std::uint64_t>(clock_.now_ns_, header.time_ns);
  if (header.type == recording::type_clock || header.type == recording::type_resource) {
    if (!take_own_record(record, header.type)) {
      stop("is damaged");
      return false;
    }
  } else {
    handler(record);
    handed_over++;
  }
  begin_ += header.size;
  offset_ += header.size;
  records_++;
  return true;
}

std::size_t RecordingReader::drain(const EventHandler& handler) {
  std::size_t handed_over = 0;
  while (!finished_ && handed_over < records_per_drain && take_record(handler, handed_over)) {
  }
  return handed_over;
}

const RecordedResource* RecordingReader::resource(std::uint32_t tgid) const {
  const auto found = resources_.find(tgid);
  return found == resources_.end() ? nullptr : &found->second;
}

}  // namespace weft
