"""The list of event types is the one that the code knows: webhooks filter by it and the documentation shows it."""

import re
from importlib.resources import files
from pathlib import Path

from app.domain import events
from app.domain.events import EVENT_TYPES

APP = Path(str(files("app")))
IN_PYTHON = re.compile(r"""\.event\(\s*"([a-z_]+\.[a-z_]+)\"""")
IN_LUA = re.compile(r"'([a-z_]+\.(?:created|modified|deleted|revoked))'")


def sources(pattern: str) -> list[str]:
    """The text of every such file of the application, but for the list itself."""
    return [path.read_text() for path in APP.rglob(pattern) if path != Path(events.__file__)]


def test_every_event_that_is_told_is_of_a_type_that_is_listed() -> None:
    told = {type_ for text in sources("*.py") for type_ in IN_PYTHON.findall(text)}
    told |= {type_ for text in sources("*.lua") for type_ in IN_LUA.findall(text)}

    assert len(told) > 12
    assert told <= set(EVENT_TYPES)


def test_every_type_that_is_listed_is_told_somewhere() -> None:
    text = "\n".join([*sources("*.py"), *sources("*.lua")])

    assert [type_ for type_ in EVENT_TYPES if not re.search(rf"""["']{re.escape(type_)}["']""", text)] == []


def test_every_type_is_explained_in_a_sentence() -> None:
    assert all(text.endswith(".") for text in EVENT_TYPES.values())
