# SPDX-License-Identifier: Apache-2.0
weft_fuzz(go_program DEPENDS weft_runtime)
