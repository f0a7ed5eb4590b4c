// SPDX-License-Identifier: Apache-2.0
// The keys of the configuration as tables: a name, and what is done with its value. The YAML reader and the environment
// work on the same tables. Private to control/config_*.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "control/config.h"

namespace weft::config {

// Exactly one of the ways in, but `set` and `add` may stand together (a list that may be written as one string).
template <class T>
struct Key {
  std::string path;                                                     // dotted, relative to T: "tls.ca"
  std::function<void(T&, const std::string&)> set;                      // scalar; throws BadValue
  std::function<void(T&)> clear;                                        // list: before its elements
  std::function<void(T&, const std::string&)> add;                      // list: one element; throws BadValue
  std::function<void(T&, const std::string&, const std::string&)> put;  // map of free keys: key, value
  bool later = false;                                                   // any value is refused: not in this version
};
template <class T>
using KeyTable = std::vector<Key<T>>;

const KeyTable<InstrumentRule>& selector_keys();
const KeyTable<OtlpConfig>& otlp_keys();
const KeyTable<ZipkinConfig>& zipkin_keys();
const KeyTable<SamplingRule>& sampling_rule_keys();
KeyTable<Config> sampling_keys();                // a part of config_keys()
KeyTable<Config> kafka_keys();                   // … and another
void finish_sampling(SamplingOptions& options);  // what no single key can say; throws BadValue
// All but discovery.instrument, discovery.exclude, exporters.otlp, exporters.zipkin and sampling.rules, which hold maps
// of the above.
const KeyTable<Config>& config_keys();

}  // namespace weft::config
