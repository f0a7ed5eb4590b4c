// SPDX-License-Identifier: Apache-2.0
#include "base/address.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstring>

namespace weft {

std::string address_text(const unsigned char (&address)[16]) {
  static constexpr unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  char buffer[INET6_ADDRSTRLEN] = {};
  if (std::memcmp(address, mapped, sizeof(mapped)) != 0)
    return inet_ntop(AF_INET6, address, buffer, sizeof(buffer)) ? std::string(buffer) : std::string();
  char* end = buffer;
  for (int i = 12; i < 16; i++) {
    if (i > 12) *end++ = '.';
    end = std::to_chars(end, buffer + sizeof(buffer), static_cast<unsigned>(address[i])).ptr;
  }
  return {buffer, end};
}

}  // namespace weft
