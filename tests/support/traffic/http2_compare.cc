// SPDX-License-Identifier: Apache-2.0
#include "support/traffic/http2_compare.h"

#include <fmt/format.h>

namespace weft::test {
namespace {

constexpr std::size_t preface_bytes = 24;

// "Literal without indexing, new name", both strings plain. False: something else.
bool take_field(std::string_view& from, std::string_view& name, std::string_view& value) {
  const auto length = [&](std::size_t& out) {
    if (from.empty()) return false;
    out = static_cast<unsigned char>(from[0]);
    from.remove_prefix(1);
    if (out & 128) return false;
    if (out < 127) return true;
    for (unsigned shift = 0; shift <= 14 && !from.empty(); shift += 7) {
      const auto next = static_cast<unsigned char>(from[0]);
      from.remove_prefix(1);
      out += static_cast<std::size_t>(next & 127) << shift;
      if (!(next & 128)) return true;
    }
    return false;
  };
  if (from.empty() || from[0] != 0) return false;
  from.remove_prefix(1);
  for (std::string_view* text : {&name, &value}) {
    std::size_t n = 0;
    if (!length(n) || n > from.size()) return false;
    *text = from.substr(0, n);
    from.remove_prefix(n);
  }
  return true;
}

}  // namespace

bool Http2Comparer::differ(const std::string& what) {
  tally_.differing++;
  fault_ = fmt::format("request {}, byte {}: {}", index_, at_, what);
  return false;
}

void Http2Comparer::note(const std::string& what) {
  if (remark_.empty()) remark_ = fmt::format("request {}: {}", index_, what);
}

bool Http2Comparer::feed(std::string_view received) {
  if (!fault_.empty()) return false;
  tally_.bytes += received.size();
  pending_.append(received);
  while (step()) {
  }
  pending_.erase(0, offset_);
  offset_ = 0;
  return fault_.empty();
}

bool Http2Comparer::finish() {
  if (!fault_.empty()) return false;
  if (at_ != sent_.bytes.size() || !pending_.empty())
    return differ(fmt::format("{} bytes of {} came, {} are left over", at_, sent_.bytes.size(), pending_.size()));
  return true;
}

// So many bytes that have to be as they were sent.
bool Http2Comparer::plain(std::size_t bytes) {
  if (pending_.size() - offset_ < bytes) return false;
  if (std::string_view(pending_).substr(offset_, bytes) != std::string_view(sent_.bytes).substr(at_, bytes))
    return differ("other bytes");
  offset_ += bytes;
  at_ += bytes;
  return true;
}

bool Http2Comparer::step() {
  if (at_ >= sent_.bytes.size()) return pending_.size() > offset_ ? differ("more than was sent") : false;
  if (at_ == 0) return plain(preface_bytes);
  const Http2Frame sent = read_frame(std::string_view(sent_.bytes).substr(at_));
  const bool mine = index_ < sent_.messages.size() && at_ >= sent_.messages[index_].begin;
  if (!mine) return plain(http2_frame_header + sent.length);
  return block(sent, at_ + http2_frame_header + sent.length == sent_.messages[index_].head_end);
}

// A frame of a request's header block.
bool Http2Comparer::block(const Http2Frame& sent, bool last) {
  const std::string_view got = std::string_view(pending_).substr(offset_);
  if (got.size() < http2_frame_header) return false;
  const Http2Frame frame = read_frame(got);
  if (got.size() < http2_frame_header + frame.length) return false;
  if (frame.type != sent.type || frame.flags != sent.flags || frame.stream != sent.stream)
    return differ("another frame");
  const auto before = std::string_view(sent_.bytes).substr(at_ + http2_frame_header, sent.length);
  const auto after = got.substr(http2_frame_header, frame.length);
  if (frame.length < sent.length || (frame.length > sent.length && !last)) return differ("another length");
  const std::size_t end = fragment_end(sent, before), added = frame.length - sent.length;
  if (!same_but_context(before.substr(0, end), after.substr(0, end))) return differ("another header block");
  if (before.substr(end) != after.substr(end + added)) return differ("other padding");
  if (added && !fields(after.substr(end, added))) return false;
  offset_ += http2_frame_header + frame.length;
  at_ += http2_frame_header + sent.length;
  if (last) judge();
  return true;
}

bool Http2Comparer::same_but_context(std::string_view sent, std::string_view received) {
  if (sent == received) return true;
  const std::size_t at = known_.empty() ? sent.npos : sent.find(known_);
  if (at == sent.npos || !sent_.messages[index_].known) return false;
  const std::string_view value = received.substr(at, known_.size());
  overwritten_ = true;
  if (!valid_traceparent(value)) tally_.malformed++;
  if (value.substr(0, 36) != std::string_view(known_).substr(0, 36)) tally_.wrong_trace++;
  return sent.substr(0, at) == received.substr(0, at) &&
         sent.substr(at + known_.size()) == received.substr(at + known_.size());
}

bool Http2Comparer::fields(std::string_view added) {
  bool state = false, baggage = false;
  while (!added.empty()) {
    std::string_view name, value;
    if (!take_field(added, name, value)) return differ("what was added is no field");
    if (name == "traceparent") {
      tally_.duplicates += injected_;
      injected_ = true;
      if (!valid_traceparent(value)) tally_.malformed++, note("malformed context");
      if (!known_.empty() && value.substr(3, 32) != std::string_view(known_).substr(3, 32)) tally_.wrong_trace++;
    } else if (name == "tracestate" && !state) {
      state = true;
      tally_.tracestate_added++;
    } else if (name == "baggage" && !baggage) {
      baggage = true;
      tally_.baggage_added++;
    } else {
      return differ(fmt::format("a field '{}' was added", name));
    }
  }
  return true;
}

void Http2Comparer::judge() {
  const Message& message = sent_.messages[index_];
  tally_.requests++;
  tally_.eligible += message.contexts == 0;
  tally_.injected += injected_ && message.contexts == 0;
  tally_.known += message.known;
  tally_.overwritten += overwritten_;
  if (injected_ && message.contexts) tally_.duplicates++, note("a second context");
  if (overwritten_ && !message.known) tally_.own_touched++, note("a foreign context was changed");
  injected_ = overwritten_ = false;
  index_++;
}

}  // namespace weft::test
