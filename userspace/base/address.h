// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace weft {

// 16 network-order bytes; IPv4 as v4-mapped IPv6 is written as IPv4.
std::string address_text(const unsigned char (&address)[16]);

}  // namespace weft
