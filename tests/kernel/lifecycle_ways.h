// SPDX-License-Identifier: Apache-2.0
// Ways in and out of a socket beside send and recv, for lifecycle_app: each gives what its call returned.
#pragma once

#include <string>

namespace weft::test {

std::string send_file(int fd, const std::string& text);
// Through a pipe: out of the socket, or `text` into it.
std::string splice_all(int fd, bool out, std::string text);
// In so many messages of one call (one or two), or received so.
std::string in_messages(int fd, bool receives, unsigned count, std::string text);
std::string send_zerocopy(int fd, const std::string& text);
// io_uring: "receive" is handed over and not waited for; "result" of it, "send" to the end.
std::string by_ring(const std::string& what, int fd, std::string text);

}  // namespace weft::test
