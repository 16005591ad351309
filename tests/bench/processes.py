"""Processes of this machine: what they cost, what they are for, and which cores they run on."""

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

PROC = Path("/proc")
_SCHEDULED_CLOCK = 2
"""What the kernel calls the processor time that it has given to a process (clock_getcpuclockid(3) makes the same)."""


def cpu_seconds(pid: int) -> float:
    """The processor time that a process has used, all of its threads together, to the microsecond.

    Raises:
        OSError: There is no such process.
    """
    return time.clock_gettime((~pid << 3) | _SCHEDULED_CLOCK)


def rss_bytes(pid: int) -> int:
    """The resident memory of a process."""
    status = (PROC / str(pid) / "status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))) * 1024


def command_of(pid: int) -> list[str]:
    """The words that a process was started with; none for one that has ended."""
    try:
        return (PROC / str(pid) / "cmdline").read_text().split("\0")[:-1]
    except OSError:
        return []


def parent_of(pid: int) -> int:
    """The process that started it; 0 for one that has ended."""
    try:
        return int((PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def family_of(pid: int) -> list[int]:
    """A process and all that it and those have started."""
    parents = {int(path.name): parent_of(int(path.name)) for path in PROC.iterdir() if path.name.isdecimal()}
    family = [pid]
    for member in family:
        family += sorted(child for child, parent in parents.items() if parent == member)
    return family


def is_store(pid: int) -> bool:
    """Whether a process is a Valkey or Redis."""
    try:
        return (PROC / str(pid) / "comm").read_text().startswith(("valkey", "redis"))
    except OSError:
        return False


def stores_of(pid: int) -> list[int]:
    """The stores among a process's family."""
    return [member for member in family_of(pid) if is_store(member)]


def server_at(port: int) -> int:
    """The process that was told to serve on that port.

    Raises:
        LookupError: There is none.
    """
    for path in PROC.iterdir():
        if path.name.isdecimal():
            words = command_of(int(path.name))
            if "serve" in words and words[-2:] == ["--port", str(port)]:
                return int(path.name)
    raise LookupError(f"no server on port {port}")


def pin(pid: int, cores: Iterable[int]) -> None:
    """Let a process and its threads run on these cores alone; those that it starts later inherit it."""
    wanted = set(cores)
    for task in (PROC / str(pid) / "task").iterdir():
        os.sched_setaffinity(int(task.name), wanted)


@dataclass(frozen=True)
class Watched:
    """Processes by role: `worker` answers requests, `supervisor` starts workers, `store` keeps what they write."""

    roles: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def service(cls, pid: int, stores: Iterable[int] = ()) -> "Watched":
        """A service of one process, or of one with workers below it; its stores may be another's children."""
        below = [one for one in family_of(pid)[1:] if "spawn_main" in " ".join(command_of(one))]
        roles = {"supervisor": (pid,), "worker": tuple(below)} if below else {"worker": (pid,)}
        return cls({**roles, "store": tuple(stores)})

    def spent(self) -> dict[str, float]:
        """Seconds of processor time that each role has used so far."""
        return {role: sum(map(cpu_seconds, pids)) for role, pids in self.roles.items() if pids}

    def resident(self) -> dict[str, list[int]]:
        """Bytes of resident memory of each process of each role."""
        return {role: [rss_bytes(pid) for pid in pids] for role, pids in self.roles.items() if pids}
