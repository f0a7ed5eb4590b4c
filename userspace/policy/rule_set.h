// SPDX-License-Identifier: Apache-2.0
// The baggage policy as its author wrote it: plain values, each with its place in the file. Reading YAML into it is
// control/policy_yaml.h; making tables of it is the compiler's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weft {

// Lines and columns count from 1, columns in bytes; 0 = not from a file (a built-in default).
struct Place {
  int line = 0;
  int column = 0;
  bool operator==(const Place&) const = default;
};

// A text of the policy file and where its first character stands (behind the quotation mark, if there is one).
struct PlacedText {
  std::string text;
  Place place;
  // The file holds the text as it is, on one line: character n stands at place.column + n. Otherwise (escapes, folded
  // lines) only the beginning is known.
  bool verbatim = false;

  Place at(std::size_t character) const {
    return verbatim ? Place{place.line, place.column + static_cast<int>(character)} : place;
  }
};

// One entry of `rules`. Keys are exact or globs: `*` within one dot-separated part, `**` across, `?` one character.
struct BaggageRule {
  Place place;
  PlacedText key;
  std::optional<std::uint32_t> max_length;                // of the value, decoded bytes
  bool required = false;                                  // a request without it is counted and shown, not refused
  std::optional<std::vector<PlacedText>> allowed_values;  // decoded; absent = any. Never empty
  bool low_cardinality = false;                           // its values may be metric labels
};

// One entry of `deny`: exact or glob, case-insensitive. A built-in one has no place.
using DeniedKey = PlacedText;

struct Redaction {
  Place place;
  PlacedText pattern;  // regular expression, the documented subset
  PlacedText replace;  // as written: not yet percent-encoded
};

// One complete rule set: the top level of a file, or a scope. Parts that a scope does not mention are the top level's,
// already copied; so are the defaults of `deny`.
struct PolicyRules {
  std::optional<std::vector<BaggageRule>> rules;  // absent: every key passes. Empty: none does. First match decides
  std::vector<DeniedKey> deny;                    // before the rules; the built-in ones last
  std::vector<Redaction> redact;
};

// Globs where a text is given (`*` any run of characters); empty = anything.
struct InjectionCondition {
  PlacedText service;
  PlacedText service_namespace;  // service.namespace or the Kubernetes namespace
  PlacedText path_prefix;        // of the request's target, byte for byte
};

struct InjectedMember {
  PlacedText key;    // a token (RFC 9110): checked when read
  PlacedText value;  // as written: not yet percent-encoded
};

struct Injection {
  Place place;
  InjectionCondition when;
  std::vector<InjectedMember> set;  // never empty
  bool overwrite = true;            // over a member of that key that came in
};

struct ScopeCondition {
  PlacedText service;
  PlacedText service_namespace;
  PlacedText environment;         // deployment.environment
  std::optional<double> percent;  // 0 to 100 of the traces, by trace id; absent = all
};

struct PolicyScope {
  Place place;
  ScopeCondition when;
  PolicyRules rules;
};

struct RuleSet {
  std::string name;                 // of the file, for messages; "api" when it was pushed
  std::string version;              // free text, empty when the file gives none
  PolicyRules top;                  // for whom no scope matches
  std::vector<Injection> inject;    // for one key the first that matches decides
  std::vector<PolicyScope> scopes;  // first match decides
};

// Sensitive keys that are denied unless `deny_defaults: false`.
inline constexpr std::array<std::string_view, 3> kDefaultDenied{"auth_token", "id_card", "phone"};

// Without a policy file: everything passes but the keys above.
RuleSet default_rule_set();

// What scopes and injections are matched against.
struct PolicySubject {
  std::string service;
  std::string service_namespace;
  std::string kubernetes_namespace;
  std::string environment;
};
// `percent` is left to whoever knows the trace id, `path_prefix` to whoever knows the request.
bool matches(const ScopeCondition& when, const PolicySubject& subject);
bool matches(const InjectionCondition& when, const PolicySubject& subject);

// Why a rule set cannot be used.
struct PolicyError {
  Place place;
  std::string reason;  // one line, without the place
};

// Limits that hold for each automaton (the top level and each scope are compiled by themselves).
inline constexpr std::size_t kMostBaggageRules = 256;
inline constexpr std::size_t kMostRedactions = 64;
inline constexpr std::size_t kMostInjectedMembers = 16;

}  // namespace weft
