// SPDX-License-Identifier: Apache-2.0
#include "policy/compile.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

#include "policy/redactions.h"
#include "policy/tables.h"

namespace weft {
namespace {

// Before minimisation; what is left must be POLICY_STATES_MAX at most.
constexpr std::size_t most_raw_states = 16'384;
constexpr std::size_t most_states = 4'096;

std::string percent_encoded(std::string_view text) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7f || std::strchr("\"%,;\\", byte)) {
      out += '%';
      out += digits[byte >> 4];
      out += digits[byte & 15];
    } else {
      out += c;
    }
  }
  return out;
}

__u64 sum_of(std::string_view text) {
  __u64 sum = 0xcbf29ce484222325ull;  // FNV-1a
  for (const char c : text) sum = (sum ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return sum;
}

std::uint16_t lowest(const DfaPlan::Accepts& here, const DfaPlan::Accepts&) {
  return here.empty() ? 0 : static_cast<std::uint16_t>(*std::min_element(here.begin(), here.end()));
}

[[noreturn]] void refuse(const Place& place, std::string reason) { throw PolicyError{place, std::move(reason)}; }

// One level of a rule set: the top or a scope.
class SetCompiler {
 public:
  SetCompiler(const PolicyRules& rules, const std::vector<InjectedEntry>& injected, Place place)
      : rules_(rules), injected_(injected), place_(place) {}

  void compile(const PolicyLimits& limits, CompiledSet& out) {
    policy_set& set = tables_.set();
    set.max_members = std::min<__u32>(limits.max_members, POLICY_MEMBERS_MAX);
    set.max_bytes = std::min<__u32>(limits.max_bytes, POLICY_BYTES_MAX);
    check_counts();
    number_keys();
    if (rules_.rules) set.flags &= ~POLICY_ANY_KEY;
    add_injected();
    add_keys();
    add_denied();
    add_values();
    add_redactions();
    add_paths();
    PolicySize& size = tables_.size();
    // A step takes a byte at least, but for those that open a token or find its end.
    size.worst_steps =
        3 * std::size_t{POLICY_BYTES_MAX} + (rules_.redact.empty() ? 0 : (POLICY_BYTES_MAX + POLICY_BUDGET) / 8);
    out.sizes.push_back(size);
    out.sets.push_back(tables_.take());
  }

 private:
  using Accepts = DfaPlan::Accepts;

  void check_counts() const {
    if (rules_.rules && rules_.rules->size() > POLICY_RULES_MAX)
      refuse((*rules_.rules)[POLICY_RULES_MAX].place, "more than 256 rules");
    if (rules_.deny.size() > POLICY_DENIED_MAX)
      refuse(rules_.deny.front().place, "more than 256 denied keys, the built-in ones among them");
    if (rules_.redact.size() > POLICY_REDACTIONS_MAX)
      refuse(rules_.redact[POLICY_REDACTIONS_MAX].place, "more than 64 redactions");
    if (injected_.size() > POLICY_INJECTED_MAX)
      refuse(injected_[POLICY_INJECTED_MAX].member->key.place, "more than 16 injected members");
  }

  // Injected members of one key share a number, from 1.
  void number_keys() {
    for (const InjectedEntry& entry : injected_)
      key_numbers_.emplace(entry.member->key.text, static_cast<unsigned>(key_numbers_.size()) + 1);
  }

  void add_injected() {
    policy_set& set = tables_.set();
    set.injected_count = static_cast<__u32>(injected_.size());
    if (!injected_.empty()) set.flags |= POLICY_ALWAYS;
    for (std::size_t n = 0; n < injected_.size(); ++n) {
      const auto& [injection, member] = injected_[n];
      const std::string text = member->key.text + "=" + percent_encoded(member->value.text);
      if (text.size() > POLICY_INJECTED_BYTES)
        refuse(member->key.place,
               "an injected member may have 496 bytes, percent-encoded; this one has " + std::to_string(text.size()));
      policy_injected& out = set.injected[n];
      out.length = static_cast<__u32>(text.size());
      std::memcpy(out.bytes, text.data(), text.size());
      out.text = sum_of(text);
      out.key = static_cast<__u16>(key_numbers_.at(member->key.text));
      out.overwrite = injection->overwrite;
      if (injection->when.path_prefix.text.empty())
        set.everywhere |= 1u << n;
      else
        set.flags |= POLICY_PATHS;
    }
  }

  std::vector<std::uint16_t> place(const char* name, const std::optional<Dfa>& dfa,
                                   const std::vector<Tables::Use>& uses, const Place& where) {
    std::vector<std::uint16_t> starts;
    if (!dfa || dfa->states() > most_states)
      refuse(where, std::string("the ") + name + " of this set together need more than 4096 states");
    if (!tables_.place(name, *dfa, uses, starts))
      refuse(where, "this set as a whole needs more than " + std::to_string(POLICY_CELLS) + " cells of tables");
    return starts;
  }

  void add_keys() {
    Nfa nfa;
    const std::uint32_t exact = nfa.state(), lowered = nfa.state();
    // accept: rule, or injected key above them
    constexpr std::uint32_t key_base = 1000;
    if (rules_.rules)
      for (std::uint32_t n = 0; n < rules_.rules->size(); ++n) {
        const std::string& key = (*rules_.rules)[n].key.text;
        nfa.accept(add_glob(nfa, exact, key, GlobCase::exact), n + 1);
        nfa.accept(add_glob(nfa, lowered, key, GlobCase::lowered), n + 1);
      }
    for (const auto& [key, number] : key_numbers_) {
      std::string lower = key;
      for (char& c : lower)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
      for (const auto& [start, text] : {std::pair{exact, key}, std::pair{lowered, lower}}) {
        const std::uint32_t end = nfa.state();
        nfa.jump(nfa.literal(start, text), end);
        nfa.accept(end, key_base + number);
      }
    }
    if (nfa.states().size() == 2) return;
    const auto label = [](const Accepts& here, const Accepts&) {
      std::uint32_t rule = 0, key = 0;
      for (const std::uint32_t accept : here) {
        std::uint32_t& of = accept > key_base ? key : rule;
        const std::uint32_t number = accept > key_base ? accept - key_base : accept;
        if (!of || number < of) of = number;
      }
      return static_cast<std::uint16_t>(rule | key << POLICY_LABEL_KEY);
    };
    const Place where = rules_.rules && !rules_.rules->empty() ? rules_.rules->front().place : place_;
    const auto starts = place(
        "keys", make_dfa(nfa, {.starts = {{{exact}}, {{lowered}}}, .label = label, .most_states = most_raw_states}),
        {{POLICY_KEY0, POLICY_KEY2, false}}, where);
    tables_.set().keys = starts[0];
    tables_.set().folded_keys = starts[1];
  }

  void add_denied() {
    Nfa nfa;
    const std::uint32_t start = nfa.state();
    for (std::uint32_t n = 0; n < rules_.deny.size(); ++n)
      nfa.accept(add_glob(nfa, start, rules_.deny[n].text, GlobCase::ignored), n + 1);
    if (rules_.deny.empty()) return;
    tables_.set().denied =
        place("denied keys", make_dfa(nfa, {.starts = {{{start}}}, .label = lowest, .most_states = most_raw_states}),
              {{POLICY_KEY0, POLICY_KEY2, true}}, rules_.deny.front().place)[0];
  }

  void add_values() {
    if (!rules_.rules) return;
    policy_set& set = tables_.set();
    Nfa nfa;
    std::vector<DfaPlan::Start> starts;
    std::vector<std::size_t> with_values;
    Place where = place_;
    for (std::size_t n = 0; n < rules_.rules->size(); ++n) {
      const BaggageRule& rule = (*rules_.rules)[n];
      if (rule.max_length) set.rules[n + 1].max_length = *rule.max_length;
      if (rule.required) {
        set.required[n / 64] |= 1ull << (n % 64);
        set.flags |= POLICY_ALWAYS;
      }
      if (!rule.allowed_values) continue;
      if (with_values.empty()) where = rule.place;
      with_values.push_back(n + 1);
      const std::uint32_t start = nfa.state();
      starts.push_back({{start}});
      for (const PlacedText& value : *rule.allowed_values) nfa.accept(nfa.literal(start, value.text), 1);
    }
    if (starts.empty()) return;
    const auto rows = place(
        "allowed values", make_dfa(nfa, {.starts = std::move(starts), .label = lowest, .most_states = most_raw_states}),
        {{POLICY_VALUE0, POLICY_VALUE2, false}}, where);
    for (std::size_t i = 0; i < rows.size(); ++i) set.rules[with_values[i]].values = rows[i];
  }

  void add_redactions() {
    if (rules_.redact.empty()) return;
    policy_set& set = tables_.set();
    for (std::size_t n = 0; n < rules_.redact.size(); ++n) {
      const PlacedText& replace = rules_.redact[n].replace;
      const std::string text = percent_encoded(replace.text);
      if (text.size() > POLICY_REPLACEMENT_MAX)
        refuse(replace.place,
               "a replacement may have 64 bytes, percent-encoded; this one has " + std::to_string(text.size()));
      set.replacements[n].length = static_cast<__u32>(text.size());
      std::memcpy(set.replacements[n].bytes, text.data(), text.size());
    }
    const Place& where = rules_.redact.front().place;
    const RedactionDfas dfas = make_redactions(rules_.redact);
    set.dirty = place("filter", dfas.filter, {{POLICY_VALUE0, POLICY_DETAIL2, true}}, where)[0];
    set.back = place("starts", dfas.starts, {{POLICY_BACK, POLICY_BACK, false}}, where)[0];
    const auto scan = place("search", dfas.search, {{POLICY_SCAN, POLICY_SCAN, false}}, where);
    set.scan_first = scan[0];
    set.scan = scan[1];
  }

  // Prefixes of the path of a request's target, which may also be an absolute URI: a state's label has a bit for each
  // injected member whose prefix ends there.
  void add_paths() {
    policy_set& set = tables_.set();
    if (!(set.flags & POLICY_PATHS)) return;
    Nfa nfa;
    const std::uint32_t begin = nfa.state(), path = nfa.state();
    const ByteSet no_slash = ~one_byte('/');
    nfa.jump(begin, path);
    const std::uint32_t scheme = nfa.step(begin, no_slash);
    nfa.edge(scheme, no_slash, scheme);
    const std::uint32_t authority = nfa.literal(scheme, "//");
    nfa.edge(authority, no_slash, authority);
    nfa.jump(authority, path);
    Place where = place_;
    for (std::uint32_t n = 0; n < injected_.size(); ++n) {
      const PlacedText& prefix = injected_[n].injection->when.path_prefix;
      if (prefix.text.empty()) continue;
      where = prefix.place;
      nfa.accept(nfa.literal(nfa.step(path, one_byte(static_cast<unsigned char>(prefix.text[0]))),
                             std::string_view(prefix.text).substr(1)),
                 n + 1);
    }
    const auto label = [](const Accepts& here, const Accepts&) {
      unsigned bits = 0;
      for (const std::uint32_t n : here) bits |= 1u << (n - 1);
      return static_cast<std::uint16_t>(bits);
    };
    set.paths = place("paths", make_dfa(nfa, {.starts = {{{begin}}}, .label = label, .most_states = most_raw_states}),
                      {{POLICY_PATH, POLICY_PATH, false}}, where)[0];
  }

  const PolicyRules& rules_;
  const std::vector<InjectedEntry>& injected_;
  Place place_;
  std::map<std::string, unsigned> key_numbers_;
  Tables tables_;
};

void set_percentages(const RuleSet& rules, std::vector<std::shared_ptr<const policy_set>>& sets) {
  const auto top = std::const_pointer_cast<policy_set>(sets.front());
  top->sets = static_cast<__u32>(sets.size());
  for (std::size_t n = 0; n < rules.scopes.size(); ++n)
    if (const auto& percent = rules.scopes[n].when.percent)
      top->percent[n + 1] = static_cast<__u64>(std::llround(std::ldexp(std::clamp(*percent, 0.0, 100.0) / 100, 56)));
  for (const auto& set : sets)
    if (set->flags & POLICY_ALWAYS) top->flags |= POLICY_ALWAYS;
}

}  // namespace

std::vector<InjectedEntry> injected_entries(const RuleSet& rules) {
  std::vector<InjectedEntry> all;
  for (const Injection& injection : rules.inject)
    for (const InjectedMember& member : injection.set) all.push_back({&injection, &member});
  return all;
}

policy_service service_row(const RuleSet& rules, const PolicySubject& subject) {
  policy_service row{};
  for (std::size_t n = 0; n < rules.scopes.size() && n + 1 < POLICY_SETS_MAX; ++n)
    if (matches(rules.scopes[n].when, subject)) row.scopes |= 1u << (n + 1);
  const auto injected = injected_entries(rules);
  for (std::size_t n = 0; n < injected.size() && n < POLICY_INJECTED_MAX; ++n)
    if (matches(injected[n].injection->when, subject)) row.injected |= 1u << n;
  return row;
}

std::expected<CompiledSet, PolicyError> compile(const RuleSet& rules, const PolicyLimits& limits) try {
  CompiledSet out;
  out.rules = rules;
  if (rules.scopes.size() >= POLICY_SETS_MAX) refuse(rules.scopes[POLICY_SETS_MAX - 1].place, "more than 15 scopes");
  const auto injected = injected_entries(out.rules);
  SetCompiler(out.rules.top, injected, {1, 1}).compile(limits, out);
  for (const PolicyScope& scope : out.rules.scopes)
    SetCompiler(scope.rules, injected, scope.place).compile(limits, out);
  set_percentages(out.rules, out.sets);
  return out;
} catch (PolicyError& error) {
  return std::unexpected(std::move(error));
} catch (const TooManyStates&) {
  return std::unexpected(PolicyError{{}, "the patterns are too large"});
}

}  // namespace weft
