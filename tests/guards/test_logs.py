import io
import json
import logging
import warnings

import pytest
import structlog

from app.logs import configure


@pytest.fixture(autouse=True)
def _as_before():
    """Logging is of the whole process: put it back."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    logging.captureWarnings(capture=False)
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


class Terminal(io.BytesIO):
    def isatty(self) -> bool:
        return True


def lines_of(stream: io.BytesIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_line_of_json_with_time_and_level():
    stream = io.BytesIO()
    configure("auto", "info", stream=stream)

    structlog.get_logger().info("request", status=200, text="two\nlines", other=object)

    (line,) = lines_of(stream)
    assert list(line)[:3] == ["timestamp", "level", "event"]
    assert line["event"] == "request"
    assert (line["level"], line["status"], line["text"]) == ("info", 200, "two\nlines")
    assert line["timestamp"].endswith("Z")


def test_a_terminal_gets_text_instead():
    stream = Terminal()
    configure("auto", "info", stream=stream)

    structlog.get_logger().info("request", status=200)

    assert b"request" in stream.getvalue()
    with pytest.raises(json.JSONDecodeError):
        lines_of(stream)


def test_less_important_lines_are_left_out():
    stream = io.BytesIO()
    configure("json", "warning", stream=stream)
    log = structlog.get_logger()

    log.info("fine")
    log.warning("strange")

    assert [line["event"] for line in lines_of(stream)] == ["strange"]


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize(
    "facts",
    [
        {"client_secret": "geheim"},
        {"access_token": "geheim"},
        {"authorization": "Basic geheim"},
        {"detail": "the token cdsat_00r1_geheim is unknown"},
        {"nested": {"list": ["cdscs_geheim"]}},
        {"detail": "signed with whsec_a/b+geheim=="},
    ],
)
def test_secrets_are_blackened_by_name_and_by_prefix(log_format, facts):
    stream = io.BytesIO()
    configure(log_format, "info", stream=stream)

    structlog.get_logger().info("request", **facts)

    assert b"geheim" not in stream.getvalue()
    assert b"[redacted]" in stream.getvalue()


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_an_exception_brings_its_traceback_but_no_local_variable_and_no_secret(log_format):
    stream = io.BytesIO()
    configure(log_format, "info", stream=stream)

    def fail(local_variable: str) -> None:
        raise ValueError("cdscs_geheim is wrong")

    try:
        fail("".join(reversed("negrobrev")))
    except ValueError as error:
        structlog.get_logger().error("failed", exc_info=error)

    written = stream.getvalue()
    assert b"ValueError" in written
    assert b"in fail" in written
    assert b"geheim" not in written
    assert b"verborgen" not in written


def test_what_libraries_log_takes_the_same_way():
    stream = io.BytesIO()
    configure("json", "info", stream=stream)

    logging.getLogger("uvicorn.error").info("chatter")
    logging.getLogger("uvicorn.error").error("no %s", "good")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", stacklevel=1)

    library, warning = lines_of(stream)
    assert (library["event"], library["logger"], library["level"]) == ("no good", "uvicorn.error", "error")
    assert "old" in warning["event"]


def test_a_line_that_can_not_be_written_fails_nothing():
    stream = io.BytesIO()
    configure("json", "info", stream=stream)
    stream.close()

    structlog.get_logger().info("request")
