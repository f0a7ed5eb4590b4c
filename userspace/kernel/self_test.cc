// SPDX-License-Identifier: Apache-2.0
#include "kernel/self_test.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>

#include "kernel/loopback.h"
#include "self_test.skel.h"

namespace weft {
namespace {

struct SelfTestDeleter {
  void operator()(self_test_bpf* skeleton) const { self_test_bpf__destroy(skeleton); }
};

}  // namespace

Result<SelfTestReport> run_self_test() {
  std::unique_ptr<self_test_bpf, SelfTestDeleter> skeleton(self_test_bpf__open());
  if (!skeleton || self_test_bpf__load(skeleton.get()))
    return fail(fmt::format("sk_msg programs cannot be loaded: {}", std::strerror(errno)));
  const int map = bpf_map__fd(skeleton->maps.self_test_members);
  if (bpf_prog_attach(bpf_program__fd(skeleton->progs.self_test_push), map, BPF_SK_MSG_VERDICT, 0))
    return fail(fmt::format("sk_msg programs cannot be attached: {}", std::strerror(errno)));
  auto pair = loopback_pair();
  if (!pair) return std::unexpected(pair.error());
  const __u64 key = 1;
  const __u32 fd = static_cast<__u32>(pair->client.get());
  if (bpf_map_update_elem(map, &key, &fd, BPF_ANY))
    return fail(fmt::format("a socket cannot become a member: {}", std::strerror(errno)));

  SelfTestReport report;
  char buffer[64] = {};
  if (::send(pair->client.get(), "hello", 5, MSG_NOSIGNAL) == 5 && readable_soon(pair->server.get())) {
    const ssize_t n = ::recv(pair->server.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    report.push_works = n == 9 && std::string_view(buffer, 9) == "heWEFTllo";
  }
  int waiting = 0;
  if (::send(pair->server.get(), "world", 5, MSG_NOSIGNAL) == 5 && readable_soon(pair->client.get()) &&
      ::ioctl(pair->client.get(), FIONREAD, &waiting) == 0)
    report.fionread_works = waiting == 5;
  bpf_prog_detach2(bpf_program__fd(skeleton->progs.self_test_push), map, BPF_SK_MSG_VERDICT);
  return report;
}

}  // namespace weft
