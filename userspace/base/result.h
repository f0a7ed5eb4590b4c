// SPDX-License-Identifier: Apache-2.0
// What can fail returns a Result; no exception crosses a module border.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace weft {

struct Error {
  std::string message;          // one line: what, and what to do
  bool kernel_refuses = false;  // … or its rules do: trying again is of no use
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(std::string message) { return std::unexpected(Error{std::move(message)}); }

}  // namespace weft
