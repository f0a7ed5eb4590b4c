# SPDX-License-Identifier: Apache-2.0
weft_test(unit_control LABELS unit core SOURCES control_api_test.cc control_socket_test.cc DEPENDS weft_control)
