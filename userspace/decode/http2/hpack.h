// SPDX-License-Identifier: Apache-2.0
// HPACK (RFC 7541): header blocks of one direction of one connection, in order, become header fields.
//
// Made for a reader who may have come late. What the dynamic table held before is then unknown: an index into that part
// gives a field that is marked, never a guess, and what is inserted from there on is known. For the same reason bytes
// that were missed cost only what they said: see forget().
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weft {

struct HpackField {
  std::string_view name;  // as sent: lower case, pseudo-headers with their colon
  std::string_view value;
  bool name_known = true;
  bool value_known = true;
  bool never_indexed = false;  // the sender asks that it be kept secret (section 7.1.3)
};

// The fields of one block. Reused from block to block for its memory.
class HeaderList {
 public:
  std::size_t size() const { return fields_.size(); }
  HpackField operator[](std::size_t i) const;
  bool cut() const { return cut_; }          // there were more than the limit allows
  bool unknown() const { return unknown_; }  // some name or value is not known
  void clear();

 private:
  friend class HpackDecoder;
  struct Place {
    std::uint32_t name_at, name_bytes, value_at, value_bytes;
    bool name_known, value_known, never_indexed;
  };
  std::string text_;
  std::vector<Place> fields_;
  bool cut_ = false, unknown_ = false;
};

struct HpackLimits {
  std::size_t table_bytes = 65536;  // of the dynamic table, as section 4.1 counts; a larger one is known in part
  std::size_t list_bytes = 65536;   // of one block's fields, counted in the same way
};

class HpackDecoder {
 public:
  explicit HpackDecoder(HpackLimits limits = {}) : limits_(limits) { set_size(4096); }

  // Reads one whole block into `out` (cleared first). False: an illegal block, which ends an HTTP/2 connection (section
  // 4.3 of RFC 9113); the table is unknown from then on.
  bool decode(std::span<const std::uint8_t> block, HeaderList& out);

  // Bytes were missed: of the table nothing is known any more.
  void forget();

  // Has every block since the connection began been read?
  bool complete() const { return complete_; }
  std::size_t table_bytes() const { return table_bytes_; }
  std::size_t table_entries() const { return table_.size(); }

 private:
  struct Entry {
    std::string name, value;
    bool name_known, value_known;
    std::size_t bytes() const { return name.size() + value.size() + 32; }
  };
  struct Reader;

  bool read_field(Reader& reader, HeaderList& out);
  bool read_name(Reader& reader, std::uint32_t index);
  bool indexed(std::uint32_t index, HeaderList& out);
  void emit(const HpackField& field, HeaderList& out) const;
  void insert();
  void shrink(std::size_t most);
  void set_size(std::size_t bytes);

  HpackLimits limits_;
  std::deque<Entry> table_;  // newest first
  std::size_t table_bytes_ = 0;
  std::size_t size_ = 0;  // the table's maximum, as the sender said it; never above limits_.table_bytes
  bool complete_ = true;
  Entry field_{};  // the literal at hand
  std::size_t listed_ = 0;
};

}  // namespace weft
