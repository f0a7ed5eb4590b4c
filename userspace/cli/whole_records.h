// SPDX-License-Identifier: Apache-2.0
// Cuts the byte stream of a recording (docs/recording.md) at the ends of its records.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weft::cli {

class WholeRecords {
 public:
  // Takes the next piece of the stream; returns what is complete by now: the file header, then whole records.
  std::string take(std::string_view data);
  bool broken() const { return broken_; }  // a length that cannot be; nothing more is returned
  bool begun() const { return header_seen_; }
  std::uint64_t count() const { return count_; }

 private:
  // Bytes of the header or record that `text` begins with; 0 = not known yet.
  std::size_t length(std::string_view text);

  std::string rest_;
  bool header_seen_ = false;
  bool broken_ = false;
  std::uint64_t count_ = 0;
};

}  // namespace weft::cli
