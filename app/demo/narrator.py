"""Requests that are shown while they are made, much as `curl --verbose` shows them."""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from textwrap import indent
from typing import Any, NoReturn

import httpx
from rich.console import Console
from rich.highlighter import JSONHighlighter
from rich.text import Text

from app.demo.shown import pretty, shortened, without_secrets

_INDENT = "    "


class Unexpected(Exception):
    """The server answered something that a Client cannot go on with; the text is a sentence about it."""


class Document(dict[str, Any]):
    """A JSON object of the server's; a member that is not there is an `Unexpected` answer and no bug of ours."""

    def __missing__(self, name: str) -> NoReturn:
        raise Unexpected(f"An answer of the server lacks {name}, which the specification requires.")


class Caller:
    """Who makes a request: nobody in particular, the bearer of an access token, or a Client Object with its secret."""

    def __init__(self, header: str = "", shown: str = "") -> None:
        self.headers = {"Authorization": header} if header else {}
        self.shown = shown

    @classmethod
    def bearer(cls, access_token: str) -> "Caller":
        """Whoever has this access token (RFC 6750)."""
        return cls(f"Bearer {access_token}", f"Bearer {shortened(access_token)}")

    @classmethod
    def client(cls, client_id: str, client_secret: str) -> "Caller":
        """A Client Object that authenticates with HTTP Basic (RFC 6749 2.3.1); ours need no form encoding."""
        code = b64encode(f"{client_id}:{client_secret}".encode()).decode()
        return cls(f"Basic {code}", f"Basic {client_id}:{shortened(client_secret)}")


NOBODY = Caller()


class Narrator:
    """Makes requests and shows them.

    Args:
        http: Where they go.
        console: Where they are shown.
    """

    def __init__(self, http: httpx.Client, console: Console) -> None:
        self._http = http
        self._console = console
        self._highlight = JSONHighlighter()
        self._ascii_only = not console.encoding.lower().startswith("utf")
        self._chapters = 0

    def chapter(self, title: str) -> None:
        """Begin a new part of the story."""
        self._chapters += 1
        self._console.print()
        self._console.rule(Text(f"{self._chapters}. {title}", style="bold"), align="left", style="dim")

    def say(self, text: str) -> None:
        """Explain what comes, or what came."""
        self._console.print()
        self._console.print(Text(text))

    def get(self, url: str, caller: Caller = NOBODY, **params: str) -> Document:
        """What is at a URL. Raises Unexpected when that is no JSON object, or no 200."""
        return self.ask("GET", url, caller, params=params or None)

    def ask(
        self,
        method: str,
        url: str,
        caller: Caller = NOBODY,
        *,
        expect: Sequence[int] = (200,),
        json_body: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Document:
        """One request; its answer has to be a JSON object, or nothing, with an expected status.

        Raises:
            Unexpected: Another status, or no JSON object.
            httpx.HTTPError: No answer.
        """
        own = dict(headers or {})
        request = self._http.build_request(
            method, url, params=params, json=json_body, data=form, headers=own | caller.headers
        )
        self._show_request(request, own | ({"Authorization": caller.shown} if caller.shown else {}), json_body, form)
        answer = self._http.send(request)
        body = object_of(answer)
        self._show_answer(answer, body)
        if answer.status_code not in expect:
            wanted = " or ".join(map(str, expect))
            raise Unexpected(f"{method} {url} answered {answer.status_code} where a Client expects {wanted}.")
        return body

    def _show_request(
        self,
        request: httpx.Request,
        headers: Mapping[str, str],
        json_body: Mapping[str, Any] | None,
        form: Mapping[str, str] | None,
    ) -> None:
        self._console.print()
        self._console.print(Text(f"> {request.method} {request.url}", style="bold cyan", overflow="fold"))
        for name, value in headers.items():
            self._console.print(Text(f"> {name}: {value}", style="dim", overflow="fold"))
        if form:
            self._console.print(Text("> Content-Type: application/x-www-form-urlencoded", style="dim"))
            fields = "&".join(f"{name}={value}" for name, value in without_secrets(form).items())
            self._console.print(Text(indent(fields, _INDENT), overflow="fold"))
        self._show(json_body or {})

    def _show_answer(self, answer: httpx.Response, body: Mapping[str, Any]) -> None:
        color = "bold green" if answer.status_code < httpx.codes.BAD_REQUEST else "bold red"
        for earlier in answer.history:
            self._console.print(Text(f"< {earlier.status_code} {earlier.headers.get('location', '')}", style="dim"))
        self._console.print(Text(f"< {answer.status_code} {answer.reason_phrase}", style=color))
        self._show(body)

    def _show(self, value: Mapping[str, Any]) -> None:
        if value:
            text = indent(pretty(value, ascii_only=self._ascii_only), _INDENT)
            self._console.print(self._highlight(Text(text, overflow="fold")))


def object_of(answer: httpx.Response) -> Document:
    """The JSON object of an answer; empty when it has no body. Raises Unexpected."""
    if not answer.content:
        return Document()
    try:
        body = json.loads(answer.content, object_hook=Document)
    except ValueError:
        body = None
    if not isinstance(body, Document):
        raise Unexpected(
            f"{answer.request.method} {answer.url} answered {answer.status_code} with something that is no JSON object."
        )
    return body
