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
  set(options.kafka_singles, PROPAGATION_KAFKA_SINGLES);
  set(options.kafka_topics, PROPAGATION_KAFKA_TOPICS);
  set(enrol, PROPAGATION_ENROL);
  return out;
}

constexpr std::uint8_t kContexts = (1u << FORMAT_IDS) - 1;  // formats that carry ids: all but baggage

// What two settings both write; nothing where no context would go along. An untrusted caller's tracestate is taken
// away: that is writing, too.
propagation common(const propagation& before, const propagation& after) {
  propagation both = after;
  both.inject_formats &= before.inject_formats;
  both.flags = static_cast<std::uint8_t>((before.flags & after.flags) |
                                         ((before.flags | after.flags) & PROPAGATION_TRUST_INCOMING));
  if (!(both.inject_formats & kContexts)) {
    both.inject_formats = 0;
    both.flags |= PROPAGATION_PAUSES;
  }
  return both;
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

void KernelImpl::set_propagation_word(const propagation& form) {
  std::uint64_t word;
  std::memcpy(&word, &form, sizeof word);
  __atomic_store_n(&skeleton_->bss->propagation_now, word, __ATOMIC_SEQ_CST);
}

// Returns when no program is at work any more that began before.
int KernelImpl::swap_destinations(int table) {
  const __u32 zero = 0;
  return bpf_map__update_elem(skeleton_->maps.destinations, &zero, sizeof zero, &table, sizeof table, BPF_ANY);
}

// Destinations are a table and the rest is a word, so they cannot change at once. While they do, only that is written
// which both the old and the new setting would write, and no run sees the new table with the old word.
Result<void> KernelImpl::change_destinations(const std::vector<DestinationRule>& rules, const propagation& form) {
  if (destinations_ && rules == destination_rules_) return {};
  auto table = destination_table(rules);
  if (!table) return std::unexpected(table.error());
  if (destinations_) {
    set_propagation_word(common(propagation_, form));
    swap_destinations(destinations_.get());  // the same again, for its grace period: runs with the old word are over
  }
  if (swap_destinations(table->get())) {
    const int error = errno;
    set_propagation_word(propagation_);
    return fail(fmt::format("propagation.destinations: the kernel refused the table: {}", errno_text(error)));
  }
  __atomic_fetch_add(&skeleton_->bss->destinations_generation, 1, __ATOMIC_SEQ_CST);
  destinations_ = std::move(*table);  // not before: Linux before 6.8 would free the old one under its readers
  destination_rules_ = rules;
  return {};
}

Result<void> KernelImpl::set_propagation(const PropagationOptions& options) {
  const bool enrol = options_.enrol && !options.inject.empty();
  if (enrol && (!members_attached_ || !sockops_))
    if (auto attached = attach_members(); !attached) return attached;
  if (options.kafka_topics)
    if (auto made = late_tables_->make(LateTables::Use::kafka_topics); !made) return made;
  const propagation form = wire_form(options, enrol);
  if (auto changed = change_destinations(options.destinations, form); !changed) return changed;
  enrols_ = enrol;
  if (!enrol && members_attached_) {
    set_propagation_word(common(propagation_, form));  // nothing is written any more, and no socket becomes a member
    swap_destinations(destinations_.get());            // for its grace period: whoever was about to has done so
    run_sweep({.release_tgid = ~0u, .keep_observing = 1, .keep_answers = 1});
  }
  propagation_ = form;
  __atomic_store_n(&skeleton_->bss->kafka_each_most, options.kafka_each_most, __ATOMIC_RELAXED);
  __atomic_store_n(&skeleton_->bss->kafka_batch_most, options.kafka_batch_most, __ATOMIC_RELAXED);
  set_propagation_word(form);
  return {};
}

}  // namespace weft
