# SPDX-License-Identifier: Apache-2.0
"""Real servers on loopback, each in a folder of its own, without the system's configuration."""
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile

from lib import host, payload
from lib.agent import wait_for

SERVERS = pathlib.Path(__file__).parents[1] / "servers"
MODULES = "/usr/lib/apache2/modules"
PUBLISHED = {"small.txt": payload.body(100), "large.bin": payload.body(12 << 20)}


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Server:
    """Context manager; a subclass gives command() and writes its configuration there. pid is the process to trace."""

    def __enter__(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)
        self.folder.chmod(0o755)
        self.www = self.folder / "www"
        self.www.mkdir()
        for name, content in PUBLISHED.items():
            (self.www / name).write_bytes(content)
        self.port = host.free_port()
        with open(self.folder / "output", "wb") as output:
            self.process = subprocess.Popen([str(part) for part in self.command()], stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=output, start_new_session=True, cwd=self.folder)
        self.pid = self.process.pid
        try:
            wait_for(f"{type(self).__name__} to listen", self.is_ready)
        except BaseException:
            self.__exit__()
            raise
        return self

    def is_ready(self):
        assert self.process.poll() is None, (self.folder / "output").read_text(errors="replace")
        return listens(self.port)

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.temporary.cleanup()


class Python(Server):
    """A script of servers/ that takes the port, the folder to publish and what else it likes."""

    def __init__(self, script, *arguments):
        self.script, self.arguments = script, arguments

    def command(self):
        return ["/usr/bin/python3", SERVERS / self.script, self.port, self.www, *self.arguments]


class Perl(Server):
    def command(self):
        return ["/usr/bin/perl", SERVERS / "forking.pl", self.port, self.www]


class Nginx(Server):
    def __init__(self, more="", certificate=None):
        self.more = more
        self.tls = f"ssl_certificate {certificate}; ssl_certificate_key {certificate};" if certificate else ""

    def command(self):
        (self.folder / "conf").write_text(f"""
daemon off; master_process on; worker_processes 1; user root; pid {self.folder}/pid; error_log stderr;
events {{ worker_connections 256; }}
http {{
  access_log off; sendfile on; keepalive_timeout 60s; default_type text/plain; root {self.www};
  client_body_temp_path {self.folder}/t1; proxy_temp_path {self.folder}/t2; fastcgi_temp_path {self.folder}/t3;
  uwsgi_temp_path {self.folder}/t4; scgi_temp_path {self.folder}/t5;
  server {{
    listen 127.0.0.1:{self.port}{" ssl http2" if self.tls else ""}; {self.tls}
    location = /empty {{ return 204; }}
    location = /hello {{ return 200 "hello\\n"; }}
    location = /fails {{ return 503; }}
    location /put/ {{ dav_methods PUT; create_full_put_path on; client_max_body_size 0; }}
    location /gz/ {{ alias {self.www}/; gzip on; gzip_types *; gzip_min_length 1; }}
    {self.more}
  }}
}}
""")
        return ["/usr/sbin/nginx", "-p", self.folder, "-c", self.folder / "conf"]


class Nghttpd(Server):
    """HTTP/2 alone. Prints what it receives."""

    def command(self):
        return "/usr/sbin/nghttpd", "-v", "--no-tls", "-d", self.www, self.port

    def requests(self):
        """{stream of a connection: [values of traceparent]}"""
        found = {}
        for line in (self.folder / "output").read_text(errors="replace").splitlines():
            plain = re.sub(r"\x1b\[[0-9;]*m", "", line)
            match = re.match(r"\[id=(\d+)\] \[[^]]*\] recv \(stream_id=(\d+).*?\) (:method|traceparent): (.*)", plain)
            if match:
                values = found.setdefault((int(match[1]), int(match[2])), [])
                if match[3] == "traceparent":
                    values.append(match[4])
        return found


class Apache(Server):
    """Static files, PUT below /put/, the files in gzip below /gz/, and /forward/ through mod_proxy_http to a port of this machine. HTTP/2 after an upgrade with h2c."""

    def __init__(self, forward_port=9, mpm="event", h2c=False, certificate=None):
        self.forward_port, self.mpm, self.h2c, self.certificate = forward_port, mpm, h2c, certificate

    def command(self):
        modules = [f"mpm_{self.mpm}", "authz_core", "mime", "dir", "alias", "filter", "deflate", "dav", "dav_fs", "proxy",
                   "proxy_http"] + ["http2"] * self.h2c + ["ssl"] * bool(self.certificate)
        load = "\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in modules)
        (self.www / "put").mkdir()
        (self.folder / "conf").write_text(f"""
{load}
ServerName localhost
Listen 127.0.0.1:{self.port}
PidFile {self.folder}/pid
DefaultRuntimeDir {self.folder}
ErrorLog {self.folder}/error_log
TypesConfig /etc/mime.types
DocumentRoot {self.www}
KeepAlive On
EnableSendfile On
<Directory {self.www}>
  Require all granted
</Directory>
DavLockDB {self.folder}/dav
<Directory {self.www}/put>
  Dav On
</Directory>
Alias /gz/ {self.www}/
<Location /gz/>
  SetOutputFilter DEFLATE
</Location>
{"Protocols h2c http/1.1" if self.h2c else ""}
{f"SSLEngine on{chr(10)}SSLCertificateFile {self.certificate}" if self.certificate else ""}
ProxyPass /forward/ http://127.0.0.1:{self.forward_port}/
""")
        return ["/usr/sbin/apache2", "-d", self.folder, "-f", self.folder / "conf", "-DFOREGROUND"]
