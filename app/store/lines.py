"""A connection that redis-py has opened, used without what redis-py does for every answer.

redis-py opens connections: it knows about names, sentinels, TLS, passwords and pools. After that its streams, locks,
counters and checks took as long for a request for one object as the rest of its way to the store and back. So here
what arrives is given to the parser as it comes, and whoever has sent commands is woken when all answers are there.
"""

import asyncio
from typing import Any, Final

import hiredis
from redis._parsers.base import BaseParser
from redis.asyncio.connection import AbstractConnection, Connection, UnixDomainSocketConnection
from redis.asyncio.sentinel import SentinelManagedConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, ReadOnlyError

_NOT_YET: Final = object()
"""What the parser says when the rest of an answer has not come yet."""

_PIECE_BYTES: Final = 32_768
"""How much the parser is given at once. Behind every answer that it has read it moves what is left to the front,
which for a pipeline of long answers was half a megabyte each time.
"""

_CLOSED: Final = "The store has closed the connection."


class Line(asyncio.Protocol):
    """Carries packed commands over an open connection, one batch of them at a time.

    Args:
        connection: Open, with nothing under way, and nobody else's until it is given back to its pool.
    """

    def __init__(self, connection: AbstractConnection) -> None:
        self.connection = connection
        self._transport: Any = connection._writer.transport  # type: ignore[union-attr]  # noqa: SLF001 -- there is no other way
        self._streams = self._transport.get_protocol()
        self._parser = hiredis.Reader(protocolError=InvalidResponse, replyError=self._error_of, notEnoughData=_NOT_YET)
        self._answers: list[Any] = []
        self._wanted = 0
        self._have_errors = False
        self._all_there: asyncio.Future[None] | None = None
        self._is_open = True
        self._transport.set_protocol(self)

    @staticmethod
    def suits(connection: AbstractConnection) -> bool:
        """Whether there is a socket behind it, rather than something that only looks like a connection."""
        is_real = type(connection).__module__.startswith("redis.")
        return is_real and isinstance(connection, Connection | UnixDomainSocketConnection)

    @property
    def is_good(self) -> bool:
        """Whether it can be used again: it is open, and nobody wants it to be opened anew."""
        return self._is_open and not self.connection.should_reconnect()  # type: ignore[no-untyped-call]  # as redis-py has it

    async def exchange(self, packed: bytes, count: int) -> list[Any]:
        """Send packed commands and wait for that many answers; an error that is an answer stands in its place.

        Raises:
            RedisConnectionError: The connection broke, or the server says that it cannot serve on it now.
        """
        if not self._is_open:
            raise RedisConnectionError(_CLOSED)
        answers = self._answers = []
        self._wanted, self._have_errors = count, False
        self._all_there = asyncio.get_running_loop().create_future()
        self._transport.write(packed)
        await self._all_there
        if self._have_errors:
            self._refuse_to_go_on(answers)
        return answers

    def data_received(self, data: bytes) -> None:
        """Take answers, or a part of one."""
        parser, answers = self._parser, self._answers
        try:
            for at in range(0, len(data), _PIECE_BYTES):
                parser.feed(data, at, min(_PIECE_BYTES, len(data) - at))
                while (answer := parser.gets()) is not _NOT_YET:
                    answers.append(answer)
        except InvalidResponse as error:
            self._end(RedisConnectionError(str(error)))
            return
        if len(answers) == self._wanted and self._all_there and not self._all_there.done():
            self._all_there.set_result(None)
        elif len(answers) > self._wanted or not self._wanted:  # nobody has asked for that
            self._end(RedisConnectionError("The store has sent more than it was asked for."))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits, and redis-py's streams, whose end may be waited for too."""
        self._end(exc)
        self._streams.connection_lost(exc)

    def _end(self, cause: Exception | None) -> None:
        self._is_open = False
        if self._all_there and not self._all_there.done():
            error = RedisConnectionError(_CLOSED)
            error.__cause__ = cause
            self._all_there.set_exception(error)
        self._transport.close()

    def _error_of(self, text: str) -> Exception:
        self._have_errors = True
        error: Exception = BaseParser.parse_error(text)  # type: ignore[no-untyped-call]  # as redis-py has it
        return error

    def _refuse_to_go_on(self, answers: list[Any]) -> None:
        """Raise what is no answer to one command but says that this connection is of no use."""
        for answer in answers:
            if isinstance(answer, RedisConnectionError):
                raise answer
            if isinstance(answer, ReadOnlyError) and isinstance(self.connection, SentinelManagedConnection):
                raise RedisConnectionError("The primary is a replica now.") from answer
