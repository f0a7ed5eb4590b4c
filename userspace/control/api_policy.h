// SPDX-License-Identifier: Apache-2.0
// The endpoints below /v1/policy.
#pragma once

namespace httplib {
class Server;
}

namespace weft {

class PolicyControl;

// `policy` outlives the server. Null: every endpoint answers 501.
void route_policy(httplib::Server& server, PolicyControl* policy);

}  // namespace weft
