# SPDX-License-Identifier: Apache-2.0
"""What the agent says of itself at its scrape endpoint."""
import re
import urllib.request


def errors(listen):
    """{(program, reason)} of what its kernel programs have counted."""
    with urllib.request.urlopen(f"http://{listen}/metrics") as answer:
        lines = answer.read().decode()
    return set(re.findall(r'^weft_bpf_errors_total\{program="(.*?)",reason="(.*?)"\} [1-9]', lines, re.M))
