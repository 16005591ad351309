"""Connections that answers are taken from as they come."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import hiredis
import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from app.errors import StoreUnavailable
from app.store.connect import client_options
from app.store.connection import Connection, Script
from app.store.pipelines import Command, SingleSender

Say = Callable[[list[bytes]], bytes | None]
"""What to answer to a command; None closes the connection."""

GREETINGS = {b"CLIENT": b"+OK\r\n", b"PING": b"+PONG\r\n"}
"""What redis-py says by itself when it opens a connection."""


class Store:
    """A server that answers whatever `say` says, with a client of it."""

    def __init__(self, say: Say) -> None:
        self.say = say
        self.heard: list[list[bytes]] = []
        self.opened = 0
        self.was_asked = asyncio.Event()
        self.client: Redis

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        parser = hiredis.Reader()
        while data := await reader.read(65_536):
            parser.feed(data)
            while (command := parser.gets()) is not False:
                answer = GREETINGS.get(command[0]) or self.hear(command)
                if answer is None:
                    writer.close()
                    return
                writer.write(answer)
        writer.close()

    def hear(self, command: list[bytes]) -> bytes | None:
        self.heard.append(command)
        self.was_asked.set()
        return self.say(command)


@asynccontextmanager
async def store(say: Say) -> AsyncIterator[Store]:
    one = Store(say)
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0)
    one.client = Redis(port=server.sockets[0].getsockname()[1], **client_options())
    try:
        yield one
    finally:
        await one.client.aclose()
        server.close()
        await server.wait_closed()


def get(key: str) -> Command:
    return Command(("GET", key), False, key)


def echo(command: list[bytes]) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(command[1]), command[1])


async def test_answers_come_in_the_order_of_the_commands_over_one_connection():
    async with store(echo) as one:
        sender = SingleSender(one.client, 0)

        answers = [await sender.send([get(f"{number}-{at}") for at in range(50)]) for number in range(3)]

        assert answers[2] == [b"2-%d" % at for at in range(50)]
        assert one.opened == 1


async def test_an_answer_that_comes_in_pieces_is_waited_for():
    large = b"x" * 1_000_000

    async with store(lambda _: b"*2\r\n$%d\r\n%b\r\n:7\r\n" % (len(large), large)) as one:
        assert await SingleSender(one.client, 0).send([get("k")]) == [[large, 7]]


async def test_an_error_stands_in_the_place_of_its_answer():
    async with store(lambda command: b"-ERR no\r\n" if command[1] == b"b" else echo(command)) as one:
        first, second, third = await SingleSender(one.client, 0).send([get("a"), get("b"), get("c")])

    assert (first, third) == (b"a", b"c")
    assert isinstance(second, ResponseError)


async def test_what_was_under_way_on_a_connection_that_broke_is_sent_again_over_a_new_one():
    broken: list[Any] = []

    def say(command: list[bytes]) -> bytes | None:
        if command[1] == b"second" and not broken:
            broken.append(command)
            return None
        return echo(command)

    async with store(say) as one:
        sender = SingleSender(one.client, 0)

        assert await sender.send([get("first")]) == [b"first"]
        assert await sender.send([get("second")]) == [b"second"]
        assert [command[1] for command in one.heard] == [b"first", b"second", b"second"]


async def test_a_connection_that_was_closed_while_nobody_used_it_is_opened_anew():
    async with store(echo) as one:
        sender = SingleSender(one.client, 0)
        await sender.send([get("a")])
        await one.client.connection_pool.disconnect()

        assert await sender.send([get("b")]) == [b"b"]


async def test_a_connection_that_is_to_be_opened_anew_is_not_used_again():
    async with store(echo) as one:
        sender = SingleSender(one.client, 0)
        await sender.send([get("a")])
        await one.client.connection_pool.update_active_connections_for_reconnect()

        assert await sender.send([get("b")]) == [b"b"]
        assert one.opened == 2


async def test_more_answers_than_commands_are_no_answers():
    async with store(lambda command: echo(command) * 2) as one:
        with pytest.raises(StoreUnavailable):
            await Connection(one.client).command("GET", "k")


async def test_what_is_no_answer_at_all_ends_the_connection():
    async with store(lambda _: b"HTTP/1.1 400 Bad Request\r\n") as one:
        with pytest.raises(StoreUnavailable):
            await Connection(one.client).command("GET", "k")


async def test_a_question_that_was_given_up_answers_nobody_else():
    async with store(lambda command: b"" if command[1] == b"never" else echo(command)) as one:
        sender = SingleSender(one.client, 0)
        await sender.send([get("a")])
        asking = asyncio.create_task(sender.send([get("never")]))
        one.was_asked.clear()
        await one.was_asked.wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

        assert await sender.send([get("b")]) == [b"b"]


async def test_a_script_that_the_store_has_forgotten_is_told_to_it_again():
    script = Script("note", "return 'done'")
    answers = {b"EVALSHA": b"-NOSCRIPT what\r\n", b"EVAL": b"+done\r\n", b"SCRIPT": b"*1\r\n:1\r\n"}

    async with store(lambda command: answers[command[0]]) as one:
        connection = Connection(one.client)
        await connection.load([script])

        assert await connection.run("note", ["{00}:k"], 1) == b"done"
        assert one.heard[-2:] == [
            [b"EVALSHA", script.digest.encode(), b"1", b"{00}:k", b"1"],
            [b"EVAL", b"return 'done'", b"1", b"{00}:k", b"1"],
        ]
