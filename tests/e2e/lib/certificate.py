# SPDX-License-Identifier: Apache-2.0
"""A certificate of localhost, for the length of a test."""
import contextlib
import pathlib
import ssl
import subprocess
import tempfile


@contextlib.contextmanager
def made():
    """The path of a file with the key and what it signed itself."""
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder).chmod(0o755)
        key, file = (pathlib.Path(folder) / name for name in ("key.pem", "localhost.pem"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-keyout", key, "-out", file, "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"], check=True, capture_output=True)
        file.write_bytes(key.read_bytes() + file.read_bytes())
        yield str(file)


def trusts(certificate):
    return ssl.create_default_context(cafile=certificate)
