"""The command `cds-server`. What a command needs is imported when it runs, so that `--help` is quick."""

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from app.catalog import Catalog
    from app.settings import Settings

COMMAND = "cds-server"
DEFAULT_PORT = 8000
DEFAULT_URL = f"http://127.0.0.1:{DEFAULT_PORT}"
DRAIN_SECONDS = 2.0


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="cds-registration-server", prog_name=COMMAND)
def main() -> None:
    """Server metadata and client registration as LF Energy's CDS-WG1-01 and CDS-WG1-02 describe them.

    Settings come from the environment and from .env; .env.example lists them.
    """


@main.command(short_help="Run the service.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for all.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help=f"Port to listen on; {DEFAULT_PORT} by default, with --welcome that of a CDS_PUBLIC_URL of this machine.",
)
@click.option("--workers", type=click.IntRange(1, 64), help="Processes; CDS_WORKERS by default.")
@click.option(
    "--drain",
    default=DRAIN_SECONDS,
    show_default=True,
    type=click.FloatRange(0, 600),
    help="Seconds to go on serving after SIGTERM, with a readiness of 503.",
)
@click.option(
    "--welcome",
    is_flag=True,
    help="Print URLs to open, and CDS_OPERATOR_BOOTSTRAP_KEY if there is one, on a terminal or not.",
)
def serve(host: str, port: int | None, workers: int | None, drain: float, *, welcome: bool) -> None:
    """Run the service until SIGTERM or Ctrl-C; then finish what is under way and exit with 0."""
    import gc

    gc.disable()  # it took a fifth of the start; `calm_collector` turns it on
    from app import serve as service
    from app.catalog import load_catalog
    from app.errors import ConfigurationError
    from app.logs import configure
    from app.settings import Settings

    succeeded = False
    try:
        settings = Settings.from_environment(environment(port, workers))
        configure(settings.log_format, settings.log_level)
        catalog = load_catalog(settings.catalog)
        succeeded = service.serve(
            settings,
            catalog,
            host=host,
            port=port or (welcome and own_port(settings.public_url)) or DEFAULT_PORT,
            drain_seconds=drain,
            announce=lambda: announce(settings, catalog, welcome=welcome or sys.stdout.isatty(), with_key=welcome),
        )
    except ConfigurationError as error:
        service.complain(error)
    sys.exit(0 if succeeded else 1)


def environment(port: int | None, workers: int | None) -> Mapping[str, str]:
    """The process environment over `.env`, and what the command line says over both.

    Without `CDS_PUBLIC_URL` the published URLs follow the port.
    """
    from app.env_file import read_environment

    found = read_environment(Path.cwd())
    if workers is not None:
        found["CDS_WORKERS"] = str(workers)
    if not found.get("CDS_PUBLIC_URL"):
        found["CDS_PUBLIC_URL"] = f"http://127.0.0.1:{port or DEFAULT_PORT}"
    return found


def own_port(public_url: str) -> int | None:
    """The port of a public URL that leads straight to this machine, where people are going to open it; else None."""
    from urllib.parse import urlsplit

    from app.setting_values import is_loopback

    parts = urlsplit(public_url)
    return parts.port or 80 if parts.scheme == "http" and is_loopback(parts.hostname or "") else None


def announce(settings: "Settings", catalog: "Catalog", *, welcome: bool, with_key: bool) -> None:
    """Say that requests are welcome: to people with URLs to open and a registration to paste, else in the log.

    Args:
        settings: Of the server.
        catalog: Likewise.
        welcome: People are there.
        with_key: They may see the operator key of the settings, because they asked for all that they need.
    """
    import structlog

    url, key = settings.public_url, settings.operator_bootstrap_key if with_key else None
    if not welcome:
        structlog.get_logger("app.cli").info("serving", public_url=url, workers=settings.workers)
        return
    click.echo(f"""
{catalog.server.name} is at your service. Everything can be found from the first of these:

  {url}/.well-known/cds-server-metadata.json
  {url}/.well-known/oauth-authorization-server
  {url}/cds-api/v1/coverage

Register a client:

  curl {url}/oauth/register -H 'Content-Type: application/json' \\
    -d '{{"client_name": "My first client", "scope": "{" ".join(first_scopes(catalog))}"}}'

Or watch a client's whole life, request by request, in another terminal:

  {demo_command(url)}

The utility's own staff work in the console{" with the key below" if key else ""}:

  {url}/console
{f"  {key}" if key else "  (a key for it: cds-server operator add NAME --role admin)"}
""")


def demo_command(url: str) -> str:
    """How to start the demo against that URL: like this command itself, which need not be on the PATH."""
    started = Path(sys.argv[0])
    command = str(started) if started.name == COMMAND else COMMAND
    return f"{command} demo" if url == DEFAULT_URL else f"{command} demo {url}"


def first_scopes(catalog: "Catalog") -> list[str]:
    """What a first registration can ask for without registration fields: the admin scope and one of the utility's."""
    admin = [scope.id for scope in catalog.scopes.values() if scope.type == "cds_client_admin"]
    simple = [
        scope.id
        for scope in catalog.scopes.values()
        if not scope.type.startswith("cds_")
        and not any(
            catalog.registration_fields[name].type == "registration_field" for name in scope.registration_requirements
        )
    ]
    return admin[:1] + simple[:1]


@main.command(short_help="Run background jobs as a process of their own.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address for --port; 0.0.0.0 for all.")
@click.option("--port", type=click.IntRange(1, 65535), help="Answer /livez, /readyz and /metrics there.")
def worker(host: str, port: int | None) -> None:
    """Run background jobs until SIGTERM or Ctrl-C; then finish what is under way and exit with 0.

    That is what servers with CDS_WORKER=external leave to others. Any number of these processes may run, beside any
    number of servers.
    """
    from contextlib import ExitStack

    from app import serve, work
    from app.catalog import load_catalog
    from app.env_file import read_environment
    from app.errors import ConfigurationError
    from app.logs import configure
    from app.settings import Settings

    try:
        settings = Settings.from_environment(read_environment(Path.cwd()))
        configure(settings.log_format, settings.log_level)
        with ExitStack() as stack:
            listener = stack.enter_context(serve.bind(host, port)) if port else None
            work.work(settings, load_catalog(settings.catalog), listener)
    except ConfigurationError as error:
        serve.complain(error)
        sys.exit(1)


@main.command(short_help="Check the settings and a catalog.")
@click.argument("catalog", required=False, type=click.Path(path_type=Path))
def check(catalog: Path | None) -> None:
    """Check the settings and CATALOG (by default the one of CDS_CATALOG); exit with 1 when anything is wrong."""
    from app.domain.check import look
    from app.env_file import read_environment
    from app.settings import Settings

    problems = look(lambda: Settings.from_environment(read_environment(Path.cwd())), catalog).problems
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        click.echo(f"{len(problems)} problem{'s' * (len(problems) > 1)}.", err=True)
        sys.exit(1)
    click.echo("Settings and catalog are fine.")


@main.command(short_help="Print the OpenAPI document.")
def openapi() -> None:
    """Print the OpenAPI document that the server publishes with these settings and this catalog."""
    import msgspec

    from app import serve
    from app.catalog import load_catalog
    from app.env_file import read_environment
    from app.errors import ConfigurationError
    from app.main import create_app
    from app.schemas.encoding import encode
    from app.settings import Settings

    try:
        settings = Settings.from_environment(read_environment(Path.cwd()))
        document = create_app(settings, load_catalog(settings.catalog)).openapi()
    except ConfigurationError as error:
        serve.complain(error)
        sys.exit(1)
    click.echo(msgspec.json.format(encode(document)))


@main.command(short_help="Play a Client's whole life against a running server.")
@click.argument("url", default=DEFAULT_URL)
def demo(url: str) -> None:
    """Play a Client's whole life against the running server at URL, and show every request and answer.

    URL is any server's base URL, or that of its metadata document. A new Client is registered there and stays behind.
    """
    from httpx import HTTPError, InvalidURL, UnsupportedProtocol
    from rich.console import Console

    from app.demo import Unexpected, play

    try:
        play(url, Console())
    except Unexpected as error:
        problem = str(error)
    except (InvalidURL, UnsupportedProtocol):
        problem = f"{url} is not a URL such as {DEFAULT_URL}."
    except HTTPError as error:
        problem = f"{url} does not answer: {str(error) or type(error).__name__}. Is the server running?"
    else:
        return
    click.echo(f"{COMMAND}: {problem}", err=True)
    sys.exit(1)


@main.command(
    short_help="Check any CDS server against the specifications.",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def conformance(arguments: tuple[str, ...]) -> None:
    """Check the CDS server at URL, any one, against the specifications, clause by clause; -h tells more."""
    from app.conformance.command import conformance as command

    command.main(list(arguments), prog_name=f"{COMMAND} conformance")


@main.group(short_help="Rotate the keys that protect what is stored.")
def keys() -> None:
    """Keys that protect what is stored."""


@keys.command(short_help="Put new keys in front, while servers run.")
@click.argument("which", required=False, type=click.Choice(["secret", "signing"]))
@click.option("--no-new-key", is_flag=True, help="Add no key; only finish what a new key has made necessary.")
@click.option("--forget-old", is_flag=True, help="Drop the secret keys that nothing needs any more afterwards.")
def rotate(which: str | None, *, no_new_key: bool, forget_old: bool) -> None:
    """Put new keys in front, while servers run; WHICH is secret or signing, both by default.

    Every stored client secret is sealed with the new secret key. The new signing key is published at once and signs ten
    minutes later; the old one stays published until the last access token that it has signed is over, and is dropped by
    the next call after that.

    Keys go into the files that CDS_SECRET_KEYS and CDS_SIGNING_KEYS name, or into those beside an embedded store. All
    servers have to read these same files. Interrupt it at any time: called again, it goes on.
    """
    from app.upkeep import Wishes
    from app.upkeep import rotate as rotate_keys

    wishes = Wishes(
        secret_keys=which != "signing",
        signing_keys=which != "secret",
        new_key=not no_new_key,
        forget_old=forget_old,
    )
    look_after(lambda settings: rotate_keys(settings, wishes, click.echo))


@main.command(short_help="Rebuild the indexes of the store.")
def reindex() -> None:
    """Rebuild everything that lists and finds objects from the objects themselves, while servers run.

    It is needed after something else has changed the store. What is right already is left as it is.
    """
    from app.upkeep import reindex as rebuild

    look_after(lambda settings: rebuild(settings, click.echo))


KEY_FILE = click.option(
    "--key-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A passphrase or a JWK Set that protects the file; CDS_SECRET_KEYS by default.",
)


@main.command(short_help="Write all that is kept into one encrypted file.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@KEY_FILE
@click.option("--files/--no-files", default=True, show_default=True, help="Also what is in CDS_FILES_URL.")
def export(file: Path, key_file: Path | None, *, files: bool) -> None:
    """Write all that this installation keeps into the new FILE (- for standard output), encrypted.

    Servers go on meanwhile. Each registration is in the file as it was at one moment, and the audit log, which comes
    last, tells of everything that is there. Interrupted, call it again with the same FILE: it goes on.

    The keys of CDS_SIGNING_KEYS are not in it, and the file protects the client secrets in it: keep its key elsewhere.
    """
    from app import backup_commands

    choices = backup_commands.Choices(file, key_file, files=files)
    tell = partial(click.echo, err=str(file) == "-")
    look_after(lambda settings: backup_commands.export(settings, choices, tell))


@main.command("import", short_help="Read such a file into another store.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@KEY_FILE
@click.option("--files/--no-files", default=True, show_default=True, help="Also the files that are in FILE.")
@click.option("--missing-only", is_flag=True, help="Add the registrations that a store in use does not have.")
@click.option("--check", "only_check", is_flag=True, help="Read all of FILE and write nothing.")
def import_(file: Path, key_file: Path | None, *, files: bool, missing_only: bool, only_check: bool) -> None:
    """Write what is in FILE (- for standard input) into the store and the files of the settings, of whatever kind.

    The store has to be empty, and no server may run on it. Interrupted, call it again with the same FILE: it ends the
    same, and servers do not start before. Client secrets are sealed with the CDS_SECRET_KEYS of now.
    """
    from app import backup_commands

    choices = backup_commands.Choices(file, key_file, files=files, only_missing=missing_only)
    command = backup_commands.check if only_check else backup_commands.restore
    look_after(lambda settings: command(settings, choices, click.echo))


@main.command(short_help="Check the audit log, and export it.")
@click.option(
    "--export", type=click.Path(path_type=Path, dir_okay=False), help="A file for the records; - for standard output."
)
@click.option("--known", metavar="NUMBER:HASH", help="A record as you noted it earlier, in another place.")
def audit(export: Path | None, known: str | None) -> None:
    """Check that every record of the audit log is as it was written; exit with 1 and name the first one that is not.

    Each record has the hash of the one before it, so none can be changed or removed unnoticed, but whoever may write
    to the store could make the whole log anew. So note the last record now and then, and hand it over with --known
    later.

    The export has one record per line, as JSON. To check such a file by itself: the hash of a record is SHA-256 over
    its line without the member "hash" at the end.
    """
    from app import audit_commands

    look_after(lambda settings: audit_commands.examine(settings, export, known, partial(click.echo, err=True)))


@main.group(short_help="Make, list and revoke operators.")
def operator() -> None:
    """People and systems of the utility, and the keys that they come with."""


@operator.command("add", short_help="Make an operator and print the key.")
@click.argument("name")
@click.option(
    "--role",
    required=True,
    type=click.Choice(["viewer", "support", "admin", "introspector"]),
    help="What the operator may do; introspector is for resource servers.",
)
def add_operator(name: str, role: str) -> None:
    """Make the operator NAME and write the key to standard output: it is not shown again.

    The key works at once, also on servers that run.
    """
    from app import operator_commands

    look_after(lambda settings: operator_commands.add(settings, name, role, click.echo, partial(click.echo, err=True)))


@operator.command("list", short_help="Write who there is.")
def list_operators() -> None:
    """Write the names of all operators, their roles, and since when they are there."""
    from app import operator_commands

    look_after(lambda settings: operator_commands.show(settings, click.echo))


@operator.command("revoke", short_help="Make the key of an operator worthless.")
@click.argument("name")
def revoke_operator(name: str) -> None:
    """Make the key of the operator NAME worthless, on servers that run within five seconds."""
    from app import operator_commands

    look_after(lambda settings: operator_commands.revoke(settings, name, click.echo))


def look_after(action: "Callable[[Settings], Coroutine[Any, Any, bool]]") -> None:
    """Run a command that works on the store; its exit status is 1 when it did not succeed or could not begin."""
    import asyncio

    from app.env_file import read_environment
    from app.errors import ConfigurationError, Refusal
    from app.logs import configure
    from app.settings import Settings

    try:
        settings = Settings.from_environment(read_environment(Path.cwd()))
        configure(settings.log_format, settings.log_level)
        succeeded = asyncio.run(action(settings))
    except ConfigurationError as error:
        succeeded = False
        for problem in error.problems:
            click.echo(f"{COMMAND}: {problem}", err=True)
    except Refusal as error:
        succeeded = False
        click.echo(f"{COMMAND}: {error.description} Call this again, it goes on where it stopped.", err=True)
    sys.exit(0 if succeeded else 1)
