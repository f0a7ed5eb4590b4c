// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>

#include "control/config.h"
#include "control/config_values.h"

namespace weft {
namespace {

using Cidr = DestinationSet::Cidr;

// Loopback, RFC 1918, link-local (RFC 3927, RFC 4291) and unique local addresses (RFC 4193).
const std::vector<Cidr>& private_networks() {
  static const std::vector<Cidr> networks = [] {
    std::vector<Cidr> list;
    for (const char* text : {"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
                             "::1/128", "fe80::/10", "fc00::/7"}) {
      list.push_back(config::parse_cidr(text));
    }
    return list;
  }();
  return networks;
}

std::vector<Cidr> networks_of(const DestinationSet& set) {
  switch (set.kind) {
    case DestinationSet::Kind::any:
      return {Cidr{}};
    case DestinationSet::Kind::none:
      return {};
    case DestinationSet::Kind::private_only:
      return private_networks();
    case DestinationSet::Kind::list:
      return set.cidrs;
  }
  return {};
}

bool contains(const Cidr& outer, const Cidr& inner) {
  if (outer.prefix_bits > inner.prefix_bits) return false;
  const unsigned whole = outer.prefix_bits / 8, rest = outer.prefix_bits % 8;
  if (std::memcmp(outer.address, inner.address, whole) != 0) return false;
  const auto mask = static_cast<std::uint8_t>(rest ? 0xff00u >> rest : 0);
  return rest == 0 || (outer.address[whole] & mask) == (inner.address[whole] & mask);
}

bool allowed(const std::vector<Cidr>& networks, const Cidr& prefix) {
  return std::any_of(networks.begin(), networks.end(), [&](const Cidr& network) { return contains(network, prefix); });
}

}  // namespace

std::vector<DestinationRule> destination_rules(const DestinationSet& context, const DestinationSet& baggage) {
  if (context.kind == DestinationSet::Kind::any && baggage.kind == DestinationSet::Kind::any) return {};
  const auto for_context = networks_of(context), for_baggage = networks_of(baggage);
  std::vector<Cidr> prefixes = {Cidr{}};  // everything not named below
  prefixes.insert(prefixes.end(), for_context.begin(), for_context.end());
  prefixes.insert(prefixes.end(), for_baggage.begin(), for_baggage.end());
  std::vector<DestinationRule> rules;
  for (const Cidr& prefix : prefixes) {
    const bool known = std::any_of(rules.begin(), rules.end(), [&](const DestinationRule& rule) {
      return rule.prefix_bits == prefix.prefix_bits && std::memcmp(rule.address, prefix.address, 16) == 0;
    });
    if (known) continue;
    DestinationRule rule{.address = {},
                         .prefix_bits = prefix.prefix_bits,
                         .context = allowed(for_context, prefix),
                         .baggage = allowed(for_baggage, prefix)};
    std::memcpy(rule.address, prefix.address, 16);
    rules.push_back(rule);
  }
  return rules;
}

}  // namespace weft
