// SPDX-License-Identifier: Apache-2.0
#include "control/policy_yaml.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <functional>
#include <set>

#include "base/utf8.h"
#include "control/config_values.h"
#include "control/policy_yaml_node.h"
#include "control/yaml_document.h"

namespace weft {
namespace {

constexpr std::uint32_t kMostValueBytes = 8192;  // W3C Baggage, section 3.3.2: what a whole header may have
constexpr std::size_t kMostReplacementBytes = 64;

Place place_of(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }

[[noreturn]] void refuse(Place place, std::string reason) { throw PolicyError{place, std::move(reason)}; }
[[noreturn]] void refuse(const YAML::Node& node, std::string reason) {
  refuse(place_of(node.Mark()), std::move(reason));
}

bool is_token_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || (c != '\0' && std::strchr("!#$%&'*+-.^_`|~", c));
}

// Bytes that a value takes in a header: the characters of baggage-octet but '%' as they are, all others as %XX.
std::size_t encoded_bytes(std::string_view value) {
  std::size_t bytes = 0;
  for (const char c : value) {
    const bool plain = c > ' ' && c < 0x7f && !std::strchr("\",;\\%", c);
    bytes += plain ? 1 : 3;
  }
  return bytes;
}

struct Field {
  std::string_view name;
  std::function<void(const YAML::Node&)> read;
};

class Reader {
 public:
  explicit Reader(std::string_view document) : document_(document) {}

  RuleSet whole(const YAML::Node& node) {
    RuleSet set;
    // Scopes take over what they do not mention: read when the top level is known, wherever they stand.
    YAML::Node scopes_node;
    bool has_scopes = false;
    Parts top;
    auto fields = parts(top, "");
    fields.push_back({"version", [&](const YAML::Node& n) { set.version = scalar(n, "version").text; }});
    fields.push_back({"inject", [&](const YAML::Node& n) { set.inject = injections(n); }});
    fields.push_back({"scopes", [&](const YAML::Node& n) {
                        scopes_node.reset(n);
                        has_scopes = true;
                      }});
    map(node, "", fields);
    set.top = finish(top);
    if (has_scopes) {
      each(scopes_node, "scopes", [&](const YAML::Node& n) { set.scopes.push_back(scope(n, top)); });
    }
    return set;
  }

 private:
  // What a rule set consists of, as far as it was mentioned.
  struct Parts {
    std::optional<std::vector<BaggageRule>> rules;
    std::optional<std::vector<DeniedKey>> deny;
    std::optional<bool> deny_defaults;
    std::optional<std::vector<Redaction>> redact;
  };

  static PolicyRules finish(const Parts& parts) {
    PolicyRules rules{parts.rules, parts.deny.value_or(std::vector<DeniedKey>{}),
                      parts.redact.value_or(std::vector<Redaction>{})};
    if (parts.deny_defaults.value_or(true)) {
      for (const std::string_view key : kDefaultDenied) rules.deny.push_back({std::string(key), {}, false});
    }
    return rules;
  }

  std::vector<Field> parts(Parts& parts, const std::string& where) {
    return {
        {"rules",
         [this, &parts, where](const YAML::Node& n) {
           if (n.IsNull()) {
             refuse(key_place_,
                    where + "rules: nothing is listed: write [] to let no key pass, or leave it out to let all pass");
           }
           parts.rules.emplace();
           each(n, where + "rules", [&](const YAML::Node& entry) {
             if (parts.rules->size() == kMostBaggageRules)
               refuse(entry, fmt::format("{}rules: more than {} of them", where, kMostBaggageRules));
             parts.rules->push_back(rule(entry));
           });
         }},
        {"deny",
         [this, &parts, where](const YAML::Node& n) {
           parts.deny.emplace();
           each(n, where + "deny", [&](const YAML::Node& entry) { parts.deny->push_back(key(entry, where + "deny")); });
         }},
        {"deny_defaults",
         [this, &parts, where](const YAML::Node& n) { parts.deny_defaults = boolean(n, where + "deny_defaults"); }},
        {"redact",
         [this, &parts, where](const YAML::Node& n) {
           parts.redact.emplace();
           each(n, where + "redact", [&](const YAML::Node& entry) {
             if (parts.redact->size() == kMostRedactions)
               refuse(entry, fmt::format("{}redact: more than {} patterns", where, kMostRedactions));
             parts.redact->push_back(redaction(entry));
           });
         }},
    };
  }

  BaggageRule rule(const YAML::Node& node) {
    BaggageRule rule;
    rule.place = place_of(node.Mark());
    map(node, "rule",
        {{"key", [&](const YAML::Node& n) { rule.key = key(n, "key"); }},
         {"max_length", [&](const YAML::Node& n) { rule.max_length = integer(n, "max_length", kMostValueBytes); }},
         {"required", [&](const YAML::Node& n) { rule.required = boolean(n, "required"); }},
         {"allowed_values",
          [&](const YAML::Node& n) {
            rule.allowed_values.emplace();
            each(n, "allowed_values",
                 [&](const YAML::Node& value) { rule.allowed_values->push_back(scalar(value, "allowed_values")); });
            if (rule.allowed_values->empty()) refuse(n, "allowed_values: no value is listed; deny the key instead");
          }},
         {"low_cardinality", [&](const YAML::Node& n) { rule.low_cardinality = boolean(n, "low_cardinality"); }}});
    if (rule.key.text.empty()) refuse(node, "rule: it has no key");
    return rule;
  }

  Redaction redaction(const YAML::Node& node) {
    Redaction redaction;
    redaction.place = place_of(node.Mark());
    bool replaces = false;
    map(node, "redact entry",
        {{"pattern",
          [&](const YAML::Node& n) {
            redaction.pattern = scalar(n, "pattern");
            if (redaction.pattern.text.empty()) refuse(n, "pattern: it is empty");
          }},
         {"replace", [&](const YAML::Node& n) {
            redaction.replace = utf8(n, "replace");
            replaces = true;
            if (encoded_bytes(redaction.replace.text) > kMostReplacementBytes)
              refuse(n, fmt::format("replace: more than {} bytes when percent-encoded", kMostReplacementBytes));
          }}});
    if (redaction.pattern.text.empty()) refuse(node, "redact entry: it has no pattern");
    if (!replaces) refuse(node, "redact entry: it has no replace (an empty text removes what matches)");
    return redaction;
  }

  std::vector<Injection> injections(const YAML::Node& node) {
    std::vector<Injection> all;
    std::size_t members = 0;
    each(node, "inject", [&](const YAML::Node& entry) {
      Injection injection;
      injection.place = place_of(entry.Mark());
      map(entry, "inject entry",
          {{"when", [&](const YAML::Node& n) { injection.when = injection_condition(n); }},
           {"set", [&](const YAML::Node& n) { injection.set = injected_members(n, members); }},
           {"overwrite", [&](const YAML::Node& n) { injection.overwrite = boolean(n, "overwrite"); }}});
      if (injection.set.empty()) refuse(entry, "inject entry: it sets nothing");
      all.push_back(std::move(injection));
    });
    return all;
  }

  InjectionCondition injection_condition(const YAML::Node& node) {
    InjectionCondition when;
    map(node, "when",
        {{"service", [&](const YAML::Node& n) { when.service = condition(n, "service"); }},
         {"namespace", [&](const YAML::Node& n) { when.service_namespace = condition(n, "namespace"); }},
         {"path_prefix", [&](const YAML::Node& n) {
            when.path_prefix = condition(n, "path_prefix");
            if (!when.path_prefix.text.starts_with('/')) refuse(n, "path_prefix: it does not begin with /");
          }}});
    return when;
  }

  std::vector<InjectedMember> injected_members(const YAML::Node& node, std::size_t& members) {
    if (!node.IsMap()) refuse(node, "set: expected a map of keys and values");
    std::vector<InjectedMember> all;
    std::set<std::string> seen;
    for (const auto& entry : node) {
      InjectedMember member{scalar(entry.first, "set"), utf8(entry.second, "set")};
      const std::string& name = member.key.text;
      if (name.empty() || !std::ranges::all_of(name, is_token_char))
        refuse(entry.first, fmt::format("set: '{}' is no baggage key (letters, digits and !#$%&'*+-.^_`|~)", name));
      if (!seen.insert(name).second) refuse(entry.first, fmt::format("set: '{}' is there twice", name));
      if (++members > kMostInjectedMembers)
        refuse(entry.first, fmt::format("inject: more than {} members in all", kMostInjectedMembers));
      if (name.size() + 1 + encoded_bytes(member.value.text) > kMostValueBytes)
        refuse(entry.second,
               fmt::format("set: '{}' has more than {} bytes when percent-encoded", name, kMostValueBytes));
      all.push_back(std::move(member));
    }
    return all;
  }

  PolicyScope scope(const YAML::Node& node, const Parts& top) {
    PolicyScope scope;
    scope.place = place_of(node.Mark());
    Parts own = top;
    auto fields = parts(own, "scope: ");
    fields.push_back({"when", [&](const YAML::Node& n) { scope.when = scope_condition(n); }});
    map(node, "scope", fields);
    scope.rules = finish(own);
    return scope;
  }

  ScopeCondition scope_condition(const YAML::Node& node) {
    ScopeCondition when;
    map(node, "when",
        {{"service", [&](const YAML::Node& n) { when.service = condition(n, "service"); }},
         {"namespace", [&](const YAML::Node& n) { when.service_namespace = condition(n, "namespace"); }},
         {"environment", [&](const YAML::Node& n) { when.environment = condition(n, "environment"); }},
         {"percent", [&](const YAML::Node& n) { when.percent = percent(n); }}});
    return when;
  }

  // ---- maps, lists and scalars

  void map(const YAML::Node& node, const std::string& where, const std::vector<Field>& fields) {
    if (!node.IsMap()) refuse(node, where.empty() ? "expected a map" : where + ": expected a map");
    std::set<std::string> seen;
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) refuse(entry.first, "a key that is no text");
      const std::string& name = entry.first.Scalar();
      const auto field = std::ranges::find(fields, std::string_view(name), &Field::name);
      if (field == fields.end()) {
        std::vector<std::string_view> names;
        names.reserve(fields.size());
        for (const Field& known : fields) names.push_back(known.name);
        refuse(entry.first, fmt::format("{}unknown key '{}' (known are {})", where.empty() ? "" : where + ": ",
                                        to_utf8_line(name), fmt::join(names, ", ")));
      }
      if (!seen.insert(name).second) refuse(entry.first, fmt::format("{}: the key is there twice", name));
      key_place_ = place_of(entry.first.Mark());
      field->read(entry.second);
    }
  }

  template <class Use>
  void each(const YAML::Node& node, const std::string& where, Use use) {
    if (node.IsNull()) return;
    if (!node.IsSequence()) refuse(node, where + ": expected a list");
    for (const auto& element : node) use(element);
  }

  PlacedText scalar(const YAML::Node& node, const std::string& where) {
    if (node.IsNull()) refuse(key_place_, where + ": there is no value");
    if (!node.IsScalar()) refuse(node, where + ": expected a plain value");
    PlacedText text{node.Scalar(), place_of(node.Mark()), false};
    // The mark of a quoted text is that of its quotation mark.
    const auto at = static_cast<std::size_t>(std::max(node.Mark().pos, 0));
    if (at >= document_.size()) return text;
    const std::size_t quote = document_[at] == '\'' || document_[at] == '"' ? 1 : 0;
    text.verbatim = text.text.find('\n') == std::string::npos &&
                    document_.substr(std::min(at + quote, document_.size())).starts_with(text.text);
    if (text.verbatim) text.place.column += static_cast<int>(quote);
    return text;
  }

  PlacedText utf8(const YAML::Node& node, const std::string& where) {
    PlacedText text = scalar(node, where);
    if (!is_utf8(text.text)) refuse(node, where + ": the value is not UTF-8");
    return text;
  }

  PlacedText key(const YAML::Node& node, const std::string& where) {
    PlacedText text = scalar(node, where);
    if (text.text.empty()) refuse(node, where + ": the key is empty");
    for (std::size_t i = 0; i < text.text.size(); ++i) {
      const char c = text.text[i];
      if (!is_token_char(c) && c != '?')
        refuse(text.at(i), fmt::format("{}: '{}' never matches: a baggage key consists of letters, digits and "
                                       "!#$%&'*+-.^_`|~",
                                       where, to_utf8_line(text.text)));
    }
    return text;
  }

  PlacedText condition(const YAML::Node& node, const std::string& where) {
    PlacedText text = scalar(node, where);
    if (text.text.empty()) refuse(node, where + ": it is empty; leave it out to match all");
    return text;
  }

  template <class Parse>
  auto valued(const YAML::Node& node, const std::string& where, Parse parse) {
    const PlacedText text = scalar(node, where);
    try {
      return parse(text.text);
    } catch (const config::BadValue& bad) {
      refuse(text.place, fmt::format("{}: {}", where, bad.reason));
    }
  }

  bool boolean(const YAML::Node& node, const std::string& where) {
    return valued(node, where, [](const std::string& text) { return config::parse_bool(text); });
  }

  std::uint32_t integer(const YAML::Node& node, const std::string& where, std::uint32_t most) {
    return valued(node, where, [most](const std::string& text) {
      return static_cast<std::uint32_t>(config::parse_integer(text, 0, most));
    });
  }

  double percent(const YAML::Node& node) {
    return valued(node, "percent", [](const std::string& text) {
      double value = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error != std::errc() || end != text.data() + text.size())
        throw config::BadValue{fmt::format("'{}' is no number", to_utf8_line(text))};
      if (!(value >= 0 && value <= 100)) throw config::BadValue{fmt::format("{} is not between 0 and 100", text)};
      return value;
    });
  }

  const std::string_view document_;
  Place key_place_;  // of the key that is being read: what has no text stands at the token behind it
};

}  // namespace

ReadPolicy read_policy_node(const YAML::Node& node, std::string_view text, const std::string& name) {
  ReadPolicy read{Reader(text).whole(node), {}};
  read.rules.name = name;
  read.warnings = review(read.rules);
  return read;
}

std::expected<ReadPolicy, PolicyError> read_policy(std::string_view text, const std::string& name) {
  try {
    if (text.size() > kMostPolicyBytes)
      refuse(Place{}, fmt::format("the policy has more than {} KiB", kMostPolicyBytes >> 10));
    const auto document = only_document(std::string(text));
    // Half of a file that is being written may be nothing at all: not to be taken for "everything passes".
    if (!document || document->IsNull())
      refuse(Place{}, "there is nothing in it: write {} for the built-in policy alone");
    return read_policy_node(*document, text, name);
  } catch (const PolicyError& bad) {
    return std::unexpected(bad);
  } catch (const YAML::Exception& bad) {
    return std::unexpected(PolicyError{place_of(bad.mark), bad.msg});
  }
}

}  // namespace weft
