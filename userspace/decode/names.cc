// SPDX-License-Identifier: Apache-2.0
#include "decode/names.h"

#include "wire/events.h"

namespace weft {

std::string_view injection_reason(unsigned result) {
  switch (result) {
    case INJECTION_NOT_TRIED:
      return "not_tried";
    case INJECTION_DONE:
      return "done";
    case INJECTION_OVERWRITTEN:
      return "overwritten";
    case INJECTION_NO_BUDGET:
      return "no_budget";
    case INJECTION_SPLIT_BLANK_LINE:
      return "split_blank_line";
    case INJECTION_OWN_HEADER:
      return "own_header";
    case INJECTION_AMBIGUOUS:
      return "ambiguous_carried";
    case INJECTION_INSTRUMENTED:
      return "instrumented";
    case INJECTION_INVALID_CARRIED:
      return "invalid_carried";
    case INJECTION_NO_TASK:
      return "no_task";
    case INJECTION_ORPHANS_OFF:
      return "orphans_off";
    case INJECTION_TOO_LARGE:
      return "too_large";
    case INJECTION_ZEROCOPY:
      return "zerocopy";
    case INJECTION_SHARED_PAGES:
      return "shared_pages";
    case INJECTION_SCATTER:
      return "scatter";
    case INJECTION_NO_SCRATCH:
      return "no_scratch";
    case INJECTION_HELPER_FAILED:
      return "helper_failed";
    case INJECTION_NOT_MEMBER:
      return "not_member";
    case INJECTION_SPLIT_HEAD:
      return "split_head";
    case INJECTION_BULK:
      return "bulk";
    case INJECTION_DESTINATION:
      return "destination";
    case INJECTION_JOINING:
      return "joining";
    default:
      return "unknown";
  }
}

std::string_view end_reason_name(unsigned reason) {
  switch (reason) {
    case END_COMPLETE:
      return "complete";
    case END_CLOSED:
      return "closed";
    case END_TIMEOUT:
      return "timeout";
    case END_EXIT:
      return "exit";
    case END_LOST:
      return "lost";
    case END_UPGRADED:
      return "upgraded";
    default:
      return "unknown";
  }
}

}  // namespace weft
