// SPDX-License-Identifier: Apache-2.0
#include "control/config_yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <set>

#include "control/config_keys.h"
#include "control/config_values.h"
#include "control/policy_yaml_node.h"
#include "control/yaml_document.h"

namespace weft::config {
namespace {

[[noreturn]] void refuse(const YAML::Mark& mark, std::string reason) {
  throw Misplaced{mark.line + 1, mark.column + 1, std::move(reason)};
}

class Reader {
 public:
  Reader(std::string_view text, const std::string& name, const Environment& environment)
      : text_(text), name_(name), environment_(environment) {}

  void document(const YAML::Node& root, Config& config) {
    if (root.IsNull()) return;
    // Lists of maps have tables of their own; the rest is one table.
    const Special<Config> specials = {
        {"discovery.instrument", [this](const YAML::Node& n, Config& c) { selectors(n, c.discovery.instrument); }},
        {"discovery.exclude", [this](const YAML::Node& n, Config& c) { selectors(n, c.discovery.exclude); }},
        {"baggage.policy", [this](const YAML::Node& n, Config& c) { policy(n, c); }},
        {"exporters.otlp", [this](const YAML::Node& n, Config& c) { exporters(n, otlp_keys(), c.exporters.otlp); }},
        {"exporters.zipkin",
         [this](const YAML::Node& n, Config& c) { exporters(n, zipkin_keys(), c.exporters.zipkin); }},
        {"sampling.rules", [this](const YAML::Node& n, Config& c) { sampling_rules(n, c.sampling.rules); }},
    };
    map(root, config_keys(), specials, "", "", config);
  }

 private:
  template <class T>
  using Special = std::map<std::string, std::function<void(const YAML::Node&, T&)>>;

  // `where` names the map in messages, `prefix` is the path of `node` inside the table.
  template <class T>
  void map(const YAML::Node& node, const KeyTable<T>& keys, const Special<T>& specials, const std::string& where,
           const std::string& prefix, T& target) {
    if (node.IsNull()) return;  // a section whose lines are all commented out
    if (!node.IsMap()) refuse(node.Mark(), where.empty() ? "expected a map of sections" : where + ": expected a map");
    std::set<std::string> seen;
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) refuse(entry.first.Mark(), "a key that is no text");
      const std::string name = entry.first.Scalar();
      const std::string path = prefix.empty() ? name : prefix + "." + name;
      const std::string full = where.empty() ? name : where + "." + name;
      if (!seen.insert(name).second) refuse(entry.first.Mark(), fmt::format("{}: the key is there twice", full));
      if (const auto special = specials.find(path); special != specials.end()) {
        special->second(entry.second, target);
      } else if (const Key<T>* key = find(keys, path)) {
        if (key->later) refuse(entry.first.Mark(), fmt::format("{} is not in this version", full));
        value(entry.second, *key, full, target);
      } else if (is_section(keys, specials, path + ".")) {
        map(entry.second, keys, specials, full, path, target);
      } else {
        refuse(entry.first.Mark(), fmt::format("unknown key '{}'", full));
      }
    }
  }

  template <class T>
  static const Key<T>* find(const KeyTable<T>& keys, const std::string& path) {
    for (const auto& key : keys) {
      if (key.path == path) return &key;
    }
    return nullptr;
  }

  template <class T>
  static bool is_section(const KeyTable<T>& keys, const Special<T>& specials, const std::string& prefix) {
    for (const auto& key : keys) {
      if (key.path.starts_with(prefix)) return true;
    }
    for (const auto& [path, read] : specials) {
      if (path.starts_with(prefix)) return true;
    }
    return false;
  }

  template <class T>
  void value(const YAML::Node& node, const Key<T>& key, const std::string& where, T& target) {
    if (key.set && node.IsScalar()) return apply(node, where, [&](const std::string& text) { key.set(target, text); });
    if (key.add && (node.IsSequence() || node.IsNull())) {
      key.clear(target);
      for (const auto& element : node) {
        if (!element.IsScalar()) refuse(element.Mark(), where + ": expected a plain value");
        apply(element, where, [&](const std::string& text) { key.add(target, text); });
      }
      return;
    }
    if (key.put && (node.IsMap() || node.IsNull())) {
      key.clear(target);
      for (const auto& pair : node) {
        if (!pair.second.IsScalar()) refuse(pair.second.Mark(), where + ": expected a plain value");
        apply(pair.second, where, [&](const std::string& text) { key.put(target, pair.first.Scalar(), text); });
      }
      return;
    }
    refuse(node.Mark(), fmt::format("{}: expected {}", where, key.put ? "a map" : key.set ? "a value" : "a list"));
  }

  template <class Use>
  void apply(const YAML::Node& node, const std::string& where, Use use) {
    try {
      use(expand(node.Scalar(), environment_));
    } catch (const BadValue& bad) {
      refuse(node.Mark(), fmt::format("{}: {}", where, bad.reason));
    }
  }

  void selectors(const YAML::Node& node, std::vector<InstrumentRule>& rules) {
    rules.clear();
    if (node.IsNull()) return;
    if (!node.IsSequence()) refuse(node.Mark(), "discovery: expected a list of entries");
    for (const auto& element : node) {
      InstrumentRule rule;
      map(element, selector_keys(), {}, "discovery entry", "", rule);
      const bool condition = !rule.exe_path.empty() || !rule.cmd_args.empty() || !rule.open_ports.empty() ||
                             !rule.languages.empty() || !rule.target_pids.empty() || rule.containers_only;
      if (!condition) refuse(element.Mark(), "discovery entry: no condition, it would match nothing");
      rules.push_back(std::move(rule));
    }
  }

  // The path of a file, or the policy itself.
  void policy(const YAML::Node& node, Config& config) {
    if (!node.IsMap()) return value(node, *find(config_keys(), "baggage.policy"), "baggage.policy", config);
    config.baggage.policy = read_policy_node(node, text_, name_);
  }

  void sampling_rules(const YAML::Node& node, std::vector<SamplingRule>& rules) {
    constexpr std::size_t kMost = 64;
    rules.clear();
    if (node.IsNull()) return;
    if (!node.IsSequence()) refuse(node.Mark(), "sampling.rules: expected a list of rules");
    for (const auto& element : node) {
      if (rules.size() == kMost) refuse(element.Mark(), fmt::format("sampling.rules: more than {}", kMost));
      SamplingRule rule;
      rule.ratio = -1;
      map(element, sampling_rule_keys(), {}, "sampling rule", "", rule);
      if (rule.ratio < 0) refuse(element.Mark(), "sampling rule: no ratio");
      rules.push_back(std::move(rule));
    }
  }

  template <class T>
  void exporters(const YAML::Node& node, const KeyTable<T>& keys, std::vector<T>& list) {
    const std::string where = std::is_same_v<T, OtlpConfig> ? "exporters.otlp" : "exporters.zipkin";
    list.clear();
    if (node.IsSequence()) {
      for (const auto& element : node) map(element, keys, {}, where, "", list.emplace_back());
    } else if (!node.IsNull()) {
      map(node, keys, {}, where, "", list.emplace_back());
    }
  }

  const std::string_view text_;
  const std::string& name_;
  const Environment& environment_;
};

}  // namespace

void read_yaml(std::string_view text, const std::string& name, const Environment& environment, Config& config) {
  try {
    const auto document = only_document(std::string(text));
    if (document) Reader(text, name, environment).document(*document, config);
  } catch (const PolicyError& bad) {
    throw Misplaced{bad.place.line, bad.place.column, "baggage.policy: " + bad.reason};
  } catch (const YAML::Exception& bad) {
    refuse(bad.mark, bad.msg);
  }
}

}  // namespace weft::config
