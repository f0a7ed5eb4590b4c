// SPDX-License-Identifier: Apache-2.0
#include "kernel/semantics/side.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace weft::test {
namespace {

std::string event_names(short events) {
  std::string text;
  constexpr std::pair<short, const char*> kNames[] = {{POLLIN, "IN"},   {POLLOUT, "OUT"}, {POLLPRI, "PRI"},
                                                      {POLLERR, "ERR"}, {POLLHUP, "HUP"}, {POLLRDHUP, "RDHUP"}};
  for (const auto& [bit, name] : kNames)
    if (events & bit) text += fmt::format("{} ", name);
  return text;
}

short poll_once(int fd, short wanted, int timeout_ms) {
  pollfd entry{.fd = fd, .events = wanted, .revents = 0};
  must(poll(&entry, 1, timeout_ms), "poll");
  return entry.revents;
}

constexpr short kAll = POLLIN | POLLOUT | POLLPRI | POLLRDHUP;

}  // namespace

void Side::begin(std::string_view request) {
  if (listener_ >= 0) {
    accept_only();
    read_request();
  } else {
    connect_only();
    send_all(fd.get(), request);
  }
}

void Side::meet() {
  char byte = 'm';
  must(static_cast<int>(send(channel_, &byte, 1, MSG_NOSIGNAL)), "the other side");
  if (recv(channel_, &byte, 1, 0) != 1) die("the other side");
}

long Side::call(std::string_view name, long result) {
  if (result < 0)
    say("{} = -{}", name, strerrorname_np(errno));
  else
    say("{} = {}", name, result);
  return result;
}

void Side::events(std::string_view name, short wanted) {
  poll_once(fd.get(), wanted, -1);
  events_now(name);
}

void Side::events_now(std::string_view name) { say("{}: {}", name, event_names(poll_once(fd.get(), kAll, 0))); }

void Side::receive(std::size_t n) {
  std::string got(n, '\0');
  const ssize_t taken = recv(fd.get(), got.data(), n, MSG_WAITALL);
  call("receive", taken);
  if (taken > 0)
    say("  {:?}", std::string_view(got).substr(0, std::min<std::size_t>(40, static_cast<std::size_t>(taken))));
}

void Side::to_end() {
  const std::string all = read_to_end(fd.get());
  std::uint64_t hash = 14695981039346656037u;
  for (const unsigned char c : all) hash = (hash ^ c) * 1099511628211u;
  say("to the end: {} bytes, {:x}", all.size(), hash);
}

}  // namespace weft::test
