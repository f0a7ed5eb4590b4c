// SPDX-License-Identifier: Apache-2.0
// Any bytes as header blocks of one connection (a length byte before each). Invariants: nothing outside a block is read
// (sanitizers), the limits hold, and a decoder that came late knows nothing that differs from what one knows that was
// there from the beginning.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "decode/http2/hpack.h"

namespace {

using namespace weft;

constexpr HpackLimits limits{.table_bytes = 2048, .list_bytes = 8192};

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "hpack_fuzz: %s\n", what);
  std::abort();
}

void compare(const HeaderList& whole, const HeaderList& late) {
  if (whole.cut() || late.cut()) return;
  require(whole.size() == late.size(), "another number of fields");
  for (std::size_t i = 0; i < whole.size(); i++) {
    const HpackField known = whole[i], said = late[i];
    require(!said.name_known || !known.name_known || said.name == known.name, "a wrong name");
    require(!said.value_known || !known.value_known || said.value == known.value, "a wrong value");
  }
}

void check(std::span<const std::uint8_t> input) {
  HpackDecoder whole(limits), late(limits);
  HeaderList all, some;
  late.forget();
  for (int block = 0; !input.empty(); block++) {
    const std::size_t bytes = std::min<std::size_t>(input[0], input.size() - 1);
    const auto text = input.subspan(1, bytes);
    input = input.subspan(1 + bytes);
    if (!whole.decode(text, all)) return;
    require(whole.table_bytes() <= limits.table_bytes, "the table grew beyond its limit");
    if (block == 0) continue;  // missed
    require(late.decode(text, some), "legal for one, illegal for the other");
    compare(all, some);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check({data, size});
  return 0;
}
