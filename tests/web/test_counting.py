"""How processes count together."""

import multiprocessing

import pytest

from app.web.counting import _CELLS, Board, Metrics, Part
from app.web.metrics import TABLE
from tests.patience import SECONDS

TOKENS = "cds_tokens_issued_total"


def count(board: Board, times: int, ready: "multiprocessing.synchronize.Event", go_on: object) -> None:
    """In a process of its own."""
    counts = Metrics(board)
    for _ in range(times):
        counts.request_began()
        counts.token_issued("refresh_token")
    ready.set()
    go_on.wait(SECONDS)


def run(board: Board, times: int):
    """A process that has counted and waits."""
    spawn = multiprocessing.get_context("spawn")
    ready, go_on = spawn.Event(), spawn.Event()
    process = spawn.Process(target=count, args=(board, times, ready, go_on))
    process.start()
    assert ready.wait(SECONDS)
    return process, go_on


def test_processes_add_up_and_a_killed_one_keeps_what_it_has_counted_but_not_what_it_was_doing():
    board = Board.create(3)
    own = Metrics(board)
    own.token_issued("refresh_token")
    process, _ = run(board, 5)
    assert own.counted()[TOKENS, "refresh_token"] == [6]
    assert own.counted()["cds_http_requests_in_flight",] == [5]

    process.kill()
    process.join()
    assert own.counted()[TOKENS, "refresh_token"] == [6]
    assert own.counted()["cds_http_requests_in_flight",] == [0]

    process, go_on = run(board, 2)
    assert own.counted()[TOKENS, "refresh_token"] == [8]
    assert sum(part.pid > 0 for part in own.parts) == 2  # it goes on where the other one was
    go_on.set()
    process.join(SECONDS)


def test_a_board_that_is_full_says_so():
    board = Board.create(1)
    process, go_on = run(board, 1)

    with pytest.raises(OSError, match="every place"):
        board.claim()
    go_on.set()
    process.join(SECONDS)


def test_a_series_that_finds_no_room_spoils_no_other():
    counts = Metrics()
    for number in range(_CELLS):
        counts.token_issued(str(number))
    counts.request_ended("/late", "GET", 200, 0.1)

    assert all(cells == [1] for series, cells in counts.counted().items() if series[0] == TOKENS)
    assert ("cds_http_requests_total", "/late", "GET", "200") not in counts.counted()


def test_what_was_being_written_when_a_process_was_killed_is_not_read():
    memory = memoryview(bytearray(Board.create(1).parts[0].cells.nbytes + 64 + 256 * 1024))
    part = Part(memory)
    part.begin()
    assert part.append((TOKENS, "a"), 0)
    part._names[40:60] = b"cds_half_of_a_name\t\t"  # noqa: SLF001 -- the length did not follow

    assert list(Part(memory).begin()) == [(TOKENS, "a")]


def test_every_name_follows_the_conventions_of_prometheus():
    for metric in TABLE:
        assert metric.name.startswith(("cds_", "process_"))
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert bool(metric.buckets) == (metric.kind == "histogram")
        assert metric.help.endswith((".", ")."))
