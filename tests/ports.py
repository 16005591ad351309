"""Ports of this machine for servers that have to know theirs before they start."""

import contextlib
import random
import socket

LOWEST, HIGHEST = 20_000, 32_000
"""Below the range from which the system gives ports to whoever asks for any, so that none is taken meanwhile."""

_held: list[socket.socket] = []


def free_port() -> int:
    """A loopback port that nobody listens at, given to one caller only, whichever process of the tests asks.

    UDP has ports of its own. The one of the same number is held until this process ends, and tells the others.
    """
    while True:
        port = random.randint(LOWEST, HIGHEST)  # noqa: S311 -- any will do
        mark = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            mark.bind(("127.0.0.1", port))
        except OSError:
            mark.close()
            continue
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            _held.append(mark)
            return port
        mark.close()
