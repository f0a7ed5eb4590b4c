// SPDX-License-Identifier: Apache-2.0
// bench_paced PORT RATE SECONDS CONNECTIONS: keep-alive GETs at a constant rate, whatever the server does. A request's
// time counts from when it was due, so that a stall shows in every request that had to wait for it. Prints JSON.
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <deque>
#include <vector>

#include "e2e/apps/http.h"

namespace {

constexpr std::string_view kRequest =
    "GET /item/17 HTTP/1.1\r\nHost: localhost\r\nUser-Agent: paced/1\r\nAccept: */*\r\n\r\n";
constexpr std::uint64_t kSecond_ns = 1'000'000'000;

std::uint64_t now_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * kSecond_ns + static_cast<std::uint64_t>(now.tv_nsec);
}

struct Slot {
  int fd = -1;
  std::uint64_t due_ns = 0;
  bool failed = false;
};

class Paced {
 public:
  Paced(std::uint16_t port, double rate, double seconds, std::size_t connections)
      : interval_ns_(1e9 / rate), total_(static_cast<std::uint64_t>(rate * seconds)), slots_(connections) {
    poll_fd_ = epoll_create1(EPOLL_CLOEXEC);
    for (std::uint32_t i = 0; i < slots_.size(); i++) {
      slots_[i].fd = weft::app::connect_to(port);
      epoll_event event{.events = EPOLLIN, .data = {.u32 = i}};
      epoll_ctl(poll_fd_, EPOLL_CTL_ADD, slots_[i].fd, &event);
      idle_.push_back(i);
    }
    took_ns_.reserve(total_);
  }

  void run() {
    start_ns_ = now_ns();
    const std::uint64_t give_up_ns =
        start_ns_ + static_cast<std::uint64_t>(interval_ns_ * static_cast<double>(total_)) + 5 * kSecond_ns;
    while (took_ns_.size() + failed_ < total_ && now_ns() < give_up_ns && failed_slots_ < slots_.size()) {
      send_due();
      wait();
    }
    end_ns_ = now_ns();
  }

  std::string json() {
    std::ranges::sort(took_ns_);
    const auto at = [&](double share) {
      return took_ns_.empty()
                 ? 0.0
                 : static_cast<double>(
                       took_ns_[static_cast<std::size_t>(share * static_cast<double>(took_ns_.size() - 1))]) /
                       1e3;
    };
    const double seconds = static_cast<double>(end_ns_ - start_ns_) / 1e9;
    return fmt::format(
        R"({{"wanted": {}, "ok": {}, "failed": {}, "rate": {:.0f}, "p50_us": {:.1f}, "p99_us": {:.1f}, "p999_us": {:.1f}}})",
        total_, took_ns_.size(), failed_, static_cast<double>(took_ns_.size()) / seconds, at(0.5), at(0.99), at(0.999));
  }

 private:
  std::uint64_t due_ns(std::uint64_t index) const {
    return start_ns_ + static_cast<std::uint64_t>(interval_ns_ * static_cast<double>(index));
  }

  void send_due() {
    for (const std::uint64_t now = now_ns(); next_ < total_ && !idle_.empty() && due_ns(next_) <= now; next_++) {
      Slot& slot = slots_[idle_.front()];
      idle_.pop_front();
      slot.due_ns = due_ns(next_);
      if (send(slot.fd, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(kRequest.size()))
        fail(slot);
    }
  }

  void wait() {
    timespec pause{.tv_sec = 0, .tv_nsec = 100'000'000};
    const std::uint64_t now = now_ns();
    if (next_ < total_ && !idle_.empty())
      pause.tv_nsec = due_ns(next_) > now ? static_cast<long>(std::min(due_ns(next_) - now, kSecond_ns - 1)) : 0;
    epoll_event events[64];
    const int ready = epoll_pwait2(poll_fd_, events, 64, &pause, nullptr);
    for (int i = 0; i < ready; i++) receive(events[i].data.u32);
  }

  // Answers are small and come in one piece: one read is one answer.
  void receive(std::uint32_t index) {
    Slot& slot = slots_[index];
    char bytes[4096];
    const ssize_t n = recv(slot.fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return;
    if (n < 12 || std::string_view(bytes, 12) != "HTTP/1.1 200") return fail(slot);
    took_ns_.push_back(now_ns() - slot.due_ns);
    idle_.push_back(index);
  }

  void fail(Slot& slot) {
    if (slot.failed) return;
    slot.failed = true;
    failed_++;
    failed_slots_++;
    close(slot.fd);
  }

  const double interval_ns_;
  const std::uint64_t total_;
  std::vector<Slot> slots_;
  std::deque<std::uint32_t> idle_;
  std::vector<std::uint64_t> took_ns_;
  int poll_fd_ = -1;
  std::uint64_t next_ = 0, failed_ = 0, failed_slots_ = 0, start_ns_ = 0, end_ns_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  prctl(PR_SET_TIMERSLACK, 1);
  Paced paced(static_cast<std::uint16_t>(std::atoi(argv[1])), std::atof(argv[2]), std::atof(argv[3]),
              std::strtoull(argv[4], nullptr, 10));
  paced.run();
  fmt::print("{}\n", paced.json());
}
