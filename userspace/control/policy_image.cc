// SPDX-License-Identifier: Apache-2.0
#include "control/policy_image.h"

#include <memory>

namespace weft {

PolicyImage policy_image(const CompiledSet& set, std::uint64_t generation) {
  PolicyImage image{.generation = generation, .sets = set.sets, .service = {}};
  image.service = [rules = std::make_shared<const RuleSet>(set.rules)](const PolicyIdentity& identity) {
    return service_row(*rules, {.service = identity.service,
                                .service_namespace = identity.service_namespace,
                                .kubernetes_namespace = identity.kubernetes_namespace,
                                .environment = identity.environment});
  };
  return image;
}

}  // namespace weft
