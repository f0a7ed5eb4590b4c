// SPDX-License-Identifier: Apache-2.0
#include "kernel/link.h"

#include <bpf/bpf.h>
#include <unistd.h>

#include <cerrno>

#include "kernel/unique_fd.h"

namespace weft {

int visit_open_files(const bpf_program* program, pid_t tgid) {
  bpf_iter_link_info of_process{};
  of_process.task.pid = static_cast<__u32>(tgid);
  LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &of_process, .link_info_len = sizeof of_process);
  const Link link(bpf_program__attach_iter(program, &options));
  if (!link) return -errno;
  const UniqueFd fd(bpf_iter_create(bpf_link__fd(link.get())));
  if (!fd) return -errno;
  char nothing[256];
  ssize_t read = 0;
  do read = ::read(fd.get(), nothing, sizeof nothing);
  while (read > 0 || (read < 0 && (errno == EAGAIN || errno == EINTR)));  // EAGAIN: after very many it takes a rest
  return read < 0 ? -errno : 0;
}

}  // namespace weft
