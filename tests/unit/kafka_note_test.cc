// SPDX-License-Identifier: Apache-2.0
#include "wire/kafka_note.h"

#include <doctest/doctest.h>

#include <array>
#include <cstring>
#include <set>
#include <string>

namespace {

std::uint64_t sum_of(const std::string& key, const std::string& value) {
  std::uint64_t sum =
      kafka_note_sum_begin(static_cast<std::uint32_t>(key.size()), static_cast<std::uint32_t>(value.size()));
  for (std::uint32_t i = 0; i < KAFKA_NOTE_PIECES; ++i) {
    const auto piece =
        kafka_note_piece(i, static_cast<std::uint32_t>(key.size()), static_cast<std::uint32_t>(value.size()));
    if (piece.bytes == 0) continue;
    REQUIRE(piece.bytes <= KAFKA_NOTE_PIECE);
    const std::string& text = piece.of_value ? value : key;
    REQUIRE(piece.from + piece.bytes <= text.size());
    std::array<__u64, KAFKA_NOTE_PIECE / 8> words{};
    std::memcpy(words.data(), text.data() + piece.from, piece.bytes);
    sum = kafka_note_sum_add(sum, words.data());
  }
  return kafka_note_sum_end(sum);
}

}  // namespace

TEST_CASE("Kafka notes: every byte of a key up to 128 and of a value up to 512 bytes counts") {
  for (const std::size_t key_bytes : {0u, 1u, 8u, 63u, 64u, 65u, 127u, 128u})
    for (const std::size_t value_bytes : {0u, 1u, 7u, 64u, 65u, 255u, 256u, 257u, 300u, 511u, 512u}) {
      std::string key(key_bytes, 'k'), value(value_bytes, 'v');
      std::set<std::uint64_t> sums = {sum_of(key, value)};
      for (auto* text : {&key, &value})
        for (char& c : *text) {
          c ^= 1;
          CHECK(sums.insert(sum_of(key, value)).second);
          c ^= 1;
        }
      CHECK(sums.insert(sum_of(key + 'k', value)).second);
      CHECK(sums.insert(sum_of(key, value + 'v')).second);
    }
}

TEST_CASE("Kafka notes: where the key ends counts, and of long ones both ends") {
  CHECK(sum_of("ab", "c") != sum_of("a", "bc"));
  CHECK(sum_of("", std::string(9, '\0')) != sum_of("", std::string(10, '\0')));
  std::string text(100'000, 'x');
  const auto before = sum_of(text, text);
  for (const std::size_t at : {std::size_t{0}, std::size_t{63}, text.size() - 64, text.size() - 1}) {
    std::string other = text;
    other[at] = 'y';
    CHECK(sum_of(other, text) != before);
    CHECK(sum_of(text, other) != before);
  }
}
