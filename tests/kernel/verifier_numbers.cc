// SPDX-License-Identifier: Apache-2.0
// verifier_numbers OBJECT.bpf.o…: loads every program of every object by itself and prints what the verifier had to
// walk: "object/program<TAB>instructions", or "object/program<TAB>refused<TAB>reason". Attaches nothing;
// tools/verifier-report compares the numbers.
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fmt/core.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "wire/settings.h"

namespace {

using Object = std::unique_ptr<bpf_object, decltype(&bpf_object__close)>;

// Sizes that the agent sets before loading; the verifier does not look at them, map creation does.
void give_sizes(bpf_object* object) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    const auto type = bpf_map__type(map);
    const bool sizeless =
        type == BPF_MAP_TYPE_SK_STORAGE || type == BPF_MAP_TYPE_TASK_STORAGE || type == BPF_MAP_TYPE_INODE_STORAGE;
    if (bpf_map__max_entries(map) == 0 && !sizeless) {
      bpf_map__set_max_entries(map, type == BPF_MAP_TYPE_RINGBUF ? 1u << 16 : 64);
    }
  }
}

std::vector<std::string> program_names(bpf_object* object) {
  std::vector<std::string> names;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) names.emplace_back(bpf_program__name(program));
  return names;
}

// Where a variable of read-only data begins; -1 when the object has none of that name.
long rodata_offset(bpf_object* object, std::string_view name) {
  const btf* types = bpf_object__btf(object);
  const int section_id = btf__find_by_name_kind(types, ".rodata", BTF_KIND_DATASEC);
  if (section_id < 0) return -1;
  const btf_type* section = btf__type_by_id(types, static_cast<__u32>(section_id));
  const btf_var_secinfo* variables = btf_var_secinfos(section);
  for (int i = 0; i < btf_vlen(section); ++i) {
    const btf_type* variable = btf__type_by_id(types, variables[i].type);
    if (name == btf__name_by_offset(types, variable->name_off)) return variables[i].offset;
  }
  return -1;
}

// The verifier leaves out what read-only data makes dead code: everything is switched on, so that all of it is walked.
// The number of slots is fixed, so that the numbers do not depend on the machine. Connections are in the hash for
// programs of the flavour that needs it, for they can use nothing else, and in socket storage for all others.
void switch_all_on(bpf_object* object, const bpf_program* wanted) {
  const std::string_view section = bpf_program__section_name(wanted);
  const bool hash = section == "kprobe" || section == "kretprobe";
  const long offset = rodata_offset(object, "settings");
  bpf_map* map = bpf_object__find_map_by_name(object, ".rodata");
  if (offset < 0 || map == nullptr) return;
  std::size_t size = 0;
  const auto* initial = static_cast<const char*>(bpf_map__initial_value(map, &size));
  if (initial == nullptr || static_cast<std::size_t>(offset) + sizeof(kernel_settings) > size) return;
  std::vector<char> data(initial, initial + size);
  const kernel_settings settings{.flags = ~static_cast<__u32>(SETTING_DISCARD_EVENTS | (hash ? 0 : SETTING_HASH)),
                                 .header_bytes = 4096,
                                 .scratch_slots = 8,
                                 .reserved = 0,
                                 .bulk_bytes = 8u << 20,
                                 .seed = {}};
  std::memcpy(data.data() + offset, &settings, sizeof settings);
  bpf_map__set_initial_value(map, data.data(), data.size());
}

// The last line of a verifier log that says something: the refusal stands right before the statistics.
std::string last_words(const std::string& log) {
  std::size_t end = log.find("\nprocessed ");
  if (end == std::string::npos) end = log.find_last_not_of("\n") + 1;
  const std::size_t begin = log.rfind('\n', end == 0 ? 0 : end - 1);
  return log.substr(begin == std::string::npos ? 0 : begin + 1, end - (begin == std::string::npos ? 0 : begin + 1));
}

void print_program(const std::string& path, const std::string& name) {
  const std::string row = std::filesystem::path(path).stem().stem().string() + "/" + name;
  Object object(bpf_object__open_file(path.c_str(), nullptr), bpf_object__close);
  if (!object) {
    fmt::print("{}\trefused\t{}\n", row, std::strerror(errno));
    return;
  }
  give_sizes(object.get());
  std::vector<char> log(1u << 20);
  bpf_program* wanted = nullptr;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object.get()) {
    const bool here = name == bpf_program__name(program);
    bpf_program__set_autoload(program, here);
    if (here) wanted = program;
  }
  switch_all_on(object.get(), wanted);
  bpf_program__set_log_buf(wanted, log.data(), log.size());
  if (bpf_object__load(object.get()) != 0) {
    const std::string reason = std::strerror(errno);
    fmt::print("{}\trefused\t{}: {}\n", row, reason, last_words(log.data()));
    return;
  }
  bpf_prog_info info{};
  __u32 size = sizeof info;
  if (bpf_obj_get_info_by_fd(bpf_program__fd(wanted), &info, &size) != 0) {
    fmt::print("{}\trefused\tno program info: {}\n", row, std::strerror(errno));
    return;
  }
  fmt::print("{}\t{}\n", row, info.verified_insns);
}

}  // namespace

int main(int argc, char** argv) {
  libbpf_set_print(nullptr);
  if (argc < 2) {
    fmt::print(stderr, "usage: verifier_numbers OBJECT.bpf.o...\n");
    return 2;
  }
  for (int i = 1; i < argc; ++i) {
    Object object(bpf_object__open_file(argv[i], nullptr), bpf_object__close);
    if (!object) {
      fmt::print(stderr, "verifier_numbers: {}: {}\n", argv[i], std::strerror(errno));
      return 1;
    }
    for (const std::string& name : program_names(object.get())) print_program(argv[i], name);
  }
  return 0;
}
