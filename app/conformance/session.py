"""What checks share: documents of the server, and throw-away clients, made when the first check asks for them.

Whatever cannot be had raises `Unavailable`, for the first check that asks and for all that follow, so that one fault of
a server fails the checks that are about it and skips those that only build on it.
"""

import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec

from app.conformance.checks import Need, Skipped, Unavailable, Violated
from app.conformance.evidence import Blackener, printable
from app.conformance.formats import is_url, objects, shown, strings
from app.conformance.operator import Operator
from app.conformance.options import Options
from app.conformance.samples import NoSampleError, fields_of, submission
from app.conformance.subject import Subject
from app.conformance.wire import NOBODY, TOO_MANY_REQUESTS, Answer, Caller, Document, Wire

Kept = TypeVar("Kept")

ADMIN: Final = "cds_client_admin"
GRANT_ADMIN: Final = "cds_grant_admin"
FILES: Final = "cds_server_provided_files"
MAX_PAGES: Final = 50
SPARE_SECONDS: Final = 600
"""How long a secret has to be valid at least to be used."""


class LeftBehind(msgspec.Struct, frozen=True):
    """Something that the run has made and cannot take away."""

    client_id: str
    """Of the admin Client Object of a registration."""
    purpose: str


@dataclass(frozen=True, slots=True)
class Registration:
    """A throw-away registration of ours."""

    sent: Document
    answer: Answer
    client_id: str
    client_secret: str
    scopes: tuple[str, ...]

    @property
    def caller(self) -> Caller:
        """Its admin Client Object, for the token endpoint."""
        return Caller.client(self.client_id, self.client_secret)


class Session:
    """One run against one server."""

    def __init__(self, subject: Subject, wire: Wire, options: Options, operator: Operator | None = None) -> None:
        self.subject = subject
        self.wire = wire
        self.options = options
        self._operator = operator
        self.left_behind: list[LeftBehind] = []
        self.notes: dict[str, None] = {}
        """Remarks for the report, each once."""
        self._kept: dict[str, Any] = {}

    @property
    def operator(self) -> Operator:
        """Raises: Skipped: There is nobody who acts for the server."""
        if self._operator is None:
            raise Skipped("needs somebody who acts for the server; none was given")
        return self._operator

    @property
    def blackener(self) -> Blackener:
        """Takes secrets out of what is shown."""
        return self.wire.blackener

    def lacks(self, needs: Iterable[Need]) -> str:
        """Why a check with these needs cannot run, or nothing."""
        wanted = set(needs)
        if Need.PERSON in wanted:
            return "needs a person who looks at it"
        if Need.OPERATOR in wanted and self._operator is None:
            return "needs somebody who acts for the server (--operator-url and --operator-key, where it has those)"
        if wanted and not self.options.register:
            return "needs a registration, and this run only reads"
        return ""

    async def once(self, name: str, make: Callable[[], Awaitable[Kept]]) -> Kept:
        """What `make` gives, made once in a run; when it fails, the reason is kept as well.

        Raises:
            Unavailable: It could not be made.
        """
        if name not in self._kept:
            try:
                self._kept[name] = await make()
            except (Violated, Skipped) as problem:
                self._kept[name] = Unavailable(problem.reason)
        if isinstance(self._kept[name], Unavailable):
            raise Unavailable(self._kept[name].reason)
        kept: Kept = self._kept[name]
        return kept

    def forget(self, prefix: str) -> None:
        """Make things whose names begin so anew when they are asked for again."""
        for name in [name for name in self._kept if name.startswith(prefix)]:
            del self._kept[name]

    # Public documents

    async def server_metadata(self) -> Answer:
        """The CDS server metadata object; always there, because without it there is no run."""
        return self.subject.metadata

    async def as_metadata(self) -> Answer:
        """The authorization server metadata.

        Raises:
            Unavailable: The server publishes none, or it cannot be read.
        """

        async def make() -> Answer:
            url = self.subject.metadata.find("oauth_metadata")
            if not is_url(url):
                raise Unavailable(
                    "the server metadata object has no oauth_metadata URL"
                    if self.claims_registration
                    else "the server does not offer registration: its metadata has neither oauth_metadata nor the "
                    "capability oauth"
                )
            answer = await self.wire.get(url, follow=True)
            if not answer.ok or not isinstance(answer.json(), dict):
                raise Unavailable(f"there is no authorization server metadata: {url} answers {answer.status}")
            return answer

        return await self.once("as_metadata", make)

    @property
    def claims_registration(self) -> bool:
        """Whether the server says that CDS-WG1-02 is meant for it."""
        metadata = self.subject.metadata.object()
        return "oauth" in strings(metadata.get("capabilities")) or "oauth_metadata" in metadata

    async def scopes(self) -> dict[str, Document]:
        """The scope descriptions that are objects, by key."""
        return _named_objects(await self.as_metadata(), "cds_scope_descriptions")

    async def registration_fields(self) -> dict[str, Document]:
        """The registration fields that are objects, by key."""
        return _named_objects(await self.as_metadata(), "cds_registration_fields")

    async def endpoint(self, name: str) -> str:
        """A URL of the authorization server metadata.

        Raises:
            Unavailable: It is not there.
        """
        url = (await self.as_metadata()).find(name)
        if not isinstance(url, str) or not is_url(url):
            raise Unavailable(f"the authorization server metadata has no URL in {name}")
        return url

    async def pages(self, url: str, caller: Caller = NOBODY, params: Mapping[str, str] | None = None) -> list[Answer]:
        """A listing from its first page to its last.

        Raises:
            Violated: A page is no JSON object with status 200, or pages lead in a circle.
        """
        found = [await self._page(url, caller, params)]
        seen = set()
        while isinstance(following := found[-1].find("next"), str):
            if following in seen or len(found) >= MAX_PAGES:
                raise Violated(f"next leads in a circle, or to more than {MAX_PAGES} pages", found[-1])
            seen.add(following)
            found.append(await self._page(following, caller, None))
        return found

    async def _page(self, url: str, caller: Caller, params: Mapping[str, str] | None) -> Answer:
        answer = await self.wire.get(url, caller, params=params)
        if not answer.ok:
            raise Violated(f"{answer.place} answers {answer.status} where a listing is expected", answer)
        answer.object()
        return answer

    async def coverage_pages(self) -> list[Answer]:
        """The coverage listing.

        Raises:
            Unavailable: The server has none.
        """

        async def make() -> list[Answer]:
            url = self.subject.metadata.find("coverage")
            if not isinstance(url, str) or not is_url(url):
                raise Unavailable("the server offers no coverage endpoint")
            return await self.pages(url)

        return await self.once("coverage", make)

    async def coverage_entries(self) -> list[Document]:
        """Every entry of the coverage listing that is an object."""
        pages = await self.coverage_pages()
        return [entry for page in pages for entry in objects(page.find("coverage_entries"))]

    # Registrations

    async def first_attempt(self) -> tuple[Document, Answer]:
        """The request of the main registration and its answer, whatever that is.

        Raises:
            Unavailable: There was none, or there is nothing to register with.
        """

        async def make() -> tuple[Document, Answer]:
            body = await self.registration_body()
            return body, await self.try_registration(body, "the main one")

        return await self.once("first attempt", make)

    async def registration(self) -> Registration:
        """The main throw-away registration, for every scope that is wanted."""

        async def make() -> Registration:
            return registered(*await self.first_attempt())

        return await self.once("registration", make)

    async def second_registration(self) -> Registration:
        """Another one, for what must be kept apart."""
        return await self.once("second registration", lambda: self.new_registration("to be kept apart from the first"))

    async def registration_body(self, scopes: Iterable[str] | None = None, **changes: Any) -> Document:  # noqa: ANN401
        """A valid registration request.

        Args:
            scopes: To register for; by default those of the options, or all. The admin scope is added.
            changes: Members that replace or add to the usual ones; UNSET takes one away.

        Raises:
            Unavailable: The server offers no registration, or asks for something that we have no value for.
        """
        described = await self.scopes()
        wanted = list(scopes if scopes is not None else self.options.scopes or described)
        wanted = list(dict.fromkeys([ADMIN, *wanted]))
        ids = fields_of(described, wanted, "registration_requirements")
        try:
            values = submission(await self.registration_fields(), ids, self.options.fields)
        except NoSampleError as problem:
            raise Unavailable(str(problem)) from None
        body = {
            "client_name": f"Conformance check {secrets.token_hex(4)}",
            "contacts": ["conformance@client.example"],
            "scope": " ".join(wanted),
            **values,
            **changes,
        }
        return {name: value for name, value in body.items() if value is not msgspec.UNSET}

    async def try_registration(
        self, body: object, purpose: str = "by a request that should have been refused"
    ) -> Answer:
        """Send a registration request as it is; when it makes something, that is noted as left behind.

        Raises:
            Skipped: This run only reads, or the server limits registrations for longer than we wait.
            NoAnswer: There was none.
        """
        if not self.options.register:
            raise Skipped("needs a registration, and this run only reads")
        answer = await self.wire.post(await self.endpoint("registration_endpoint"), json=body)
        if answer.status == TOO_MANY_REQUESTS:
            raise Skipped(
                "the server limits how often one registers, and asks for a longer pause than this run makes "
                f"(Retry-After: {answer.headers.get('retry-after', 'not given')})"
            )
        self.note_registration(answer, purpose)
        return answer

    def note_registration(self, answer: Answer, purpose: str) -> None:
        """Learn the secret of a registration and that it stays behind, when the answer is one."""
        client_id, client_secret = answer.find("client_id"), answer.find("client_secret")
        if answer.ok and isinstance(client_id, str):
            self.blackener.learn(client_secret if isinstance(client_secret, str) else None)
            self.left_behind.append(LeftBehind(printable(client_id), purpose))

    async def new_registration(
        self,
        purpose: str,
        scopes: Iterable[str] | None = None,
        **changes: Any,  # noqa: ANN401 -- JSON
    ) -> Registration:
        """One more registration. Be sparing: it stays behind.

        Args:
            purpose: For the list of what stays behind.
            scopes: See `registration_body`.
            changes: Likewise.

        Raises:
            Unavailable: The server refused it, or answered without client_id or client_secret.
        """
        body = await self.registration_body(scopes, **changes)
        return registered(body, await self.try_registration(body, purpose))

    # Tokens

    async def ask_token(self, caller: Caller, **form: str) -> Answer:
        """A request to the token endpoint, client_credentials unless the form says something else.

        Raises:
            NoAnswer: There was none.
        """
        body = {"grant_type": "client_credentials", **form}
        answer = await self.wire.post(await self.endpoint("token_endpoint"), caller, form=body)
        for name in ("access_token", "refresh_token"):
            value = answer.find(name)
            self.blackener.learn(value if isinstance(value, str) else None)
        return answer

    async def token(self, caller: Caller, **form: str) -> str:
        """A new access token.

        Raises:
            Unavailable: There was none.
        """
        answer = await self.ask_token(caller, **form)
        token = answer.find("access_token")
        if not answer.ok or not isinstance(token, str):
            raise Unavailable(f"the token endpoint answers {answer.status} without an access_token: {told(answer)}")
        return token

    async def admin_token(self, registration: Registration | None = None) -> str:
        """A token for the client admin scope; kept, one for each registration."""
        own = registration or await self.registration()
        return await self.once(f"token {own.client_id}", lambda: self.token(own.caller, scope=ADMIN))

    async def as_admin(self, registration: Registration | None = None) -> Caller:
        """The admin of a registration, for its APIs."""
        return Caller.bearer(await self.admin_token(registration))

    # What a registration created

    async def clients(self, registration: Registration | None = None, *, anew: bool = False) -> list[Document]:
        """The Client Objects of a registration, all pages.

        Raises:
            Unavailable: The listing cannot be read.
        """
        own = registration or await self.registration()
        name = f"clients {own.client_id}"
        if anew:
            self.forget(name)
        return await self.once(name, lambda: self._listed("cds_clients_api", "clients", own, {}))

    async def credentials(self, client_id: str, registration: Registration | None = None) -> list[Document]:
        """The Credentials of a Client Object, newest first as the server lists them.

        Raises:
            Unavailable: The listing cannot be read.
        """
        own = registration or await self.registration()
        found = await self._listed("cds_credentials_api", "credentials", own, {"client_ids": client_id})
        self.blackener.learn(*(one["client_secret"] for one in found if isinstance(one.get("client_secret"), str)))
        return found

    async def _listed(
        self, endpoint: str, member: str, registration: Registration, params: Mapping[str, str]
    ) -> list[Document]:
        try:
            pages = await self.pages(await self.endpoint(endpoint), await self.as_admin(registration), params)
        except Violated as problem:
            raise Unavailable(f"the {member} of our registration cannot be listed: {problem.reason}") from None
        return [one for page in pages for one in objects(page.find(member))]

    async def caller_for(self, client: Document, registration: Registration | None = None) -> Caller:
        """A Client Object with a secret that works, for the token endpoint.

        Raises:
            Unavailable: It has none.
        """
        own = registration or await self.registration()
        client_id = str(client.get("client_id"))
        if client_id == own.client_id:
            return own.caller

        async def make() -> Caller:
            for credential in await self.credentials(client_id, own):
                secret, expires = credential.get("client_secret"), credential.get("client_secret_expires_at")
                if isinstance(secret, str) and credential.get("client_id") == client_id and _lives(expires):
                    return Caller.client(client_id, secret)
            raise Unavailable(f"the Client Object {client_id} has no Credential with a client_secret that is valid")

        return await self.once(f"caller {client_id}", make)

    async def client_for(
        self, fits: Callable[[Document], object], what: str, registration: Registration | None = None
    ) -> Document:
        """The first Client Object that fits.

        Raises:
            Unavailable: None does; `what` names such a one.
        """
        for client in await self.clients(registration):
            if fits(client):
                return client
        raise Unavailable(f"our registration has no Client Object {what}")

    async def machine_client(self, registration: Registration | None = None) -> Document:
        """A Client Object for data that needs no user, in production if possible.

        Raises:
            Unavailable: There is none.
        """
        types = {scope: description.get("type") for scope, description in (await self.scopes()).items()}

        def fits(client: Document) -> bool:
            own = {types.get(scope) for scope in str(client.get("scope", "")).split()}
            return bool(own) and not own & {ADMIN, GRANT_ADMIN, FILES} and _takes(client, "client_credentials")

        def fits_now(client: Document) -> bool:
            return fits(client) and client.get("cds_status") == "production"

        found = next(filter(fits_now, await self.clients(registration)), None)
        return found or await self.client_for(fits, "that gets tokens without a user", registration)

    async def user_client(self, registration: Registration | None = None) -> Document:
        """A sandbox Client Object that users authorize.

        Raises:
            Unavailable: There is none.
        """
        return await self.client_for(
            lambda client: client.get("response_types") and client.get("cds_status") == "sandbox",
            "in the sandbox that users authorize",
            registration,
        )


def registered(body: Document, answer: Answer) -> Registration:
    """What a request and its answer made.

    Raises:
        Unavailable: The server refused it, or left out client_id or client_secret.
    """
    client_id, client_secret = answer.find("client_id"), answer.find("client_secret")
    if not answer.ok:
        raise Unavailable(f"the server refused our registration with {answer.status}: {told(answer)}")
    if not isinstance(client_id, str) or not isinstance(client_secret, str):
        raise Unavailable("the answer to our registration has no client_id or no client_secret")
    return Registration(body, answer, client_id, client_secret, tuple(str(body["scope"]).split()))


def told(answer: Answer) -> str:
    """What an answer says about an error, for sentences."""
    return shown(answer.find("error_description") or answer.find("error") or "no error in the body")


def _named_objects(answer: Answer, member: str) -> dict[str, Document]:
    found = answer.find(member)
    if not isinstance(found, dict):
        raise Unavailable(f"the authorization server metadata has no object {member}")
    return {name: value for name, value in found.items() if isinstance(value, dict)}


def _lives(expires: object) -> bool:
    """Whether a `client_secret_expires_at` is `never` or far enough ahead for a run."""
    return expires in {0, None} or (isinstance(expires, int) and expires > time.time() + SPARE_SECONDS)


def _takes(client: Document, grant_type: str) -> bool:
    return grant_type in strings(client.get("grant_types"))
