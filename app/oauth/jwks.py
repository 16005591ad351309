"""GET /.well-known/jwks.json (RFC 7517 5, RFC 8414 `jwks_uri`): with what access tokens are verified.

Verifiers keep the document for as long as its Cache-Control says, and fetch it anew when they meet a key that it does
not have. A new key is in it long before it signs (`app.crypto.signing`), so neither ever goes wrong.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from starlette.types import Receive, Scope, Send

from app.crypto.signing import Signer, SigningKey
from app.domain.as_metadata import JWKS_PATH
from app.schemas.encoding import encode
from app.web.documents import Document
from app.web.routing import Limit, Route

CONTENT_TYPE: Final = "application/jwk-set+json"


class PublicKeys:
    """The public halves of the keys of now; encoded anew when these change.

    Args:
        signer: Has the keys.
        now: The clock.
    """

    def __init__(self, signer: Signer, now: Callable[[], datetime]) -> None:
        self._signer = signer
        self._now = now
        self._keys: tuple[SigningKey, ...] = ()
        self._document = self._encoded()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as every public document does."""
        keys = self._signer.published(int(self._now().timestamp()))
        if keys != self._keys:
            self._keys = keys
            self._document = self._encoded()
        await self._document(scope, receive, send)

    def _encoded(self) -> Document:
        return Document(encode({"keys": [key.public_document() for key in self._keys]}), CONTENT_TYPE)


def routes(signer: Signer, now: Callable[[], datetime]) -> list[Route]:
    """The document; a set without keys as long as nothing is signed."""
    return [Route(JWKS_PATH, app=PublicKeys(signer, now), limit=Limit.ANONYMOUS)]
