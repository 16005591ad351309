"""The end of a listener that loses nobody.

The kernel completes connections before a process accepts them. Those that wait in its queue when the listener closes
are reset, with the request that a proxy has sent on them already; a POST is lost then, because no proxy repeats one.
So new connections are turned away first, those in the queue are accepted, and only then is there nothing to lose.
"""

import contextlib
import ctypes
import socket
import struct
import sys
import time
from collections.abc import Callable
from typing import Final

SETTLE_SECONDS: Final = 0.3
"""In which a connection that had begun when the others were turned away comes into the queue."""

QUEUE_SECONDS: Final = 3.0
"""How long to wait for the queue to become empty: a process that does not accept for so long is stuck."""

_SO_ATTACH_FILTER: Final = 26
_BYTES_BEFORE_UNACKED: Final = 24  # in Linux's struct tcp_info; of a listener it is the length of its queue
_TCP_INFO_BYTES: Final = 104

_FLAGS_OF_SEGMENT: Final = (0x30, 0, 0, 13)  # load a byte of the TCP header
_GO_ON_IF_SYN: Final = (0x45, 0, 1, 0x02)
_DROP: Final = (0x06, 0, 0, 0)
_LET_PASS: Final = (0x06, 0, 0, 0xFFFFFFFF)
_NO_NEW_CONNECTIONS: Final = (_FLAGS_OF_SEGMENT, _GO_ON_IF_SYN, _DROP, _LET_PASS)
"""A filter for a listening socket (classic BPF): no segment passes that opens a connection."""


class Drain:
    """The time from the first notice of the end until the listener may be closed.

    Args:
        listener: It goes on accepting all the while; whoever asks `is_over` does not keep it from that.
        seconds: How long everybody is let in.
        clock: Monotonic, in seconds.
    """

    def __init__(self, listener: socket.socket, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._listener = listener
        self._clock = clock
        self._close_at = clock() + seconds
        self._is_turning_away = False

    def is_over(self) -> bool:
        """Whether nobody waits any more; to be asked a few times a second. Turns new connections away when it is time.

        They are not refused yet: whoever opens one tries again after a second, and goes elsewhere when that is refused.
        """
        late_seconds = self._clock() - self._close_at
        if late_seconds < 0:
            return False
        if not self._is_turning_away:
            self._is_turning_away = turn_away(self._listener)
            self._close_at = self._clock()
            return not self._is_turning_away
        return late_seconds >= SETTLE_SECONDS and (not queued(self._listener) or late_seconds >= QUEUE_SECONDS)


def turn_away(listener: socket.socket) -> bool:
    """Let nobody begin a connection; whether the system knows how. Linux does."""
    if sys.platform != "linux":
        return False
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in _NO_NEW_CONNECTIONS))
    with contextlib.suppress(OSError):  # of a sandbox that does not let us
        filtering = struct.pack("HP", len(_NO_NEW_CONNECTIONS), ctypes.addressof(program))
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filtering)
        return True
    return False


def queued(listener: socket.socket) -> int:
    """How many connections wait to be accepted."""
    info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
    number: int = struct.unpack_from("I", info, _BYTES_BEFORE_UNACKED)[0]
    return number
