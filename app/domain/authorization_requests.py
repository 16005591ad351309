"""Authorization requests: one list of checks for all doors through which they come (RFC 6749 4.1.1, RFC 9126 2.1).

`/oauth/par` and `/oauth/authorize` put a request through the same list. The `PROOFS` come first: they settle that
answers may be sent to the redirect URI at all. Whatever one of them refuses is told to the user and leads nowhere (RFC
6749 4.1.2.1); what one of the `CHECKS` refuses is told to the Client. `cds_grant_id` comes last of all (CDS-WG1-02
8.3), in `app.domain.authorization`, and not for pushed requests (ambiguities F4).

Every check is a function of the request alone. What several of them need, and what comes out in the end, the request
works out for itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final
from zoneinfo import ZoneInfo

from msgspec import UNSET

from app.domain import authorization_details
from app.domain.as_metadata import PUBLIC
from app.domain.authorization_details import PARAMETER as DETAILS
from app.domain.authorization_parameters import GRANT_ID, REDIRECT_URI, REQUEST_URI, STATE, Parameters
from app.domain.context import Context
from app.domain.grant_details import Extent
from app.domain.pkce import require_challenge
from app.domain.redirect_uris import is_registered
from app.domain.texts import one_of
from app.domain.token_requests import MAX_SCOPE_LENGTH
from app.errors import (
    InvalidAuthorizationDetails,
    InvalidRequest,
    InvalidScope,
    RequestNotSupported,
    UnauthorizedClient,
    UnsupportedResponseType,
)
from app.schemas.clients import Client, ClientStatus
from app.schemas.encoding import encode

CODE: Final = "code"
LOGIN: Final = "login"
QUERY: Final = "query"

MAX_LENGTH: Final = 32 * 1024
"""Characters of all parameters of a request, and bytes of its authorization details with all defaults filled in.

Anybody can have requests kept, so they are small; a user could not read more than that either."""

MAX_STATE_LENGTH: Final = 4096
"""Characters of `state`, which goes back to the Client in a URL."""

Entry = dict[str, Any]


@dataclass(frozen=True)
class Submitted:
    """An authorization request as it came, for the Client Object that it names."""

    context: Context
    client: Client
    parameters: Parameters
    now: datetime

    @cached_property
    def redirect_uri(self) -> str:
        """Where the answer is to go: as sent, else the default (5.1; ambiguities F2).

        Raises:
            InvalidRequest: It was sent more than once, or is not one of the Client Object's.
        """
        default = self.client.cds_default_redirect_uri
        uri = self.parameters.only(REDIRECT_URI) or (default if default is not UNSET else "")
        if not is_registered(uri, self.client, receipt=self.context.links.receipt):
            raise InvalidRequest("redirect_uri must be one of the client's redirect_uris, to the letter.")
        return uri

    @cached_property
    def sent_scope(self) -> frozenset[str] | None:
        """The scope ids that were asked for, those of entries included (E9); None when no scope was sent.

        Raises:
            InvalidScope: There is one that users cannot give to this Client Object.
            InvalidAuthorizationDetails: See `sent_details`.
        """
        ids = self._scope_ids(self.parameters.only("scope"))
        if not ids:
            return None
        return frozenset([*ids, *(entry["type"] for entry in self.sent_details or ())])

    @cached_property
    def sent_details(self) -> list[Entry] | None:
        """The entries that were asked for, validated; None when none were sent.

        Raises:
            InvalidAuthorizationDetails: They are not acceptable.
        """
        raw = self.parameters.only(DETAILS)
        return None if raw is None else self._valid(authorization_details.parse(raw))

    @cached_property
    def extent(self) -> Extent:
        """What is asked for when it is not a Grant that says so, with the defaults of the Client Object (5.1).

        Without a scope it is that of the entries (F3), and without either the default one. Default entries do not
        widen a scope that was sent.

        Raises:
            InvalidScope: Nothing is asked for, or something that users cannot give to this Client Object.
            InvalidAuthorizationDetails: An entry is not acceptable, or a required one is missing.
        """
        ids = self._scope_ids(self.parameters.only("scope"))
        details = self.sent_details
        if details is None:
            default = self.client.cds_default_authorization_details
            details = self._valid([one for one in default or () if not ids or one["type"] in ids])
        if not ids and not self.sent_details:
            ids = self._scope_ids(self.client.cds_default_scope or "")
        wanted = {*ids, *(entry["type"] for entry in details)}
        scope = " ".join(one for one in self._offered() if one in wanted)
        if not scope:
            raise InvalidScope(f"scope must be {self._choice()}.")
        authorization_details.refuse_missing_entries(details, scope, self.context.catalog.scopes)
        return Extent(scope, details)

    @property
    def grant_id(self) -> str | None:
        """The Grant that is to be authorized; the first one that was sent."""
        sent = self.parameters.every(GRANT_ID)
        return sent[0] if sent else None

    @property
    def pkce_required(self) -> bool:
        """Whether there has to be a code challenge (ambiguities F1).

        When a Grant says what is asked for, every scope of the Client Object counts, because errors come before the
        Grant is looked at (8.3).
        """
        asked = self._offered() if self.grant_id else self.extent.scope.split()
        scopes = self.context.catalog.scopes
        return self.client.token_endpoint_auth_method == PUBLIC or any(scopes[one].pkce_required for one in asked)

    def _offered(self) -> list[str]:
        """The scope ids that users can give to the Client Object."""
        scopes = self.context.catalog.scopes
        return [one for one in self.client.scope.split() if one in scopes and scopes[one].response_types_supported]

    def _choice(self) -> str:
        offered = self._offered()
        return f"within the scope of the client: {one_of(offered)}" if offered else "left out: the client has none now"

    def _scope_ids(self, scope: str | None) -> list[str]:
        if scope and len(scope) > MAX_SCOPE_LENGTH:
            raise InvalidScope(f"scope must have at most {MAX_SCOPE_LENGTH} characters.")
        ids = list(dict.fromkeys((scope or "").split()))
        if not set(ids) <= set(self._offered()):
            raise InvalidScope(f"scope must be {self._choice()}.")
        return ids

    def _valid(self, entries: object) -> list[Entry]:
        details = authorization_details.validate(
            entries,
            scopes=self.context.catalog.scopes,
            allowed_types=[one for one in self._offered() if one in self.client.authorization_details_types],
            now=self.now,
            timezone=ZoneInfo(self.context.catalog.server.timezone),
        )
        if len(encode(details)) > MAX_LENGTH:
            raise InvalidAuthorizationDetails(f"{DETAILS} must have at most {MAX_LENGTH} bytes, defaults included.")
        return details


def refuse_disabled_client(submitted: Submitted) -> None:
    """A Client Object that is switched off cannot be authorized (5.2; ambiguities B14)."""
    if submitted.client.cds_status is ClientStatus.DISABLED:
        raise UnauthorizedClient("The client is disabled.")


def require_authorization_requests(submitted: Submitted) -> None:
    """Some Client Objects get their tokens without users, and have nowhere to send a user back to."""
    if CODE not in submitted.client.response_types:
        raise UnauthorizedClient("Users do not authorize this client; it gets its tokens with client_credentials.")


def require_registered_redirect_uri(submitted: Submitted) -> None:
    """Nobody is sent anywhere that the Client Object has not registered (RFC 6749 3.1.2.4)."""
    _ = submitted.redirect_uri


def require_returnable_state(submitted: Submitted) -> None:
    """An answer without the `state` of its request would look like a forged one, so there is none to the Client."""
    if len(submitted.parameters.only(STATE) or "") > MAX_STATE_LENGTH:
        raise InvalidRequest(f"state must have at most {MAX_STATE_LENGTH} characters.")


def refuse_repeated_parameters(submitted: Submitted) -> None:
    """RFC 6749 3.1, and 8.3 for `cds_grant_id`."""
    submitted.parameters.refuse_repeated()


def refuse_long_requests(submitted: Submitted) -> None:
    """What is kept for strangers has a limit."""
    if submitted.parameters.length > MAX_LENGTH:
        raise InvalidRequest(f"The parameters must have at most {MAX_LENGTH} characters together.")


def refuse_request_objects(submitted: Submitted) -> None:
    """Parameters come as they are, or by a `request_uri` of ours, which cannot be pushed itself (RFC 9126 2.1)."""
    if submitted.parameters.only("request"):
        raise RequestNotSupported("Request objects are not supported; push the parameters instead.")
    if submitted.parameters.only(REQUEST_URI):
        raise InvalidRequest("request_uri cannot be one of the parameters that are pushed.")


def require_response_type(submitted: Submitted) -> None:
    """`code` is the only one (RFC 6749 3.1.1)."""
    response_type = submitted.parameters.only("response_type")
    if response_type is None:
        raise InvalidRequest("response_type is required and must be code.")
    if response_type != CODE:
        raise UnsupportedResponseType("response_type must be code.")


def require_response_mode(submitted: Submitted) -> None:
    """Answers are parameters of the redirect URI's query; the metadata says so in `response_modes_supported`."""
    if submitted.parameters.only("response_mode") not in {None, QUERY}:
        raise InvalidRequest("response_mode must be query, which is the default.")


def require_scope_and_details(submitted: Submitted) -> None:
    """What is asked for can be asked for (RFC 6749 3.3, RFC 9396 5, CDS-WG1-02 3.8)."""
    _ = submitted.sent_scope, submitted.sent_details
    if not submitted.grant_id:
        _ = submitted.extent


def require_code_challenge(submitted: Submitted) -> None:
    """PKCE where it is demanded, and never weaker than S256 (RFC 7636; ambiguities F1)."""
    parameters = submitted.parameters
    require_challenge(
        parameters.only("code_challenge"),
        parameters.only("code_challenge_method"),
        required=submitted.pkce_required,
    )


Check = Callable[[Submitted], None]

PROOFS: Final[tuple[Check, ...]] = (
    refuse_disabled_client,
    require_authorization_requests,
    require_registered_redirect_uri,
    require_returnable_state,
)
"""What has to hold before anything is sent to the redirect URI, an error neither."""

CHECKS: Final[tuple[Check, ...]] = (
    refuse_repeated_parameters,
    refuse_long_requests,
    refuse_request_objects,
    require_response_type,
    require_response_mode,
    require_scope_and_details,
    require_code_challenge,
)
"""What has to hold for a request that users get to see, in this order."""


def prove(submitted: Submitted) -> None:
    """Run the PROOFS. Raises InvalidRequest or UnauthorizedClient."""
    for require in PROOFS:
        require(submitted)


def check(submitted: Submitted) -> None:
    """Run the CHECKS.

    Raises:
        InvalidRequest, UnsupportedResponseType, InvalidScope, InvalidAuthorizationDetails, RequestNotSupported: The
            first that does not hold.
    """
    for require in CHECKS:
        require(submitted)
