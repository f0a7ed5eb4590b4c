// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "discover/process_info.h"

namespace weft {

// The name of the program that runs, never empty: the script, module or jar for interpreters, else the executable.
// `python3 orders.py` is orders, `python3 -m pkg.mod` pkg.mod, `java -jar x.jar` x, `nginx: worker process` nginx.
std::string program_name(const ProcessInfo& process);

}  // namespace weft
