# SPDX-License-Identifier: Apache-2.0
weft_fuzz(decode DEPENDS weft_assemble)
