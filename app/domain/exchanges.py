"""An exchange of Messages as an operator looks at it: everything that was written, and what waits for a decision.

Source: CDS-WG1-02 6.2, 6.3, 6.9 and 6.11; ambiguities C11 and C13.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from app.domain.context import Context
from app.domain.messages import replies_in, require_message
from app.domain.messages_answers import FINAL
from app.domain.messages_decisions import DECISIONS
from app.domain.records import Access, Change, Stored, Wanted
from app.domain.retries import until_written
from app.errors import InvalidRequest, NotFound
from app.schemas.messages import Message, MessageStatus, MessageType
from app.schemas.registrations import Registration

CHOICES: Final = {
    **DECISIONS,
    MessageType.FIELD_CHANGES: frozenset(
        {MessageStatus.COMPLETE, MessageStatus.REJECTED, MessageStatus.ERRORED, MessageStatus.PENDING}
    ),
}
"""The statuses that an operator may give to a Message of each type (6.3, C13)."""

_ORDER: Final = (
    MessageStatus.COMPLETE,
    MessageStatus.REJECTED,
    MessageStatus.PENDING,
    MessageStatus.OPEN,
    MessageStatus.ERRORED,
)


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was written about one matter.

    Args:
        registration: Whose it is.
        asked: The Message that somebody wants to see.
        messages: All of them, or the newest hundred and the first, oldest first.
        question: The Message that a decision would be about, None when nothing is left to decide.
    """

    registration: Registration
    asked: Stored[Message]
    messages: Sequence[Stored[Message]]
    question: Stored[Message] | None

    @property
    def choices(self) -> tuple[MessageStatus, ...]:
        """What may be decided, the usual first."""
        allowed = CHOICES[self.question.object.type] if self.question else frozenset()
        return tuple(status for status in _ORDER if status in allowed)

    @property
    def newest_from_client(self) -> Message | None:
        """What the Client has written last."""
        return next((one.object for one in reversed(self.messages) if one.object.creator is not None), None)


async def read(context: Context, access: Access, message_id: str) -> Exchange:
    """The exchange that a Message belongs to. Two round trips.

    Raises:
        NotFound: The registration has no such Message.
    """
    asked, registration = await context.records.load(
        access, Wanted(Message, message_id), Wanted(Registration, access.registration_id)
    )
    if asked is None or registration is None:
        raise NotFound("There is no such Message.")
    messages = await _messages(context, access, asked)
    return Exchange(registration.object, asked, messages, _question(asked, messages))


async def note(context: Context, access: Access, message_id: str) -> Message:
    """Take note of a private_message of a Client, so that it no longer waits. Doing it again changes nothing.

    Raises:
        NotFound: The registration has no such Message.
        InvalidRequest: It is no private_message of a Client.
        Conflict: Others kept changing the Message meanwhile.
    """

    async def attempt() -> Message:
        stored = await require_message(context, access, message_id)
        if stored.object.type is not MessageType.PRIVATE_MESSAGE or stored.object.creator is None:
            raise InvalidRequest("Only a private_message of a Client can be noted.")
        if not stored.internal.noted:
            change = Change(access.registration_id, access.now)
            change.replace(stored, stored.object, replace(stored.internal, noted=True))
            await context.records.apply(change)
        return stored.object

    return await until_written(attempt)


async def _messages(context: Context, access: Access, asked: Stored[Message]) -> list[Stored[Message]]:
    root_id = asked.internal.thread or asked.object.message_id
    replies = await replies_in(context, access, root_id)
    root = asked
    if root_id != asked.object.message_id:
        root = await require_message(context, access, root_id)
    others = [one for one in replies if one.object.message_id != root_id]
    if asked.object.message_id not in {root_id, *(one.object.message_id for one in others)}:
        others.append(asked)
    return [root, *sorted(others, key=lambda one: (one.object.created, one.version))]


def _question(asked: Stored[Message], messages: Sequence[Stored[Message]]) -> Stored[Message] | None:
    """The Message itself, else what the Client has answered last, else what is open."""
    undecided = [one for one in messages if _is_undecided(one.object)]
    if not undecided:
        return None
    own = [one for one in undecided if asked.object.message_id == one.object.message_id]
    answered = [one for one in undecided if asked.object.previous_uri == one.object.uri]
    pending = [one for one in undecided if one.object.status is MessageStatus.PENDING]
    return [*undecided, *pending, *answered, *own][-1]


def _is_undecided(message: Message) -> bool:
    return message.type in CHOICES and message.status not in FINAL
