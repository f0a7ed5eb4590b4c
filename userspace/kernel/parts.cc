// SPDX-License-Identifier: Apache-2.0
#include "kernel/parts.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <exception>
#include <system_error>
#include <thread>

#include "kernel/kernel_impl.h"

namespace weft {
namespace {

// False: there are no more threads to be had, and it takes longer.
template <class Work>
bool start(std::vector<std::jthread>& threads, const Work& work) {
  try {
    threads.emplace_back(work);
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

}  // namespace

void Parts::ObjectEnd::operator()(bpf_object* object) const { bpf_object__close(object); }

void Parts::take(bpf_program*& place) {
  bpf_program__set_autoload(place, false);
  parts_.push_back({.place = &place, .name = bpf_program__name(place), .object = nullptr, .fd = UniqueFd()});
}

Result<void> Parts::load(const weft_bpf& whole) {
  std::vector<Result<void>> results(parts_.size());
  std::atomic<std::size_t> next = 0;
  const auto load_some = [&] {
    for (std::size_t i = next++; i < parts_.size(); i = next++) try {
        results[i] = load(whole, parts_[i]);
      } catch (const std::exception& error) {  // no memory
        results[i] = fail(error.what());
      }
  };
  {
    const std::size_t at_once = std::min<std::size_t>(parts_.size(), std::thread::hardware_concurrency());
    std::vector<std::jthread> others;
    while (others.size() + 1 < at_once && start(others, load_some)) {
    }
    load_some();
  }
  for (auto& result : results)
    if (!result) return result;
  return {};
}

void Parts::forget_objects() {
  for (Part& part : parts_) {
    part.object.reset();
    *part.place = nullptr;
  }
}

std::vector<Parts::Program> Parts::loaded() const {
  std::vector<Program> programs;
  for (const Part& part : parts_)
    if (part.fd) programs.push_back({part.name, part.fd.get()});
  return programs;
}

int Parts::fd_of(std::string_view name) const {
  for (const Part& part : parts_)
    if (part.name == name) return part.fd.get();
  return -1;
}

// Maps of both come from the same file, in the same order.
Result<void> Parts::load(const weft_bpf& whole, Part& part) {
  const auto refused = [&](int error) { return load_refused(fmt::format("the kernel refuses {}", part.name), error); };
  std::unique_ptr<bpf_object, ObjectEnd> object(
      bpf_object__open_mem(whole.skeleton->data, whole.skeleton->data_sz, nullptr));
  if (!object) return refused(errno);
  const bpf_map* theirs = nullptr;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object.get()) {
    theirs = bpf_object__next_map(whole.obj, theirs);
    if (const int error = bpf_map__reuse_fd(map, bpf_map__fd(theirs))) return refused(error);
  }
  bpf_program *program = nullptr, *wanted = nullptr;
  bpf_object__for_each_program(program, object.get()) {
    const bool is_wanted = part.name == bpf_program__name(program);
    bpf_program__set_autoload(program, is_wanted);
    if (is_wanted) wanted = program;
  }
  bpf_program__set_expected_attach_type(wanted, bpf_program__expected_attach_type(*part.place));
  if (const int error = bpf_object__load(object.get())) return refused(error);
  part.fd = UniqueFd(::fcntl(bpf_program__fd(wanted), F_DUPFD_CLOEXEC, 0));
  if (!part.fd) return refused(errno);
  *part.place = wanted;
  part.object = std::move(object);
  return {};
}

}  // namespace weft
