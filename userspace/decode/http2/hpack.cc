// SPDX-License-Identifier: Apache-2.0
#include "decode/http2/hpack.h"

#include <algorithm>
#include <array>
#include <utility>

#include "decode/http2/huffman.h"

namespace weft {
namespace {

struct Static {
  std::string_view name, value;
};

// RFC 7541 appendix A; index 1 is the first.
constexpr std::array<Static, 61> static_table{{
    {":authority", ""},
    {":method", "GET"},
    {":method", "POST"},
    {":path", "/"},
    {":path", "/index.html"},
    {":scheme", "http"},
    {":scheme", "https"},
    {":status", "200"},
    {":status", "204"},
    {":status", "206"},
    {":status", "304"},
    {":status", "400"},
    {":status", "404"},
    {":status", "500"},
    {"accept-charset", ""},
    {"accept-encoding", "gzip, deflate"},
    {"accept-language", ""},
    {"accept-ranges", ""},
    {"accept", ""},
    {"access-control-allow-origin", ""},
    {"age", ""},
    {"allow", ""},
    {"authorization", ""},
    {"cache-control", ""},
    {"content-disposition", ""},
    {"content-encoding", ""},
    {"content-language", ""},
    {"content-length", ""},
    {"content-location", ""},
    {"content-range", ""},
    {"content-type", ""},
    {"cookie", ""},
    {"date", ""},
    {"etag", ""},
    {"expect", ""},
    {"expires", ""},
    {"from", ""},
    {"host", ""},
    {"if-match", ""},
    {"if-modified-since", ""},
    {"if-none-match", ""},
    {"if-range", ""},
    {"if-unmodified-since", ""},
    {"last-modified", ""},
    {"link", ""},
    {"location", ""},
    {"max-forwards", ""},
    {"proxy-authenticate", ""},
    {"proxy-authorization", ""},
    {"range", ""},
    {"referer", ""},
    {"refresh", ""},
    {"retry-after", ""},
    {"server", ""},
    {"set-cookie", ""},
    {"strict-transport-security", ""},
    {"transfer-encoding", ""},
    {"user-agent", ""},
    {"vary", ""},
    {"via", ""},
    {"www-authenticate", ""},
}};

constexpr std::uint32_t most_integer = 1u << 28;  // no string and no table is that large

}  // namespace

struct HpackDecoder::Reader {
  std::span<const std::uint8_t> rest;

  bool byte(std::uint8_t& out) {
    if (rest.empty()) return false;
    out = rest.front();
    rest = rest.subspan(1);
    return true;
  }

  // Section 5.1; `first` is the byte with the prefix. As long as the kernel reads them (http2_integer_at), no longer.
  bool integer(std::uint8_t first, unsigned prefix_bits, std::uint32_t& out) {
    const std::uint32_t full = (1u << prefix_bits) - 1;
    out = first & full;
    if (out < full) return true;
    for (unsigned shift = 0; shift <= 21; shift += 7) {
      std::uint8_t next = 0;
      if (!byte(next)) return false;
      const std::uint64_t sum = out + (static_cast<std::uint64_t>(next & 0x7f) << shift);
      if (sum > most_integer) return false;
      out = static_cast<std::uint32_t>(sum);
      if (!(next & 0x80)) return true;
    }
    return false;
  }

  // Section 5.2.
  bool string(std::string& out) {
    out.clear();
    std::uint8_t first = 0;
    std::uint32_t bytes = 0;
    if (!byte(first) || !integer(first, 7, bytes) || bytes > rest.size()) return false;
    const auto text = rest.first(bytes);
    rest = rest.subspan(bytes);
    if (first & 0x80) return huffman_decode(text, out);
    out.assign(reinterpret_cast<const char*>(text.data()), text.size());
    return true;
  }
};

HpackField HeaderList::operator[](std::size_t i) const {
  const Place& place = fields_[i];
  const std::string_view text = text_;
  return {text.substr(place.name_at, place.name_bytes), text.substr(place.value_at, place.value_bytes),
          place.name_known, place.value_known, place.never_indexed};
}

void HeaderList::clear() {
  text_.clear();
  fields_.clear();
  cut_ = unknown_ = false;
}

void HpackDecoder::forget() {
  table_.clear();
  table_bytes_ = 0;
  complete_ = false;
}

void HpackDecoder::shrink(std::size_t most) {
  while (table_bytes_ > most) {
    table_bytes_ -= table_.back().bytes();
    table_.pop_back();
  }
}

// More than we hold means that older entries are known to the sender alone.
void HpackDecoder::set_size(std::size_t bytes) {
  if (bytes > limits_.table_bytes) {
    bytes = limits_.table_bytes;
    complete_ = false;
  }
  size_ = bytes;
  shrink(size_);
}

// Section 4.4: what does not fit empties the table.
void HpackDecoder::insert() {
  const std::size_t bytes = field_.bytes();
  if (bytes > size_) return shrink(0);
  shrink(size_ - bytes);
  table_.push_front(field_);
  table_bytes_ += bytes;
}

void HpackDecoder::emit(const HpackField& field, HeaderList& out) const {
  out.unknown_ |= !field.name_known || !field.value_known;
  if (listed_ > limits_.list_bytes) {
    out.cut_ = true;
    return;
  }
  const auto name_at = static_cast<std::uint32_t>(out.text_.size());
  out.text_.append(field.name).append(field.value);
  const auto name_bytes = static_cast<std::uint32_t>(field.name.size());
  out.fields_.push_back({name_at, name_bytes, name_at + name_bytes, static_cast<std::uint32_t>(field.value.size()),
                         field.name_known, field.value_known, field.never_indexed});
}

bool HpackDecoder::indexed(std::uint32_t index, HeaderList& out) {
  if (index == 0) return false;
  HpackField field;
  if (index <= static_table.size()) {
    field.name = static_table[index - 1].name;
    field.value = static_table[index - 1].value;
  } else if (const std::size_t at = index - static_table.size() - 1; at < table_.size()) {
    const Entry& entry = table_[at];
    field = {entry.name, entry.value, entry.name_known, entry.value_known, false};
  } else if (complete_) {
    return false;
  } else {
    field.name_known = field.value_known = false;
  }
  listed_ += field.name.size() + field.value.size() + 32;
  emit(field, out);
  return true;
}

// The name of a literal, by index or as a string, to field_.
bool HpackDecoder::read_name(Reader& reader, std::uint32_t index) {
  field_.name_known = true;
  if (index == 0) return reader.string(field_.name);
  if (index <= static_table.size()) {
    field_.name = static_table[index - 1].name;
  } else if (const std::size_t at = index - static_table.size() - 1; at < table_.size()) {
    field_.name = table_[at].name;
    field_.name_known = table_[at].name_known;
  } else if (complete_) {
    return false;
  } else {
    field_.name.clear();
    field_.name_known = false;
  }
  return true;
}

// Section 6: one representation.
bool HpackDecoder::read_field(Reader& reader, HeaderList& out) {
  std::uint8_t first = 0;
  std::uint32_t number = 0;
  reader.byte(first);
  if (first & 0x80) return reader.integer(first, 7, number) && indexed(number, out);
  if ((first & 0xe0) == 0x20) {
    if (!reader.integer(first, 5, number)) return false;
    set_size(number);
    return true;
  }
  const bool inserts = first & 0x40;
  if (!reader.integer(first, inserts ? 6 : 4, number) || !read_name(reader, number)) return false;
  if (!reader.string(field_.value)) return false;
  field_.value_known = true;
  listed_ += field_.bytes();
  emit({field_.name, field_.value, field_.name_known, true, (first & 0xf0) == 0x10}, out);
  if (inserts) insert();
  return true;
}

bool HpackDecoder::decode(std::span<const std::uint8_t> block, HeaderList& out) {
  out.clear();
  listed_ = 0;
  Reader reader{block};
  while (!reader.rest.empty())
    if (!read_field(reader, out)) {
      forget();
      return false;
    }
  return true;
}

}  // namespace weft
