// SPDX-License-Identifier: Apache-2.0
#include "kernel/traffic/stuck.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

namespace weft::test {
namespace {

std::string stuck_line;
std::atomic<int> connection = -1;

std::string content(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

void tell_process(const std::filesystem::path& process) {
  std::error_code error;
  for (const auto& task : std::filesystem::directory_iterator(process / "task", error)) {
    std::cerr << task.path().string() << " in system call " << content(task.path() / "syscall")
              << content(task.path() / "stack");
    std::istringstream children(content(task.path() / "children"));
    for (std::string pid; children >> pid;) tell_process(std::filesystem::path("/proc") / pid);
  }
}

void tell_connection(int fd) {
  if (fd < 0) return;
  tcp_info info{};
  socklen_t length = sizeof info;
  int unsent = -1, unacknowledged = -1, unread = -1;
  ioctl(fd, SIOCOUTQNSD, &unsent);
  ioctl(fd, SIOCOUTQ, &unacknowledged);
  ioctl(fd, SIOCINQ, &unread);
  pollfd now{fd, POLLIN | POLLOUT, 0};
  poll(&now, 1, 0);
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length)) return;
  std::cerr << "connection: state " << int(info.tcpi_state) << ", poll says " << std::hex << now.revents << std::dec
            << ", unsent " << unsent << ", unacknowledged " << unacknowledged << ", unread " << unread << ", in flight "
            << info.tcpi_unacked << ", peer's window " << info.tcpi_snd_wnd << ", probes " << int(info.tcpi_probes)
            << ", backoff " << int(info.tcpi_backoff) << ", retransmits " << int(info.tcpi_retransmits)
            << ", last sent " << info.tcpi_last_data_sent << " ms ago, last acknowledged " << info.tcpi_last_ack_recv
            << " ms ago\n";
}

// Nothing else is done by this process any more, so the handler may do what handlers may not.
void on_alarm(int) {
  std::cerr << stuck_line << '\n';
  tell_process("/proc/self");
  tell_connection(connection);
  _exit(75);
}

}  // namespace

void watch_for_stuck(std::string line) {
  stuck_line = std::move(line);
  signal(SIGALRM, on_alarm);
}

void alive(unsigned seconds, int fd) {
  connection = fd;
  alarm(seconds);
}

}  // namespace weft::test
