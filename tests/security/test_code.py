"""What the sources of the server may not have, however well everything works."""

import ast
import importlib
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from re import _parser  # type: ignore[attr-defined]  # the grammar of expressions; nothing else knows it

import app
from app.domain import email_addresses

ROOT = Path(__file__).parents[2]
APP = ROOT / "app"
SOURCES = {str(path.relative_to(ROOT)): path.read_text() for path in sorted(APP.rglob("*.py"))}
IMPORTED = re.compile(r"^\s*(?:import|from) (\S+)", re.MULTILINE)
TALKATIVE = re.compile(
    r"(aiosmtplib|authlib|ftplib|http\.client|httpcore|httpx|requests|smtplib|socket|ssl|urllib3|urllib\.request)(\.|$)"
)
"""Modules with which something can be fetched or sent."""

OUTGOING = {
    "app/cli.py": "what it says when the demo finds no server",
    "app/identity/provider.py": "the identity providers of the settings",
    "app/delivery/webhooks.py": "webhooks, which admins have added",
    "app/delivery/smtp.py": "the mail server of the settings",
    "app/serve.py": "the listener, which answers",
    "app/work.py": "the listener of the worker's probes",
    "app/web/listening.py": "the listener",
    "app/store/embedded.py": "the socket of the embedded store",
    "app/demo/": "a command that plays a Client",
    "app/conformance/": "a command that checks a server",
}
SECRET = re.compile(r"(^|_)(secret|digest|signature|password|verifier|form_token|nonce|hash)$")
COMPARISON = re.compile(
    r"(secret|digest|signature|password|verifier|form_token|nonce|hash)\b *[!=]=|[!=]= *[\w.]*(secret|di"
    r"gest|signature|password|verifier|form_token|nonce|hash)\b"
)
COMPARED = {
    ("app/domain/audit_chain.py", "hash"): "of records, which are no secret",
    ("app/domain/audit_chain.py", "previous_hash"): "likewise",
    ("app/store/connection.py", "digest"): "of our own scripts",
}
NESTED = {
    r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*": "a slash, which is in neither class, ends each round",
    r"[\x21\x23-\x5B\x5D-\x7E]+(?: +[\x21\x23-\x5B\x5D-\x7E]+)*": "so does a blank",
    r"[^\s@]+@[^\s@]+|[^\W_]+(?:[.-][^\W_]+)*\.[^\W_]+": "so does a dot or a hyphen, in at most 2,000 characters",
    email_addresses._ADDRESS.pattern: "so does a dot, and a label has 63 characters",  # noqa: SLF001 -- no other name
}


def imported(source: str) -> list[str]:
    return IMPORTED.findall(source)


def test_only_what_the_utility_has_set_is_ever_asked_for_anything() -> None:
    """No other module can send a request, so no URL of a Client is fetched (server-side request forgery)."""
    found = {path for path, source in SOURCES.items() if any(map(TALKATIVE.match, imported(source)))}

    assert {path for path in found if not path.startswith(tuple(OUTGOING))} == set()
    assert all(any(path.startswith(one) for path in found) for one in OUTGOING), "an exception that is none any more"


def test_nothing_that_came_from_outside_can_become_code() -> None:
    unpacks = {"marshal", "pickle", "shelve", "dill", "jsonpickle"}
    for path, source in SOURCES.items():
        assert unpacks.isdisjoint(imported(source)), path
        assert not re.search(r"(?<![.\w])(eval|exec|compile|__import__)\(", source), path
        assert not re.search(
            r"shell=True|os\.system|os\.popen|unsafe_load|full_load|UnsafeLoader|FullLoader|yaml\.Loader", source
        ), path


def test_templates_escape_everything_but_our_own_stylesheet() -> None:
    found = {
        (str(path.relative_to(APP)), one)
        for path in APP.rglob("*.html")
        for one in re.findall(r"\{\{[^}]*\|\s*safe[^}]*\}\}|\{%[^%]*autoescape[^%]*%\}", path.read_text())
    }

    assert found == {(f"{room}/templates/{layout}.html", "{{ style | safe }}") for room, layout in LAYOUTS}


LAYOUTS = (("web", "layout"), ("console", "console"))


def operand(node: ast.expr) -> str:
    """What a side of a comparison is called; "" for what is called or computed first."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def test_secrets_are_compared_in_constant_time() -> None:
    """With hmac.compare_digest, or by their digests in the store; `==` would tell how much of a guess is right."""
    found = set()
    for path, source in SOURCES.items():
        if not COMPARISON.search(source) or path.startswith(("app/conformance/", "app/demo/")):
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Compare) and all(isinstance(one, ast.Eq | ast.NotEq) for one in node.ops):
                sides = (node.left, *node.comparators)
                if any(isinstance(one, ast.Constant) for one in sides):
                    continue
                found |= {(path, operand(one)) for one in sides if SECRET.search(operand(one))}

    assert {one for one in found if one not in COMPARED} == set()


def patterns() -> dict[str, re.Pattern[str] | re.Pattern[bytes]]:
    """Every compiled expression that a module of the server has, by its text."""
    for module in pkgutil.walk_packages(app.__path__, "app."):
        if not module.name.startswith(("app.conformance", "app.demo")):
            importlib.import_module(module.name)
    modules = [module for name, module in list(sys.modules.items()) if name.startswith("app.")]
    values = [value for module in modules for value in list(vars(module).values())]
    return {str(one.pattern): one for one in values if isinstance(one, re.Pattern)}


def repeats_without_end(parsed: object, depth: int = 0) -> int:
    """How many repetitions without an end are inside of each other."""
    deepest = depth
    for operation, argument in parsed:  # type: ignore[attr-defined]
        is_repeat = str(operation) in {"MAX_REPEAT", "MIN_REPEAT"}
        inner = depth + 1 if is_repeat and argument[1] > _ENDLESS else depth
        for part in _parts(argument):
            deepest = max(deepest, repeats_without_end(part, inner))
        deepest = max(deepest, inner)
    return deepest


_ENDLESS = 1000
"""More repetitions than this are as good as without end."""


def _parts(argument: object) -> Iterator[object]:
    if isinstance(argument, _parser.SubPattern):
        yield argument
    elif isinstance(argument, tuple | list):
        for one in argument:
            yield from _parts(one)


def test_no_expression_takes_exponential_time() -> None:
    """A repetition within a repetition may try every way to divide a text between the two."""
    found = patterns()
    nested = {text for text, one in found.items() if repeats_without_end(_parser.parse(one.pattern, one.flags)) > 1}

    assert len(found) > 60
    assert nested - NESTED.keys() == set()
    assert nested >= NESTED.keys()


def test_the_expression_that_would_is_found() -> None:
    assert repeats_without_end(_parser.parse(r"(a+)+$")) == 2
    assert repeats_without_end(_parser.parse(r"(?:[a-z]|%[0-9]{2})*x")) == 1


def test_nobody_knows_in_advance_how_strings_hash() -> None:
    """Python draws a key for its hashes at every start, and nothing of ours takes that away (collisions of names)."""
    shipped = [
        ROOT / "Dockerfile",
        *(ROOT / "helm").rglob("*.yaml"),
        *(ROOT / "helm").rglob("*.tpl"),
        *APP.rglob("*.py"),
    ]

    assert not [path for path in shipped if "PYTHONHASHSEED" in path.read_text()]
