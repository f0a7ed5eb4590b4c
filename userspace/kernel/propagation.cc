// SPDX-License-Identifier: Apache-2.0
// propagation.* on its way to the kernel programs, at the start and while they run.
#include <fmt/format.h>

#include <cstring>
#include <vector>

#include "kernel/kernel_impl.h"
#include "wire/settings.h"

namespace weft {
namespace {

static_assert(static_cast<unsigned>(ContextFormat::tracecontext) == FORMAT_TRACECONTEXT &&
              static_cast<unsigned>(ContextFormat::xtraceid) == FORMAT_XTRACEID &&
              static_cast<unsigned>(ContextFormat::baggage) == FORMAT_BAGGAGE);

propagation wire_form(const PropagationOptions& options, bool enrol) {
  propagation out{};
  std::size_t places = 0;
  std::memset(out.extract, FORMAT_NONE, sizeof out.extract);
  for (const ContextFormat format : options.extract) {
    out.extract_formats |= static_cast<std::uint8_t>(1u << static_cast<unsigned>(format));
    if (format != ContextFormat::baggage && places < FORMAT_IDS)
      out.extract[places++] = static_cast<std::uint8_t>(format);
  }
  for (const ContextFormat format : options.inject)
    out.inject_formats |= static_cast<std::uint8_t>(1u << static_cast<unsigned>(format));
  const auto set = [&out](bool on, unsigned flag) { out.flags |= static_cast<std::uint8_t>(on ? flag : 0); };
  set(options.trust_incoming, PROPAGATION_TRUST_INCOMING);
  set(options.inject_http2, PROPAGATION_HTTP2);
  set(options.inject_kafka, PROPAGATION_KAFKA);
  set(enrol, PROPAGATION_ENROL);
  return out;
}

Result<UniqueFd> destination_table(const std::vector<DestinationRule>& rules) {
  LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_NO_PREALLOC);
  UniqueFd table(bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, "destinations", sizeof(destination_key), sizeof(std::uint8_t),
                                DESTINATIONS_MAX, &options));
  if (!table) return fail(fmt::format("propagation.destinations: no table: {}", errno_text(errno)));
  const std::vector<DestinationRule> any{{.address = {}}};
  for (const auto& rule : rules.empty() ? any : rules) {
    destination_key key{};
    key.prefix_bits = rule.prefix_bits;
    std::memcpy(key.address, rule.address, sizeof key.address);
    const std::uint8_t bits = (rule.context ? DESTINATION_CONTEXT : 0u) | (rule.baggage ? DESTINATION_BAGGAGE : 0u);
    if (bpf_map_update_elem(table.get(), &key, &bits, BPF_ANY))
      return fail(fmt::format("propagation.destinations: the kernel refused an entry: {}", errno_text(errno)));
  }
  return table;
}

}  // namespace

Result<void> KernelImpl::set_propagation(const PropagationOptions& options) {
  const bool enrol = options_.enrol && !options.inject.empty();
  const auto table = destination_table(options.destinations);
  if (!table) return std::unexpected(table.error());
  if (enrol && !sockops_)
    if (auto attached = attach_members(); !attached) return attached;
  const __u32 zero = 0;
  const int fd = table->get();
  if (bpf_map__update_elem(skeleton_->maps.destinations, &zero, sizeof zero, &fd, sizeof fd, BPF_ANY))
    return fail(fmt::format("propagation.destinations: the kernel refused the table: {}", errno_text(errno)));
  __atomic_fetch_add(&skeleton_->bss->destinations_generation, 1, __ATOMIC_SEQ_CST);
  const propagation form = wire_form(options, enrol);
  std::uint64_t word;
  std::memcpy(&word, &form, sizeof word);
  __atomic_store_n(&skeleton_->bss->propagation_now, word, __ATOMIC_SEQ_CST);
  if (!enrol && members_attached_) run_sweep({.release_tgid = ~0u, .keep_observing = 1});
  return {};
}

}  // namespace weft
