// SPDX-License-Identifier: Apache-2.0
// The name of an attribute. Nearly all are literals of this program: those are referred to, not copied, which is what
// makes a span cheap; a name that comes from elsewhere is owned. A value.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

namespace weft {

class AttributeKey {
 public:
  template <std::size_t N>
  consteval AttributeKey(const char (&literal)[N]) : data_(literal), size_(N - 1) {}
  static AttributeKey copied(std::string_view text) {
    auto* data = new char[text.size()];
    std::memcpy(data, text.data(), text.size());
    return AttributeKey(data, text.size(), true);
  }
  // REQUIRES: `text` outlives every copy: a constant.
  static AttributeKey constant(std::string_view text) { return AttributeKey(text.data(), text.size(), false); }

  AttributeKey(const AttributeKey& other)
      : AttributeKey(other.owned_ ? copied(other) : AttributeKey(other.data_, other.size_, false)) {}
  AttributeKey(AttributeKey&& other) noexcept
      : data_(std::exchange(other.data_, "")),
        size_(std::exchange(other.size_, 0u)),
        owned_(std::exchange(other.owned_, false)) {}
  AttributeKey& operator=(AttributeKey other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(owned_, other.owned_);
    return *this;
  }
  ~AttributeKey() {
    if (owned_) delete[] data_;
  }

  operator std::string_view() const { return {data_, size_}; }
  std::string_view text() const { return {data_, size_}; }
  bool owned() const { return owned_; }
  bool operator==(const std::convertible_to<std::string_view> auto& other) const {
    return text() == std::string_view(other);
  }

 private:
  AttributeKey(const char* data, std::size_t size, bool owned)
      : data_(data), size_(static_cast<std::uint32_t>(size)), owned_(owned) {}

  const char* data_;
  std::uint32_t size_;
  bool owned_ = false;
};

}  // namespace weft
