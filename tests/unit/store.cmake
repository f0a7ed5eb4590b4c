# SPDX-License-Identifier: Apache-2.0
weft_test(unit_store LABELS unit core SOURCES packed_span_test.cc store_test.cc store_routes_test.cc DEPENDS weft_pipeline)
