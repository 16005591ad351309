"""The parameters of an authorization request, in the order in which they came (RFC 6749 3.1)."""

from collections.abc import Iterable
from typing import NamedTuple, Self

from app.domain.texts import is_name
from app.errors import InvalidRequest

CLIENT_ID = "client_id"
REDIRECT_URI = "redirect_uri"
REQUEST_URI = "request_uri"
STATE = "state"
GRANT_ID = "cds_grant_id"

UNDERSTOOD = frozenset(
    {
        CLIENT_ID,
        REDIRECT_URI,
        REQUEST_URI,
        STATE,
        GRANT_ID,
        "authorization_details",
        "code_challenge",
        "code_challenge_method",
        "prompt",
        "request",
        "response_mode",
        "response_type",
        "scope",
    }
)
"""What has a meaning here. Everything else is ignored (RFC 6749 3.1)."""


class Parameters(NamedTuple):
    """Names and values. Make them with `of`, which leaves out parameters without a value as RFC 6749 3.1 demands."""

    pairs: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> Self:
        """Those that have a value."""
        return cls(tuple((name, value) for name, value in pairs if value))

    def every(self, name: str) -> list[str]:
        """All values of a parameter."""
        return [value for one, value in self.pairs if one == name]

    def only(self, name: str) -> str | None:
        """The one value of a parameter, None when it is not there.

        Raises:
            InvalidRequest: There are several. Which of them a proxy or another reader would take, nobody knows.
        """
        values = self.every(name)
        if len(values) > 1:
            raise repeated(name)
        return values[0] if values else None

    def refuse_repeated(self) -> None:
        """No parameter comes twice; of `cds_grant_id` 8.3 says the same for those that are not empty (F5).

        Raises:
            InvalidRequest: One does.
        """
        seen = set()
        for name, _ in self.pairs:
            if name in seen:
                raise repeated(name)
            seen.add(name)

    def understood(self) -> Self:
        """Those that have a meaning here."""
        return type(self)(tuple(pair for pair in self.pairs if pair[0] in UNDERSTOOD))

    def with_client(self, client_id: str) -> Self:
        """These, with the client_id of a caller that has named itself another way.

        Raises:
            InvalidRequest: They say something else.
        """
        named = self.only(CLIENT_ID)
        if named not in {None, client_id}:
            raise InvalidRequest("client_id must be that of the client that authenticates.", field=CLIENT_ID)
        return self if named else type(self)((*self.pairs, (CLIENT_ID, client_id)))

    @property
    def length(self) -> int:
        """Characters of all names and values."""
        return sum(len(name) + len(value) for name, value in self.pairs)


def repeated(name: str) -> InvalidRequest:
    """The refusal of a parameter that came more than once."""
    return InvalidRequest("A parameter appears more than once.", field=name if is_name(name) else None)
