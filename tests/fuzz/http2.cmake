# SPDX-License-Identifier: Apache-2.0
weft_fuzz(hpack DEPENDS weft_decode)
weft_fuzz(http2 DEPENDS weft_decode)
