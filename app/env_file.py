"""Where settings are written: the process environment, and a file `.env` in the working directory."""

import os
import re
from pathlib import Path

from app.errors import ConfigurationError

ENV_LINE = re.compile(
    r"""\s*(?:export\s+)?(?P<name>[A-Za-z_]\w*)\s*=\s*
    (?: "(?P<double>[^"]*)" | '(?P<single>[^']*)' | (?P<plain>(?!["'])(?:(?!(?:^|\s)\#).)*?) )
    \s*(?:(?<=\s)\#.*)?""",
    re.VERBOSE,
)


def read_environment(cwd: Path) -> dict[str, str]:
    """The process environment, over what the file `.env` in `cwd` says.

    Raises:
        ConfigurationError: `.env` cannot be read, or has lines that are not NAME=value.
    """
    return {**read_env_file(cwd / ".env"), **os.environ}


def read_env_file(path: Path) -> dict[str, str]:
    """The names and values of a `.env` file; empty when there is none.

    A line is `NAME=value`, with `export ` before it if you like. Quotes around a value are taken away and keep what is
    inside as it stands; without quotes a ` #` starts a comment.

    Raises:
        ConfigurationError: With one sentence per line that is none of these.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigurationError([f"{path} cannot be read: {reason}."]) from error
    found: dict[str, str] = {}
    problems = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = ENV_LINE.fullmatch(line)
        if match is None:
            problems.append(f"{path} line {number} is not NAME=value (or a quote is not closed).")
            continue
        quoted = match["single"] if match["double"] is None else match["double"]
        found[match["name"]] = match["plain"] if quoted is None else quoted
    if problems:
        raise ConfigurationError(problems)
    return found
