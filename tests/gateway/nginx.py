"""A real nginx on loopback, of the machine's own package; everything of it is in one directory.

with running_nginx(directory, {"cds.conf": "upstream cds { … } server { … }"}) as nginx:
    nginx.reload({"cds.conf": …})
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.gateway.probing import probe
from tests.live_server import free_port

PROGRAM = os.environ.get("NGINX") or "nginx"
SEARCHED = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))
READY_SECONDS = 120.0
STOP_SECONDS = 60.0
MAIN = """\
daemon off;
{user}
worker_processes 2;
pid {directory}/nginx.pid;
error_log {directory}/error.log info;
events {{ worker_connections 1024; }}
http {{
    access_log {directory}/access.log;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    include {directory}/conf.d/*.conf;
    server {{
        listen 127.0.0.1:{port};
        location = / {{ return 200 "{generation}"; }}
    }}
}}
"""


@dataclass
class Nginx:
    """A running nginx."""

    directory: Path
    process: subprocess.Popen[bytes]
    port: int
    generation: int = 0

    def reload(self, files: Mapping[str, str]) -> None:
        """Take another configuration, without a pause; returns when new connections meet it."""
        self.generation += 1
        write(self.directory, self.port, self.generation, files)
        self.process.send_signal(signal.SIGHUP)
        self.wait_until_there()

    def wait_until_there(self) -> None:
        """Wait until new connections meet the newest configuration; fails with the log when they do not."""
        deadline = time.monotonic() + READY_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            if probe(self.port, "/").text == str(self.generation):
                return
            time.sleep(0.02)
        raise AssertionError(f"nginx did not start:\n{self.log()}")

    def log(self) -> str:
        """What went wrong."""
        return (self.directory / "error.log").read_text(errors="replace")


def program() -> str:
    """Where nginx is; fails when it is nowhere, because a test that is left out proves nothing."""
    found = shutil.which(PROGRAM, path=SEARCHED)
    assert found, "nginx is needed; on Debian: apt-get install nginx-light, elsewhere: NGINX=/path/to/it"
    return found


def write(directory: Path, port: int, generation: int, files: Mapping[str, str]) -> None:
    """Put the configuration where nginx looks for it; `files` are what an operator has in conf.d."""
    (directory / "conf.d").mkdir(exist_ok=True)
    for name, text in files.items():
        (directory / "conf.d" / name).write_text(text)
    user = "user root;" if os.geteuid() == 0 else ""  # its own user could not read a directory of ours
    main = MAIN.format(directory=directory, port=port, generation=generation, user=user)
    (directory / "nginx.conf").write_text(main)


@contextlib.contextmanager
def running_nginx(directory: Path, files: Mapping[str, str]) -> Iterator[Nginx]:
    """Run nginx with these files in its conf.d."""
    port = free_port()
    write(directory, port, 0, files)
    command = [program(), "-p", str(directory), "-c", str(directory / "nginx.conf"), "-e", str(directory / "error.log")]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    nginx = Nginx(directory, process, port)
    try:
        nginx.wait_until_there()
        yield nginx
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
