"""Whether pages are valid HTML. One process of node per test process judges every page that any test reads.

The rules are those of html-validate's `standard`: the content model, attributes and references of the HTML standard.
"""

import atexit
import contextlib
import functools
import json
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.node import TESTS, require_node

PROJECT = TESTS / "html_validate"


class Validator:
    """Asks one process of node about page after page."""

    def __init__(self, node: str) -> None:
        self._process = subprocess.Popen(
            [node, str(PROJECT / "validate.mjs")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        atexit.register(self.close)

    def problems(self, page: str) -> list[str]:
        """What is wrong with a page, with the place in it."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(page) + "\n")
        self._process.stdin.flush()
        found: list[str] = json.loads(self._process.stdout.readline())
        return found

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


def require_valid(page: str) -> None:
    """Fail when a page is no valid HTML. Where there is no node, nobody judges."""
    if shutil.which("node") and shutil.which("npm"):
        problems = _problems(page)
        assert not problems, "\n".join([*problems, *_lines(page, problems)])


@functools.lru_cache(maxsize=256)
def _problems(page: str) -> tuple[str, ...]:
    return tuple(_validator().problems(page))


@functools.cache
def _validator() -> Validator:
    return Validator(require_node(PROJECT))


def _lines(page: str, problems: tuple[str, ...]) -> Iterator[str]:
    """The lines that the problems are in."""
    lines = page.splitlines()
    for problem in problems:
        with contextlib.suppress(ValueError, IndexError):
            yield f"  {lines[int(problem.partition(':')[0]) - 1].strip()[:200]}"


def problems_of(page: str) -> tuple[str, ...]:
    """The problems of a page, for the test that sees to it that there are some."""
    if not shutil.which("node"):
        pytest.skip("needs node")
    return _problems(page)
