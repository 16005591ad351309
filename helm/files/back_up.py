"""Write a back-up, see that it is whole, and remove those that are older than what is to be kept.

A Job runs this on a volume. What its CronJob starts is named after the moment that it was planned for; a retry of the
same Job finds that name again and goes on where the last attempt stopped. A Job that somebody made by hand gives the
file its own name (`kubectl create job --from=cronjob/…`), and such files are kept until somebody removes them.

Reads DIRECTORY, CRONJOB_NAME, JOB_NAME, KEEP (a number), FILES (`true` or `false`) and, where there is one, KEY_FILE.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d{4}Z")


def file_name(cronjob: str, job: str) -> str:
    """What the file of a Job is called. Kubernetes ends the names of planned ones with minutes since 1970."""
    minutes = job.removeprefix(f"{cronjob}-")
    if minutes != job and minutes.isdecimal():
        return f"{cronjob}-{datetime.fromtimestamp(int(minutes) * 60, UTC):%Y-%m-%dT%H%MZ}"
    return job


def command(*words: str, key_file: str) -> None:
    """Run `cds-server`. Raises CalledProcessError when it does not end well."""
    key = ["--key-file", key_file] if key_file else []
    subprocess.run(["cds-server", *words, *key], check=True)  # noqa: S603, S607 -- the command of this image


def write(path: Path, environ: Mapping[str, str]) -> None:
    """Write the file, unless an earlier attempt has done so, and read all of it."""
    key_file = environ.get("KEY_FILE", "")
    if not path.exists():
        files = "--files" if environ["FILES"] == "true" else "--no-files"
        command("export", files, str(path), key_file=key_file)
    command("import", "--check", str(path), key_file=key_file)


def superseded(directory: Path, cronjob: str, current: str, keep: int) -> list[Path]:
    """Planned back-ups beyond the youngest ones, and what attempts that nobody will go on with have left."""
    planned = [
        one
        for one in sorted(directory.iterdir(), reverse=True)
        if MOMENT.fullmatch(one.name.removeprefix(f"{cronjob}-").removesuffix(".part"))
    ]
    whole = [one for one in planned if one.suffix != ".part"]
    return [*whole[keep:], *(one for one in planned if one.suffix == ".part" and one.stem < current)]


def end(*_: object) -> NoReturn:
    """End at SIGTERM, which Linux keeps from the first process of a container that does not ask for it."""
    sys.exit(143)


def main() -> None:
    """Do all of it; what was removed is told."""
    signal.signal(signal.SIGTERM, end)
    directory, job = Path(os.environ["DIRECTORY"]), os.environ["JOB_NAME"]
    if not os.access(directory, os.W_OK):
        sys.exit(f"User {os.getuid()} cannot write to {directory}: its volume needs another backup.fsGroup.")
    cronjob = os.environ["CRONJOB_NAME"]
    name = file_name(cronjob, job)
    try:
        write(directory / name, os.environ)
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
    if name == job:
        return
    for path in superseded(directory, cronjob, name, int(os.environ["KEEP"])):
        path.unlink()
        sys.stdout.write(f"{path.name} is removed.\n")


if __name__ == "__main__":
    main()
