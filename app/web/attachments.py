"""Answers that may carry attachments: Messages and lists of them, with file bytes streamed into the JSON.

A document without attachments goes out as it is. One with attachments is never whole in memory, however many there are.
"""

from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.domain import attachments
from app.domain.file_store import FileStore
from app.web.answers import NO_STORE, Answer, Headers, json_answer
from app.web.streaming import started

_JSON: Final = b"application/json"


def message_answer(
    files: FileStore, registration_id: str, document: bytes, *, status: int = 200, headers: Headers = ()
) -> Response:
    """Answer with a stored Message or a list of stored Messages of one registration."""
    if not attachments.has_references(document):
        return json_answer(document, status=status, headers=[*NO_STORE, *headers])
    return ExpandedAnswer(files, registration_id, document, status=status, headers=headers)


class ExpandedAnswer(Answer):
    """A JSON document into which attachments are streamed while it is sent.

    Its length is known beforehand, so a caller notices when the file store fails on the way. The first piece is read
    before the status goes out: a file store that is down is a 503 and not a broken answer.
    """

    def __init__(
        self, files: FileStore, registration_id: str, document: bytes, *, status: int, headers: Headers
    ) -> None:
        super().__init__(b"", content_type=_JSON, status=status, headers=[*NO_STORE, *headers])
        self._parts = attachments.parts_of(document)
        self._files = files
        self._registration_id = registration_id
        length = b"%d" % attachments.length_of(self._parts)
        self.raw_headers = [(name, length if name == b"content-length" else value) for name, value in self.raw_headers]

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it; raises StoreUnavailable before anything is sent when the file store does not answer."""
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        if scope["method"] == "HEAD":
            await send(start)
            await send({"type": "http.response.body", "body": b""})
            return
        pieces = await started(attachments.expand(self._files, self._registration_id, self._parts))
        await send(start)
        async for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
