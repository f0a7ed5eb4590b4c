// SPDX-License-Identifier: Apache-2.0
#include "decode/kafka/message_event.h"

#include <algorithm>
#include <cstring>

#include "decode/record.h"

namespace weft {
namespace {

constexpr std::size_t link_bytes = sizeof(SpanLink::trace_id.bytes) + sizeof(SpanLink::span_id.bytes);

}  // namespace

std::optional<MessageEvent> read_message_event(std::span<const std::byte> record) {
  MessageEvent event{};
  MessageFields& fields = event.fields;
  const auto header = read_front<event_header>(record);
  if (!header || header->flags == 0 || header->flags > kMessageLayout) return std::nullopt;
  const std::size_t front = header->flags == 1 ? offsetof(MessageFields, given_ns) : sizeof fields;
  if (record.size() < front) return std::nullopt;
  std::memcpy(&fields, record.data(), front);
  std::string_view text(reinterpret_cast<const char*>(record.data()) + front, record.size() - front);
  const std::size_t links = std::size_t{fields.links} * link_bytes;
  const std::size_t bytes =
      std::size_t{fields.topic_bytes} + fields.group_bytes + fields.client_bytes + fields.context_bytes + links;
  const auto has_trace = std::any_of(fields.ids.trace_id, std::end(fields.ids.trace_id), [](__u8 b) { return b != 0; });
  if (bytes != text.size() || !has_trace || fields.messages == 0) return std::nullopt;
  const auto take = [&](std::size_t count) {
    const std::string_view piece = text.substr(0, count);
    text.remove_prefix(count);
    return piece;
  };
  event.topic = take(fields.topic_bytes);
  event.group = take(fields.group_bytes);
  event.client_id = take(fields.client_bytes);
  event.context = take(fields.context_bytes);
  for (std::size_t i = 0; i < fields.links; i++) {
    SpanLink link;
    std::memcpy(link.trace_id.bytes.data(), take(link.trace_id.bytes.size()).data(), link.trace_id.bytes.size());
    std::memcpy(link.span_id.bytes.data(), take(link.span_id.bytes.size()).data(), link.span_id.bytes.size());
    event.links.push_back(link);
  }
  return event;
}

void write_message_event(const MessageEvent& event, std::vector<std::byte>& record) {
  constexpr std::size_t most = UINT16_MAX;
  MessageFields fields = event.fields;
  const auto topic = event.topic.substr(0, most), group = event.group.substr(0, most);
  const auto client = event.client_id.substr(0, most);
  const std::size_t links = std::min(event.links.size(), most);
  fields.topic_bytes = static_cast<__u16>(topic.size());
  fields.group_bytes = static_cast<__u16>(group.size());
  fields.client_bytes = static_cast<__u16>(client.size());
  fields.context_bytes = static_cast<__u32>(event.context.size());
  fields.links = static_cast<__u16>(links);
  fields.header.type = kEventMessage;
  fields.header.flags = kMessageLayout;
  const std::size_t size =
      sizeof fields + topic.size() + group.size() + client.size() + event.context.size() + links * link_bytes;
  fields.header.size = static_cast<__u32>(size);
  record.resize(size);
  std::byte* to = record.data();
  const auto put = [&](const void* from, std::size_t bytes) {
    if (bytes) std::memcpy(to, from, bytes);
    to += bytes;
  };
  put(&fields, sizeof fields);
  for (const std::string_view text : {topic, group, client, event.context}) put(text.data(), text.size());
  for (std::size_t i = 0; i < links; i++) {
    put(event.links[i].trace_id.bytes.data(), event.links[i].trace_id.bytes.size());
    put(event.links[i].span_id.bytes.data(), event.links[i].span_id.bytes.size());
  }
}

}  // namespace weft
