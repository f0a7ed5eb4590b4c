// SPDX-License-Identifier: Apache-2.0
#include "correlate/exchange_table.h"

#include <algorithm>
#include <utility>

#include "decode/http_head.h"
#include "decode/text.h"
#include "wire/mix.h"

namespace weft {
namespace {

constexpr std::size_t keep_capacity_bytes = 1024;  // a free slot keeps no more text memory than this
constexpr std::size_t first_index_size = 1024;

void recycle(std::string& text) {
  if (text.capacity() > keep_capacity_bytes)
    text = {};
  else
    text.clear();
}

std::size_t text_of(const Exchange& exchange) {
  return exchange.request_head.size() + exchange.request_own.size() + exchange.response_head.size() +
         exchange.parent_context.size();
}

}  // namespace

ExchangeTable::ExchangeTable(ExchangeLimits limits, Output output)
    : limits_(limits), output_(std::move(output)), index_(first_index_size, none) {
  limits_.entries = std::max<std::size_t>(limits_.entries, 1);
}

// Ids are counters with a CPU number in some bits.
std::size_t ExchangeTable::home(std::uint64_t id) const {
  return static_cast<std::size_t>(mix64(id)) & (index_.size() - 1);
}

std::size_t ExchangeTable::find(std::uint64_t id) const {
  std::size_t position = home(id);
  while (index_[position] != none && slots_[index_[position]].id != id) position = (position + 1) & (index_.size() - 1);
  return position;
}

void ExchangeTable::grow_index() {
  std::vector<std::uint32_t> old(index_.size() * 2, none);
  old.swap(index_);
  for (const std::uint32_t number : old)
    if (number != none) index_[find(slots_[number].id)] = number;
}

std::uint32_t ExchangeTable::insert(std::uint64_t id) {
  std::uint32_t number = free_;
  if (number != none) {
    free_ = slots_[number].newer;
  } else {
    number = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  }
  index_[find(id)] = number;
  Slot& slot = slots_[number];
  slot.id = id;
  slot.older = newest_;
  slot.newer = none;
  (newest_ == none ? oldest_ : slots_[newest_].newer) = number;
  newest_ = number;
  if (++used_ * 2 > index_.size()) grow_index();
  return number;
}

ExchangeTable::Slot& ExchangeTable::slot_for(std::uint64_t id) {
  if (const std::uint32_t number = index_[find(id)]; number != none) return slots_[number];
  make_room();
  return slots_[insert(id)];
}

// Backward shift: entries that probed past the hole move into it, so no tombstones are needed.
void ExchangeTable::erase_from_index(std::uint64_t id) {
  const std::size_t mask = index_.size() - 1;
  std::size_t hole = find(id);
  for (std::size_t next = (hole + 1) & mask; index_[next] != none; next = (next + 1) & mask) {
    const std::size_t wanted = home(slots_[index_[next]].id);
    if (((next - wanted) & mask) < ((next - hole) & mask)) continue;
    index_[hole] = index_[next];
    hole = next;
  }
  index_[hole] = none;
}

void ExchangeTable::erase(std::uint32_t number) {
  Slot& slot = slots_[number];
  erase_from_index(slot.id);
  (slot.older == none ? oldest_ : slots_[slot.older].newer) = slot.newer;
  (slot.newer == none ? newest_ : slots_[slot.newer].older) = slot.older;
  text_bytes_ -= text_of(slot.exchange);
  recycle(slot.exchange.request_head);
  recycle(slot.exchange.request_own);
  recycle(slot.exchange.response_head);
  recycle(slot.exchange.parent_context);
  slot.has_request = slot.has_response = slot.has_context = false;
  slot.id = 0;
  slot.newer = free_;
  free_ = number;
  used_--;
}

void ExchangeTable::finish(std::uint32_t number) {
  output_(slots_[number].exchange);
  erase(number);
}

void ExchangeTable::end_early(std::uint32_t number, end_reason reason, std::uint64_t time_ns) {
  Exchange& exchange = slots_[number].exchange;
  exchange.response = {};
  exchange.response.header.time_ns = std::max<std::uint64_t>(time_ns, exchange.request.header.time_ns);
  exchange.response.exchange_id = exchange.request.exchange_id;
  exchange.response.connection_id = exchange.request.connection_id;
  exchange.response.tgid = exchange.request.tgid;
  exchange.response.end = static_cast<__u8>(reason);
  exchange.response.role = exchange.request.role;
  finish(number);
}

void ExchangeTable::drop_or_end(std::uint32_t number, end_reason reason, std::uint64_t time_ns,
                                std::uint64_t& counter) {
  if (slots_[number].has_request) {
    counter++;
    end_early(number, reason, time_ns);
  } else {
    counters_.lone_responses++;
    erase(number);
  }
}

void ExchangeTable::make_room() {
  while (used_ > 0 && (used_ >= limits_.entries || text_bytes_ > limits_.text_bytes)) {
    const Exchange& exchange = slots_[oldest_].exchange;
    drop_or_end(oldest_, END_LOST, exchange.request.header.time_ns, counters_.evicted);
  }
}

void ExchangeTable::inherit_from_parent(Exchange& exchange) {
  if (exchange.request.parent_exchange_id == 0) return;
  const std::uint32_t parent = index_[find(exchange.request.parent_exchange_id)];
  if (parent == none) return;
  const request_event& begun = slots_[parent].exchange.request;
  exchange.request.facts |= begun.facts & (REQUEST_DECIDED | REQUEST_THRESHOLD);
  exchange.request.threshold = begun.threshold;
  if (!slots_[parent].has_context) return;
  HeaderLines lines(slots_[parent].exchange.request_own);
  for (HeaderLine line; lines.next(line);)
    if (equals_lower(line.name, "tracestate") || equals_lower(line.name, "baggage"))
      exchange.parent_context.append(line.name).append(": ").append(line.value).append("\r\n");
}

void ExchangeTable::finish_joined(std::uint64_t id) {
  counters_.completed++;
  finish(index_[find(id)]);
}

void ExchangeTable::request(const RequestEvent& event, const MaskRules& rules) {
  Slot& slot = slot_for(event.fields.exchange_id);
  if (slot.has_request) {
    counters_.duplicates++;
    return;
  }
  slot.has_request = true;
  Exchange& exchange = slot.exchange;
  exchange.request = event.fields;
  slot.has_context = mask_request(event, rules, OtherHeaders::dropped, exchange.request_head, exchange.request_own);
  inherit_from_parent(exchange);
  text_bytes_ += exchange.request_head.size() + exchange.request_own.size() + exchange.parent_context.size();
  if (slot.has_response) finish_joined(slot.id);
}

void ExchangeTable::response(const ResponseEvent& event, const MaskRules& rules) {
  Slot& slot = slot_for(event.fields.exchange_id);
  if (slot.has_response) {
    counters_.duplicates++;
    return;
  }
  slot.has_response = true;
  slot.exchange.response = event.fields;
  mask_response_head(event.head, rules, OtherHeaders::dropped, slot.exchange.response_head);
  text_bytes_ += slot.exchange.response_head.size();
  if (slot.has_request) finish_joined(slot.id);
}

void ExchangeTable::process_exit(std::uint32_t tgid, std::uint64_t time_ns) {
  if (used_ > 0) exits_.push_back({tgid, time_ns});
}

void ExchangeTable::sweep_exits(std::uint64_t now_ns) {
  std::erase_if(exits_, [&](const Exit& exit) {
    if (now_ns < exit.time_ns + limits_.exit_grace_ns) return false;
    for (std::uint32_t number = oldest_; number != none;) {
      const Slot& slot = slots_[number];
      const std::uint32_t next = slot.newer;
      // A process id may be used again: what began after the exit is another's.
      if (slot.has_request && slot.exchange.request.tgid == exit.tgid &&
          slot.exchange.request.header.time_ns <= exit.time_ns) {
        counters_.ended_by_exit++;
        end_early(number, END_EXIT, exit.time_ns);
      }
      number = next;
    }
    return true;
  });
}

void ExchangeTable::sweep(std::uint64_t now_ns) {
  sweep_exits(now_ns);
  // Order of arrival is the order of time but for microseconds: the first one that is young enough ends the walk. Lone
  // responses expire sooner and are few: they are looked for behind it as well, as long as they are old enough.
  for (std::uint32_t number = oldest_; number != none;) {
    const Slot& slot = slots_[number];
    const std::uint32_t next = slot.newer;
    const std::uint64_t time_ns =
        slot.has_request ? slot.exchange.request.header.time_ns : slot.exchange.response.header.time_ns;
    const std::uint64_t limit_ns = slot.has_request ? limits_.open_ns : limits_.lone_response_ns;
    if (time_ns + std::min(limits_.lone_response_ns, limits_.open_ns) > now_ns) break;
    if (time_ns + limit_ns <= now_ns) drop_or_end(number, END_TIMEOUT, now_ns, counters_.timed_out);
    number = next;
  }
}

void ExchangeTable::each_open(const std::function<bool(const Exchange&)>& visit) const {
  for (std::uint32_t number = oldest_; number != none; number = slots_[number].newer)
    if (slots_[number].has_request && !visit(slots_[number].exchange)) return;
}

void ExchangeTable::flush(std::uint64_t now_ns) {
  while (oldest_ != none) drop_or_end(oldest_, END_LOST, now_ns, counters_.flushed);
  exits_.clear();
}

}  // namespace weft
