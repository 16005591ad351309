"""HTTP as the checks use it: every exchange is taken down, and no server can keep or drown us."""

import asyncio
import json
import ssl
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Any, Final, Self
from urllib.parse import quote_plus, urlencode

import httpx
import msgspec

from app.conformance.checks import NoAnswer, Violated
from app.conformance.evidence import Blackener, Exchange
from app.conformance.options import Options

Document = dict[str, Any]

USER_AGENT: Final = "cds-conformance"
MAX_REDIRECTS: Final = 5
MAX_REPEATS: Final = 4
TOO_MANY_REQUESTS: Final = 429
UNAVAILABLE: Final = 503

_encoder = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request comes from: an `Authorization` header, or nobody."""

    authorization: str | None = field(default=None, repr=False)

    @classmethod
    def client(cls, client_id: str, client_secret: str) -> Self:
        """A Client Object with its secret, for HTTP Basic (RFC 6749 2.3.1)."""
        credentials = httpx.BasicAuth(_form_encoded(client_id), _form_encoded(client_secret))
        request = next(credentials.auth_flow(httpx.Request("GET", "http://localhost")))
        return cls(request.headers["Authorization"])

    @classmethod
    def bearer(cls, token: str) -> Self:
        """Somebody with a token (RFC 6750 2.1)."""
        return cls(f"Bearer {token}")


NOBODY: Final = Caller()


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that came complete."""

    status: int
    headers: httpx.Headers
    content: bytes
    url: str
    """Where it came from in the end, after redirects."""
    exchange: Exchange
    sent: bytes = field(default=b"", repr=False)

    @property
    def media_type(self) -> str:
        """Content-Type without parameters, in lower case."""
        return str(self.headers.get("content-type", "")).partition(";")[0].strip().lower()

    @property
    def ok(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < 300  # noqa: PLR2004 -- the range that HTTP calls success

    def json(self) -> Any:  # noqa: ANN401 -- JSON
        """The body as JSON; numbers with a fraction as Decimal.

        Raises:
            Violated: It is no JSON.
        """
        try:
            return json.loads(self.content.decode("utf-8"), parse_float=Decimal, parse_constant=_no_number)
        except (ValueError, RecursionError):
            raise Violated(f"{self.place} answers {self.status} with a body that is not JSON", self) from None

    def object(self) -> Document:
        """The body as a JSON object.

        Raises:
            Violated: It is something else.
        """
        value = self.json()
        if not isinstance(value, dict):
            raise Violated(f"{self.place} answers with JSON that is no object", self)
        return value

    def find(self, name: str) -> Any:  # noqa: ANN401 -- JSON
        """A member of the body, or None when there is none, or no JSON object at all."""
        with suppress(Violated):
            return self.object().get(name)
        return None

    @property
    def place(self) -> str:
        """Method and URL, for sentences."""
        return f"{self.exchange.method} {self.exchange.url}"


class Wire:
    """The HTTP client of a run."""

    def __init__(
        self, options: Options, blackener: Blackener, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._options = options
        self.blackener = blackener
        self.exchanges: list[Exchange] = []
        """Since the list was last emptied: those of the check that runs."""
        self.requests = 0
        self._client = httpx.AsyncClient(
            verify=_verification(options),
            timeout=options.request_seconds,
            trust_env=True,
            max_redirects=MAX_REDIRECTS,
            transport=transport,
            headers={"User-Agent": USER_AGENT},
        )
        self._direct = httpx.AsyncClient(
            verify=_verification(options),
            timeout=options.request_seconds,
            trust_env=False,
            max_redirects=MAX_REDIRECTS,
            transport=transport,
            headers={"User-Agent": USER_AGENT},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()
        await self._direct.aclose()

    async def get(self, url: str, caller: Caller = NOBODY, **options: Any) -> Answer:  # noqa: ANN401 -- those of ask
        """A GET; see `ask`."""
        return await self.ask("GET", url, caller, **options)

    async def post(self, url: str, caller: Caller = NOBODY, **options: Any) -> Answer:  # noqa: ANN401 -- likewise
        """A POST; see `ask`."""
        return await self.ask("POST", url, caller, **options)

    async def ask(  # noqa: PLR0913 -- a request has that many parts
        self,
        method: str,
        url: str,
        caller: Caller = NOBODY,
        *,
        json: object = msgspec.UNSET,
        form: Mapping[str, str] | Sequence[tuple[str, str]] | None = None,
        content: bytes | None = None,
        params: Mapping[str, str] | Sequence[tuple[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
        follow: bool = False,
        patient: bool = True,
    ) -> Answer:
        """One request and its complete answer.

        Args:
            method: Of HTTP.
            url: Absolute.
            caller: Who asks.
            json: A body; Decimals become numbers.
            form: Another kind of body; a list of pairs may repeat names.
            content: A body as it is.
            params: Added to the query that the URL has.
            headers: More of them.
            follow: Redirects, at most five.
            patient: Wait and repeat where the answer is 429 or 503 with a Retry-After that is not too far.

        Raises:
            NoAnswer: Nothing came, or not in time, or it would not end, or only redirects.
        """
        request = self._request(method, url, caller, json, form, content, params, headers)
        for _ in range(MAX_REPEATS):
            answer = await self._once(request, follow=follow)
            pause = _pause(answer) if patient else None
            if pause is None or pause > self._options.wait_seconds:
                break
            await asyncio.sleep(pause)
        return answer

    def _request(  # noqa: PLR0917 -- only `ask` calls it
        self,
        method: str,
        url: str,
        caller: Caller,
        json_body: object,
        form: Mapping[str, str] | Sequence[tuple[str, str]] | None,
        content: bytes | None,
        params: Mapping[str, str] | Sequence[tuple[str, str]] | None,
        headers: Mapping[str, str] | None,
    ) -> httpx.Request:
        own = {"Accept": "*/*", **({"Authorization": caller.authorization} if caller.authorization else {})}
        if json_body is not msgspec.UNSET:
            content, own["Content-Type"] = _encoder.encode(json_body), "application/json"
        elif form is not None:
            content = urlencode(list(form.items()) if isinstance(form, Mapping) else list(form)).encode()
            own["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            parsed = httpx.URL(url)
            if params:
                pairs = list(params.items()) if isinstance(params, Mapping) else list(params)
                parsed = parsed.copy_with(params=[*parsed.params.multi_items(), *pairs])
            return self._client.build_request(method, parsed, content=content, headers={**own, **(headers or {})})
        except (httpx.InvalidURL, ValueError, TypeError):
            problem = f"{url!r} is not a URL that can be asked"
            raise NoAnswer(problem, Exchange(method=method, url=str(url), problem=problem)) from None

    async def _once(self, request: httpx.Request, *, follow: bool) -> Answer:
        began = time.monotonic()
        self.requests += 1
        try:
            async with asyncio.timeout(self._options.request_seconds):
                client = self._direct if is_loopback(str(request.url)) else self._client
                response = await client.send(request, stream=True, follow_redirects=follow)
                try:
                    content = await self._body(response)
                finally:
                    await response.aclose()
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, TimeoutError, OverlongError, ValueError) as error:
            exchange = self._take_down(request, None, b"", self._problem(error), began)
            raise NoAnswer(f"{request.method} {exchange.url}: {exchange.problem}", exchange) from None
        exchange = self._take_down(request, response, content, "", began)
        return Answer(response.status_code, response.headers, content, str(response.url), exchange, request.content)

    async def _body(self, response: httpx.Response) -> bytes:
        """Raises: OverlongError: It is longer than we read."""
        content = bytearray()
        async for piece in response.aiter_bytes():
            content += piece
            if len(content) > self._options.answer_bytes:
                raise OverlongError
        return bytes(content)

    def _problem(self, error: Exception) -> str:
        if isinstance(error, TimeoutError | httpx.TimeoutException):
            return f"no complete answer within {self._options.request_seconds:g} seconds"
        if isinstance(error, OverlongError):
            return f"an answer of more than {self._options.answer_bytes} bytes, of which the rest was not read"
        if isinstance(error, httpx.TooManyRedirects):
            return f"more than {MAX_REDIRECTS} redirects, one after the other"
        if isinstance(error, httpx.ConnectError):
            return f"no connection: {error}"
        return f"no valid HTTP answer: {str(error) or type(error).__name__}"

    def _take_down(
        self, request: httpx.Request, response: httpx.Response | None, content: bytes, problem: str, began: float
    ) -> Exchange:
        black, answered = self.blackener, response.headers if response else httpx.Headers()
        exchange = Exchange(
            method=request.method,
            url=black.text(str(request.url)),
            request_headers=black.headers(request.headers.items()),
            request_body=black.body(request.content, request.headers.get("content-type", "")),
            status=response.status_code if response else None,
            answer_headers=black.headers(answered.items()),
            answer_body=black.body(content, answered.get("content-type", "")),
            problem=problem,
            milliseconds=round((time.monotonic() - began) * 1000),
        )
        self.exchanges.append(exchange)
        return exchange


class OverlongError(Exception):
    """A body that does not end where a reasonable one does."""


def is_loopback(url: str) -> bool:
    """Whether a URL means this machine: no proxy is asked for it, and TLS is not expected of it."""
    try:
        host = httpx.URL(url).host
        return host == "localhost" or ip_address(host).is_loopback
    except (httpx.InvalidURL, ValueError):
        return False


def _verification(options: Options) -> ssl.SSLContext | bool:
    if options.insecure:
        return False
    return ssl.create_default_context(cafile=str(options.ca_file)) if options.ca_file else True


def _pause(answer: Answer) -> float | None:
    """Seconds after which the server wants to be asked again, if it says so (RFC 9110 10.2.3)."""
    if answer.status not in {TOO_MANY_REQUESTS, UNAVAILABLE}:
        return None
    value = str(answer.headers.get("retry-after", "")).strip()
    if value.isdigit():
        return float(value) + 0.1
    with suppress(ValueError, TypeError):
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time()) + 1.0
    return None


def _form_encoded(value: str) -> str:
    """As RFC 6749 2.3.1 wants ids and secrets before they go into HTTP Basic."""
    return quote_plus(value)


def _no_number(name: str) -> None:
    raise ValueError(name)
