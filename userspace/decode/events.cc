// SPDX-License-Identifier: Apache-2.0
#include "decode/events.h"

#include <numeric>
#include <utility>

#include "decode/record.h"

namespace weft {
namespace {

using Bytes = std::span<const std::byte>;

bool valid(const request_event& event) {
  return event.exchange_id != 0 && (event.role == ROLE_SERVER || event.role == ROLE_CLIENT) &&
         event.protocol > PROTOCOL_UNKNOWN && event.protocol < PROTOCOL_COUNT &&
         event.attribution <= ATTRIBUTION_CARRIED && event.injection < INJECTION_COUNT;
}

bool valid(const response_event& event) { return event.exchange_id != 0 && event.end <= END_RESET; }

// The baggage behind the head text. What was cut ends in half a member, which goes.
bool take_baggage(Bytes text, RequestEvent& event) {
  const std::size_t bytes = event.fields.baggage_bytes;
  if (bytes > EVENT_BAGGAGE_MAX || bytes > text.size() - event.fields.text_bytes) return false;
  event.baggage = std::string_view(reinterpret_cast<const char*>(text.data()) + event.fields.text_bytes, bytes);
  if (bytes == EVENT_BAGGAGE_MAX) event.baggage = event.baggage.substr(0, event.baggage.rfind(',') + 1);
  return true;
}
bool take_baggage(Bytes, ResponseEvent&) { return true; }

// REQUIRES: record.size() == header.size
template <class T>
std::expected<Event, Refusal> decode_exchange_event(Bytes record) {
  T event;
  if (!read_front(record, event.fields)) return std::unexpected(Refusal::too_short);
  const Bytes text = record.subspan(sizeof(event.fields));
  if (event.fields.text_bytes > text.size()) return std::unexpected(Refusal::bad_text);
  if (!valid(event.fields)) return std::unexpected(Refusal::bad_field);
  event.head = std::string_view(reinterpret_cast<const char*>(text.data()), event.fields.text_bytes);
  if (!take_baggage(text, event)) return std::unexpected(Refusal::bad_text);
  return event;
}

std::expected<Event, Refusal> decode_process_event(Bytes record) {
  ProcessEvent event;
  if (!read_front(record, event.fields)) return std::unexpected(Refusal::too_short);
  if (event.fields.change < PROCESS_FORK || event.fields.change > PROCESS_TAKES_SPANS)
    return std::unexpected(Refusal::bad_field);
  return event;
}

std::expected<Event, Refusal> decode_socket_event(Bytes record) {
  SocketEvent event;
  if (!read_front(record, event.fields)) return std::unexpected(Refusal::too_short);
  if (event.fields.request < SOCKET_RELEASE || event.fields.request > SOCKET_ENROL_ANSWERS)
    return std::unexpected(Refusal::bad_field);
  return event;
}

std::expected<Event, Refusal> decode_unsampled_event(Bytes record) {
  UnsampledEvent event;
  if (!read_front(record, event.fields)) return std::unexpected(Refusal::too_short);
  const Bytes text = record.subspan(sizeof(event.fields));
  if (event.fields.text_bytes > text.size()) return std::unexpected(Refusal::bad_text);
  const unsampled_event& fields = event.fields;
  if ((fields.role != ROLE_SERVER && fields.role != ROLE_CLIENT) || fields.protocol == PROTOCOL_UNKNOWN ||
      fields.protocol >= PROTOCOL_COUNT || fields.end > END_UPGRADED)
    return std::unexpected(Refusal::bad_field);
  event.text = std::string_view(reinterpret_cast<const char*>(text.data()), fields.text_bytes);
  return event;
}

std::expected<Event, Refusal> decode_message_event(Bytes record) {
  if (record.size() < sizeof(MessageFields)) return std::unexpected(Refusal::too_short);
  auto event = read_message_event(record);
  if (!event) return std::unexpected(Refusal::bad_field);
  return std::move(*event);
}

}  // namespace

std::string_view to_string(Refusal refusal) {
  switch (refusal) {
    case Refusal::too_short:
      return "too_short";
    case Refusal::bad_size:
      return "bad_size";
    case Refusal::bad_text:
      return "bad_text";
    case Refusal::unknown_type:
      return "unknown_type";
    case Refusal::bad_field:
      return "bad_field";
    case Refusal::count:
      break;
  }
  return "unknown";
}

std::expected<Event, Refusal> decode_event(Bytes record) {
  event_header header;
  if (!read_front(record, header)) return std::unexpected(Refusal::too_short);
  if (header.size < sizeof(header) || header.size > record.size()) return std::unexpected(Refusal::bad_size);
  record = record.first(header.size);
  switch (header.type) {
    case EVENT_REQUEST:
      return decode_exchange_event<RequestEvent>(record);
    case EVENT_RESPONSE:
      return decode_exchange_event<ResponseEvent>(record);
    case EVENT_PROCESS:
      return decode_process_event(record);
    case EVENT_SOCKET:
      return decode_socket_event(record);
    case EVENT_UNSAMPLED:
      return decode_unsampled_event(record);
    case kEventMessage:
      return decode_message_event(record);
    default:
      return std::unexpected(Refusal::unknown_type);
  }
}

std::uint64_t DecodeCounters::refused_total() const {
  return std::accumulate(refused.begin(), refused.end(), std::uint64_t{0});
}

}  // namespace weft
