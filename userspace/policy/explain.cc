// SPDX-License-Identifier: Apache-2.0
#include "policy/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "wire/policy.h"

namespace weft {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// The members between commas, without empty ones.
std::vector<std::string_view> members_of(std::string_view text) {
  std::vector<std::string_view> members;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    if (const auto member = trimmed(text.substr(0, comma)); !member.empty()) members.push_back(member);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return members;
}

// Which of the top level (0) and the scopes (from 1) judges.
std::size_t choose_set(const RuleSet& rules, const PolicyQuestion& question) {
  for (std::size_t n = 0; n < rules.scopes.size(); ++n) {
    const ScopeCondition& when = rules.scopes[n].when;
    const bool in_share = !when.percent || (question.percent && *question.percent < *when.percent);
    if (in_share && matches(when, question.subject)) return n + 1;
  }
  return 0;
}

// Bits of the injected members whose path prefix the target has.
__u32 paths_of(const policy_set& set, std::string_view path) {
  __u32 state = set.paths, bits = policy_label(&set, state);
  for (const char c : path) {
    state =
        policy_next(&set, state, policy_byte_entry(&set, POLICY_PATH, static_cast<unsigned char>(c)) & POLICY_CLASS);
    bits |= policy_label(&set, state);
  }
  return bits;
}

std::string at_line(const Place& place) {
  return place.line ? fmt::format("line {}", place.line) : std::string("built-in");
}

class Explainer {
 public:
  Explainer(const CompiledSet& set, const PolicyQuestion& question)
      : set_(set), question_(question), index_(choose_set(set.rules, question)) {}

  PolicyExplanation all() {
    judge();
    PolicyExplanation all;
    all.version = set_.rules.version;
    all.scope =
        index_ ? fmt::format("scope {} (line {})", index_, set_.rules.scopes[index_ - 1].place.line) : "top level";
    all.out.assign(reinterpret_cast<const char*>(run_->out), run_->out_length);
    const auto came = members_of(question_.baggage);
    const auto out = members_of(all.out);
    std::size_t next = 0;
    for (std::size_t i = 0; i < came.size(); ++i) {
      MemberFate fate =
          i < std::min<std::size_t>(run_->fate_count, POLICY_FATES) ? fate_of(run_->fates[i]) : unjudged();
      fate.member = came[i];
      const bool passes =
          fate.fate == policy_action_name(POLICY_KEPT) || fate.fate == policy_action_name(POLICY_REDACTED);
      if (passes && next < out.size()) fate.out = out[next++];
      all.members.push_back(std::move(fate));
    }
    injected(all, out, next);
    if (const auto& listed = rules().rules) {
      for (std::size_t n = 0; n < listed->size(); ++n) {
        if (counters_->by[POLICY_BY_MISSING][n + 1]) all.missing.push_back((*listed)[n].key.text);
      }
    }
    return all;
  }

 private:
  const PolicyRules& rules() const { return index_ ? set_.rules.scopes[index_ - 1].rules : set_.rules.top; }

  void judge() {
    const policy_set& tables = *set_.sets[index_];
    const std::size_t length = std::min<std::size_t>(question_.baggage.size(), POLICY_TEXT_MAX);
    std::memcpy(run_->text, question_.baggage.data(), length);
    run_->length = static_cast<__u32>(length);
    run_->cut = length < question_.baggage.size();
    run_->folded_from = ~0u;
    run_->injectable =
        service_row(set_.rules, question_.subject).injected & (tables.everywhere | paths_of(tables, question_.path));
    policy_judge(run_.get(), &tables, counters_.get());
  }

  static MemberFate unjudged() {
    return {"", std::string(policy_action_name(POLICY_UNJUDGED)), "beyond what one header may hold", {}, ""};
  }

  MemberFate fate_of(__u32 fate) const {
    const auto action = static_cast<policy_action>(POLICY_FATE_ACTION(fate));
    MemberFate out;
    out.fate = policy_action_name(action);
    const __u32 number = POLICY_FATE_RULE(fate);
    if (action == POLICY_DENIED) {
      if (number >= 1 && number <= rules().deny.size()) {
        const DeniedKey& denied = rules().deny[number - 1];
        out.place = denied.place;
        out.reason = fmt::format("deny '{}' ({})", denied.text, at_line(denied.place));
      }
      return out;
    }
    const auto& listed = rules().rules;
    const BaggageRule* rule = listed && number >= 1 && number <= listed->size() ? &(*listed)[number - 1] : nullptr;
    const std::string by =
        rule ? fmt::format("rule '{}' ({})", rule->key.text, at_line(rule->place)) : "no rules: every key passes";
    if (rule) out.place = rule->place;
    switch (action) {
      case POLICY_KEPT:
        out.reason = by;
        break;
      case POLICY_REDACTED:
        out.reason = by + redaction(POLICY_FATE_PATTERN(fate), out.place);
        break;
      case POLICY_TOO_LONG:
        out.reason = fmt::format("{}: longer than its max_length {}", by, rule ? rule->max_length.value_or(0) : 0);
        break;
      case POLICY_NOT_ALLOWED:
        out.reason = by + ": not one of its allowed_values";
        break;
      default:
        out.reason = other_reason(action);
    }
    return out;
  }

  std::string redaction(__u32 number, Place& place) const {
    if (number < 1 || number > rules().redact.size()) return "";
    const Redaction& redaction = rules().redact[number - 1];
    place = redaction.place;
    return fmt::format("; redact '{}' ({})", redaction.pattern.text, at_line(redaction.place));
  }

  static std::string other_reason(policy_action action) {
    switch (action) {
      case POLICY_NO_RULE:
        return "no rule allows this key";
      case POLICY_MALFORMED:
        return "not as W3C Baggage has it: no '=', a bad '%', an empty property or a byte that must be encoded";
      case POLICY_OVERWRITTEN:
        return "an injected member takes its place";
      case POLICY_OVER_MEMBERS:
        return "more members than max_members";
      case POLICY_OVER_BYTES:
        return "more bytes than max_bytes";
      case POLICY_CUT:
        return "its end lies beyond what one header may hold";
      default:
        return "not judged within the step budget";
    }
  }

  void injected(PolicyExplanation& all, const std::vector<std::string_view>& out, std::size_t next) const {
    const auto entries = injected_entries(set_.rules);
    for (std::size_t n = 0; n < entries.size(); ++n) {
      if (!(run_->injected >> n & 1)) continue;
      const Place place = entries[n].injection->place;
      all.members.push_back({"", std::string(policy_action_name(POLICY_INJECTED)),
                             fmt::format("inject ({})", at_line(place)), place,
                             next < out.size() ? std::string(out[next++]) : std::string()});
    }
  }

  const CompiledSet& set_;
  const PolicyQuestion& question_;
  const std::size_t index_;
  const std::unique_ptr<policy_run> run_ = std::make_unique<policy_run>();
  const std::unique_ptr<policy_counters> counters_ = std::make_unique<policy_counters>();
};

}  // namespace

PolicyExplanation explain(const CompiledSet& set, const PolicyQuestion& question) {
  return Explainer(set, question).all();
}

std::string_view policy_action_name(policy_action action) {
  constexpr std::array<std::string_view, POLICY_ACTION_COUNT> names{
      "kept",      "redacted",     "denied",       "no_rule",    "too_long", "not_allowed",
      "malformed", "overwritten",  "over_members", "over_bytes", "cut",      "unjudged",
      "injected",  "not_injected", "missing",      "empty",      "lost_line"};
  static_assert(names[POLICY_ACTION_COUNT - 1] == "lost_line");
  return action < POLICY_ACTION_COUNT ? names[action] : "unjudged";
}

}  // namespace weft
