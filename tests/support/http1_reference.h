// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "support/http1_run.h"

namespace weft::test {

// HTTP/1.1 framing (RFC 9112) with the rules of bpf/wire/http1.h, on the whole text at once and as plainly as can be.
// `request_method` (enum http1_method) is what all responses answer. Of a message whose end is missing nothing is
// judged, so that an incremental parser may find it bad earlier.
Http1Run reference_http1(const std::string& text, bool responses, int request_method);

// Could `text`, an unfinished message at its end, still become a good one? Tries a few ways to end it.
bool reference_http1_can_continue(const std::string& text, bool responses, int request_method);

}  // namespace weft::test
