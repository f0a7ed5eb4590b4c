# SPDX-License-Identifier: Apache-2.0
"""Java programs of the tests."""
import subprocess

from lib import host, peers


def build(folder, library, *sources):
    """Compiles these files against a library of tests/peers; returns the command that runs a class of theirs."""
    host.needs("java", "javac")
    path = peers.jars(library)
    subprocess.run(["javac", "-Xlint:all", "-Werror", "-cp", path, "-d", folder, *sources], check=True, timeout=300)
    # What makes it start quickly where processors are few.
    return ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{path}:{folder}"]
