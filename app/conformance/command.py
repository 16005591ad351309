"""The command `cds-server conformance`."""

import asyncio
import ssl
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console

from app.conformance.operator import Operator
from app.conformance.operator_api import OperatorApi, load_operator
from app.conformance.options import REQUEST_SECONDS, RUN_SECONDS, Options
from app.conformance.render import ProgressLine, html_page, json_document, junit_document, print_report
from app.conformance.runner import COULD_NOT_RUN, Report, run
from app.conformance.samples import read_value

Renderer = Callable[[Report], bytes]

STANDARD_OUTPUT: Final = "-"
OPERATOR_KEY: Final = "CONFORMANCE_OPERATOR_KEY"
"""An environment variable: what stands in a command line can be read by others on the machine."""

INTERRUPTED: Final = 130
FORMATS: Final[Mapping[str, Renderer]] = {
    "json_file": json_document,
    "junit_file": junit_document,
    "html_file": lambda report: html_page(report).encode(),
}
OUTPUT: Final = click.Path(path_type=Path, dir_okay=False, writable=True, allow_dash=True)


class FieldValue(click.ParamType[tuple[str, Any]]):
    """NAME=VALUE."""

    name = "NAME=VALUE"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        """The name and the value, which is JSON, @FILE or a string."""
        try:
            return read_value(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class UserName(click.ParamType[tuple[str, str]]):
    """NAME:PASSWORD."""

    name = "NAME:PASSWORD"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """The name and the password, which may have colons."""
        if isinstance(value, tuple):
            return value
        name, colon, password = str(value).partition(":")
        if not name or not colon:
            self.fail("it has to be of the form NAME:PASSWORD", param, ctx)
        return name, password


class UnwritableError(click.FileError):
    """A report has no place to go, which is as bad as having none."""

    exit_code = COULD_NOT_RUN


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("url")
@click.option("--only", multiple=True, metavar="DOCUMENT", help="Only these documents, such as WG1-01 or RFC7591.")
@click.option("--section", multiple=True, help="Only these sections, such as 3.2 or WG1-02-3.2, and those below.")
@click.option("--clause", multiple=True, help="Only these clauses, such as WG1-02-3.2-01.")
@click.option("--scope", multiple=True, help="Register for these scopes; for all that are described by default.")
@click.option(
    "--field",
    multiple=True,
    type=FieldValue(),
    help="A value for a registration field: JSON, @FILE for a file, or text. Others are made up.",
)
@click.option("--no-register", is_flag=True, help="Only read; skip whatever needs a registration.")
@click.option("--json", "json_file", type=OUTPUT, help="Write the report as JSON; - for standard output.")
@click.option("--junit", "junit_file", type=OUTPUT, help="Likewise as JUnit XML.")
@click.option("--html", "html_file", type=OUTPUT, help="Likewise as one page of HTML.")
@click.option("--insecure", is_flag=True, help="Accept any TLS certificate.")
@click.option(
    "--ca-file", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="Certificates to trust instead."
)
@click.option(
    "--timeout", default=REQUEST_SECONDS, show_default=True, type=click.FloatRange(0.1), help="Seconds for one answer."
)
@click.option(
    "--time-limit", default=RUN_SECONDS, show_default=True, type=click.FloatRange(1), help="Seconds for the whole run."
)
@click.option("--operator-url", default="", help="Where the operator API is; by default at URL.")
@click.option(
    "--operator-key",
    default="",
    envvar=OPERATOR_KEY,
    help=f"A key of it with the role admin, so that clauses that need staff are checked too. Better in {OPERATOR_KEY}.",
)
@click.option(
    "--operator-user", metavar="NAME:PASSWORD", type=UserName(), help="A test account that authorizes clients."
)
@click.option(
    "--operator",
    metavar="MODULE:CLASS",
    default="",
    help="Instead of our operator API, hooks of your own for another server: see app.conformance.operator_api.",
)
@click.option("-v", "--verbose", is_flag=True, help="Also tell why clauses were skipped.")
def conformance(**given: Any) -> None:  # noqa: ANN401 -- what click has parsed
    """Check the CDS server at URL against CDS-WG1-01 and CDS-WG1-02, clause by clause, over HTTP alone.

    URL is any server's base URL, or that of its metadata document; everything else is found from there. Throw-away
    clients are registered, about twenty, and stay behind; the report lists them. No secret is shown.

    The exit status is 0 when nothing failed, 1 when a clause that says MUST is violated, and 2 when the run could not
    begin.
    """
    options = Options(
        documents=given["only"],
        sections=given["section"],
        clause_ids=given["clause"],
        register=not given["no_register"],
        scopes=given["scope"],
        fields=dict(given["field"]),
        insecure=given["insecure"],
        ca_file=given["ca_file"],
        request_seconds=given["timeout"],
        run_seconds=given["time_limit"],
    )
    files = [(form, Path(given[name])) for name, form in FORMATS.items() if given[name] is not None]
    console = Console(stderr=any(str(path) == STANDARD_OUTPUT for _, path in files))
    operator = operator_of(given)
    report = watch(lambda progress: staffed(given["url"], options, operator, progress), console)
    print_report(report, console, verbose=given["verbose"])
    write(report, files)
    sys.exit(report.exit_code)


def operator_of(given: Mapping[str, Any]) -> Operator | None:
    """Who acts for the server, by the options of the command.

    Raises:
        UsageError: There are no such hooks, or an option is missing.
    """
    url = given["operator_url"] or base_of(given["url"])
    if given["operator"]:
        try:
            return load_operator(given["operator"], url, given["operator_key"])
        except ValueError as error:
            raise click.UsageError(f"--operator: {error}") from None
    if not given["operator_key"]:
        if given["operator_url"] or given["operator_user"]:
            raise click.UsageError(f"--operator-key or {OPERATOR_KEY} is missing.")
        return None
    verify = not given["insecure"] and (
        ssl.create_default_context(cafile=given["ca_file"]) if given["ca_file"] else True
    )
    return OperatorApi(url, given["operator_key"], user=given["operator_user"], verify=verify)


def base_of(url: str) -> str:
    """The base URL of a server whose URL or metadata URL is given."""
    return (url if "://" in url else f"https://{url}").partition("/.well-known/")[0]


async def staffed(url: str, options: Options, operator: Operator | None, progress: ProgressLine) -> Report:
    """A run with whoever acts for the server, who is let go of afterwards."""
    try:
        return await run(url, options, operator=operator, progress=progress)
    finally:
        if operator:
            await operator.close()


def watch(start: Callable[[ProgressLine], Coroutine[Any, Any, Report]], console: Console) -> Report:
    """Run with a line of progress."""
    with ProgressLine(console) as progress:
        try:
            return asyncio.run(start(progress))
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)


def write(report: Report, files: Sequence[tuple[Renderer, Path]]) -> None:
    """Write the report to files, or to standard output.

    Raises:
        UnwritableError: A file cannot be written.
    """
    for as_written, path in files:
        content = as_written(report)
        if str(path) == STANDARD_OUTPUT:
            sys.stdout.buffer.write(content)
            continue
        try:
            path.write_bytes(content)
        except OSError as error:
            raise UnwritableError(str(path), hint=str(error.strerror)) from None
