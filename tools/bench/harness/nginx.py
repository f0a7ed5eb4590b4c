# SPDX-License-Identifier: Apache-2.0
"""nginx as a leaf that answers from memory, and the two kinds of load on it."""
import contextlib
import json
import re

from harness import programs

CONFIG = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr crit;
worker_rlimit_nofile 65536;
events {{ worker_connections 16384; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ return 200 "ok"; }} }}
}}
"""
WRK_CONNECTIONS = 16


class Nginx(programs.Program):
    """One process, which accepts and answers; pinned to the first core."""

    def __init__(self, files, port=None):
        self.port = port or programs.free_port()
        config = files / f"nginx-{self.port}.conf"
        config.write_text(CONFIG.format(folder=files, port=self.port))
        super().__init__(programs.find("nginx"), "-p", files, "-e", "stderr", "-c", config, cores=programs.FIRST)


@contextlib.contextmanager
def running():
    with programs.folder() as files, Nginx(files) as nginx:
        programs.wait_for_port(nginx.port)
        yield nginx


def wrk(port, seconds, connections=WRK_CONNECTIONS):
    """Requests a second, closed loop from the second core."""
    return wrk_counted(port, seconds, connections)[0]


def wrk_counted(port, seconds, connections=WRK_CONNECTIONS):
    """Requests a second, requests."""
    text = programs.run(programs.find("wrk"), "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s",
                        f"http://127.0.0.1:{port}/item/17", cores=programs.SECOND)
    if bad := re.search(r"(Socket errors|Non-2xx).*", text):
        raise programs.CannotRun(f"wrk: {bad[0]}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]), int(re.search(r"(\d+) requests in", text)[1])


def wrk_and_cpu(server, seconds):
    """Requests a second, and the server's requests for each second on its CPU: other programs on the machine disturb
    the second number less."""
    before = programs.cpu_ns(server.pid)
    rate, requests = wrk_counted(server.port, seconds)
    return rate, requests / (programs.cpu_ns(server.pid) - before) * 1e9


def paced(build, port, rate, seconds, connections=64):
    """Constant rate from the second core; what bench_paced prints."""
    answer = json.loads(programs.run(build / "bench_paced", port, rate, seconds, connections, cores=programs.SECOND))
    if answer["failed"]:
        raise programs.CannotRun(f"{answer['failed']} requests failed")
    return answer
