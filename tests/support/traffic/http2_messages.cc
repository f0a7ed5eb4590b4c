// SPDX-License-Identifier: Apache-2.0
#include "support/traffic/http2_messages.h"

#include <algorithm>
#include <string>
#include <vector>

#include "support/http2/hpack_blocks.h"

namespace weft::test {
namespace {

constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
enum Type : unsigned { data = 0, headers = 1, priority = 2, reset = 3, settings = 4, ping = 6, window = 8, more = 9 };
enum Flag : unsigned { end_stream = 1, end_headers = 4, padded = 8, with_priority = 0x20 };

class Writer {
 public:
  Writer(Random& random, const RequestShape& shape) : random_(random), shape_(shape) {
    out_.bytes = preface;
    frame(settings, 0, 0, std::string("\0\4\0\1\0\0", 6));
  }

  Stream write(std::size_t bytes, std::size_t messages) {
    while (out_.bytes.size() < bytes && out_.messages.size() < messages) {
      request();
      for (std::size_t n = random_.below(4); n > 0; n--) between();
    }
    for (std::size_t i = 0; i < out_.messages.size(); i++)
      out_.messages[i].end = i + 1 < out_.messages.size() ? out_.messages[i + 1].begin : out_.bytes.size();
    return std::move(out_);
  }

 private:
  void frame(unsigned type, unsigned flags, std::uint32_t stream, std::string_view payload) {
    for (const int shift : {16, 8, 0}) out_.bytes.push_back(static_cast<char>(payload.size() >> shift));
    out_.bytes.push_back(static_cast<char>(type));
    out_.bytes.push_back(static_cast<char>(flags));
    for (const int shift : {24, 16, 8, 0}) out_.bytes.push_back(static_cast<char>(stream >> shift));
    out_.bytes.append(payload);
  }

  // With padding and priority, now and then.
  void framed(unsigned type, unsigned flags, std::uint32_t stream, std::string_view payload) {
    std::string text;
    const std::size_t pad = random_.below(random_.one_in(4) ? 256 : 5);
    const bool pads = random_.one_in(4), prior = type == headers && random_.one_in(4);
    if (pads) text.push_back(static_cast<char>(pad));
    if (prior) text.append(std::string("\0\0\0\0\x10", 5));
    text.append(payload);
    if (pads) text.append(pad, '\0');
    frame(type, flags | (pads ? padded : 0u) | (prior ? with_priority : 0u), stream, text);
  }

  // A header block in one frame or several.
  void block(std::uint32_t stream, unsigned flags, const Bytes& fields) {
    std::string_view rest(reinterpret_cast<const char*>(fields.data()), fields.size());
    unsigned type = headers;
    while (rest.size() > 16000 || random_.one_in(6)) {
      const std::size_t n = random_.below(std::min<std::size_t>(rest.size(), 15000) + 1);
      type == headers ? framed(type, flags, stream, rest.substr(0, n)) : frame(type, 0, stream, rest.substr(0, n));
      rest.remove_prefix(n);
      type = more;
    }
    type == headers ? framed(type, flags | end_headers, stream, rest) : frame(type, end_headers, stream, rest);
  }

  bool coin() { return random_.one_in(2); }
  Literal kind() {
    static constexpr Literal kinds[] = {Literal::indexing, Literal::without, Literal::never};
    return kinds[random_.below(3)];
  }
  void literal(Bytes& out, Literal kind, std::uint32_t index, std::string_view name, std::string_view value) {
    put_literal(out, kind, index, name, value, coin(), coin());
    if (kind == Literal::indexing) inserted_++;
  }

  void traceparent(Bytes& out, Message& message) {
    message.contexts++;
    if (!shape_.known.empty() && random_.one_in(2)) {
      message.known = true;
      put_literal(out, coin() ? Literal::without : Literal::never, 0, "traceparent", shape_.known, coin(), false);
      return;
    }
    const bool indexable = own_at_ && inserted_ - own_at_ < 50;
    if (indexable && random_.one_in(3)) {
      put_integer(out, 0x80, 7, 62 + inserted_ - own_at_);
      return;
    }
    const std::string value = random_traceparent(random_);
    const Literal form = kind();
    const std::uint32_t name = indexable && coin() ? 62 + inserted_ - own_at_ : 0;
    literal(out, form, name, "traceparent", value);
    if (form == Literal::indexing) own_at_ = inserted_;
  }

  void request() {
    Message message;
    message.begin = out_.bytes.size();
    stream_ += random_.one_in(10) ? 2 + 2 * static_cast<std::uint32_t>(random_.below(20)) : 2;
    Bytes fields{0x83, 0x86};
    std::string path = "/pkg.Service/";
    random_.append_letters(path, random_.below(30));
    literal(fields, kind(), 4, "", path);
    literal(fields, kind(), 1, "", "localhost");
    literal(fields, kind(), 31, "", "application/grpc");
    for (std::size_t n = random_.below(6); n > 0; n--) field(fields, message);
    if (shape_.big_heads && random_.one_in(10)) {
      std::string value;
      random_.append_letters(value, random_.below(30'000));
      put_literal(fields, Literal::without, 0, "x-large", value, false, false);
    }
    const bool last = random_.one_in(3);
    block(stream_, last ? end_stream : 0u, fields);
    message.head_end = out_.bytes.size();
    out_.messages.push_back(message);
    if (!last) open_.push_back(stream_);
  }

  void field(Bytes& out, Message& message) {
    std::string name = "x", value;
    random_.append_letters(name, random_.below(20));
    random_.append_letters(value, random_.below(random_.one_in(20) ? 2000 : 60));
    switch (random_.below(12)) {
      case 0:
      case 1:
        if (!message.contexts && random_.one_in(2)) traceparent(out, message);
        break;
      case 2:
        put_integer(out, 0x80, 7, 1 + random_.below(61));
        break;
      case 3:
        if (inserted_ > 4 && inserted_ - own_at_ > 4) put_integer(out, 0x80, 7, 62 + random_.below(3));
        break;
      default:
        literal(out, kind(), 0, name, value);
    }
  }

  void between() {
    switch (random_.below(9)) {
      case 0:
        return frame(window, 0, open_.empty() || coin() ? 0 : open_.back(), std::string("\0\0\1\0", 4));
      case 1:
        return frame(ping, coin(), 0, "12345678");
      case 2:
        return frame(settings, 1, 0, "");
      case 3:
        return frame(priority, 0, stream_, std::string("\0\0\0\0\x10", 5));
      case 4:
        return frame(0x40 + static_cast<unsigned>(random_.below(9)), 0xff, static_cast<std::uint32_t>(random_.below(9)),
                     std::string(random_.below(50), 'u'));
      default:
        return open_.empty() ? void() : go_on();
    }
  }

  // More of a stream that is open.
  void go_on() {
    const std::size_t which = random_.below(open_.size());
    const std::uint32_t stream = open_[which];
    bool last = random_.one_in(3);
    if (random_.one_in(12)) {
      frame(reset, 0, stream, std::string("\0\0\0\x08", 4));
      last = true;
    } else if (last && coin()) {
      Bytes fields;
      literal(fields, kind(), 0, "x-trailer", "t");
      block(stream, end_stream, fields);
    } else {
      std::string payload;
      random_.append_bytes(payload, random_.below(shape_.big_bodies ? 16000 : random_.one_in(5) ? 9000 : 300));
      framed(data, last ? end_stream : 0u, stream, payload);
    }
    if (last) open_.erase(open_.begin() + static_cast<long>(which));
  }

  Random& random_;
  const RequestShape& shape_;
  Stream out_;
  std::uint32_t stream_ = static_cast<std::uint32_t>(-1);
  std::uint32_t inserted_ = 0;  // dynamic entries; no more than the table holds are ever referred to
  std::uint32_t own_at_ = 0;    // … how many there were with the newest traceparent
  std::vector<std::uint32_t> open_;
};

}  // namespace

Stream make_http2_requests(Random& random, const RequestShape& shape, std::size_t bytes, std::size_t messages) {
  return Writer(random, shape).write(bytes, messages);
}

Http2Frame read_frame(std::string_view b) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(b[i])); };
  return {byte(0) << 16 | byte(1) << 8 | byte(2), byte(3), byte(4),
          (byte(5) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8)) & 0x7fffffffu};
}

std::size_t fragment_end(const Http2Frame& frame, std::string_view payload) {
  const bool pads = frame.type == headers && (frame.flags & padded);
  return payload.size() - (pads ? static_cast<unsigned char>(payload[0]) : 0);
}

}  // namespace weft::test
