"""Which indexes across registrations an object is in.

They lie in the slot of a shard, beside its registrations, and list full ids by position (see `app.store.indexes`). An
object is in one index of its type only (a registration in one more per scope, but for the one that all have to ask
for), because every entry is written with the hottest request of all and kept in memory: what is asked for is put
together from indexes that have nothing in common.
"""

from enum import StrEnum
from itertools import product
from typing import Any, Final

from app.catalog import CLIENT_ADMIN
from app.domain.directory import MessageSearch, RegistrationSearch
from app.domain.inbox import DECIDED_HERE, waits_for_operator
from app.domain.records import AnyObject
from app.schemas.grants import Grant, GrantStatus
from app.schemas.messages import Message, MessageStatus, MessageType
from app.schemas.registrations import Registration, RegistrationStatus, RequirementStatus


class Turn(StrEnum):
    """Who has to act on a Message that is listed."""

    DECISION = "decision"
    """An operator, and it is open or pending."""
    CLIENT = "client"
    """Somebody else, and it is open or pending."""
    LOOK = "look"
    """An operator has not looked at it, but it is complete."""


LISTED: Final = (Registration, Message, Grant)
"""The types that are listed across registrations."""

_TYPES: Final = {
    Turn.DECISION: tuple(sorted(DECIDED_HERE)),
    Turn.CLIENT: tuple(MessageType),
    Turn.LOOK: (MessageType.PRIVATE_MESSAGE,),
}
"""The types of which there can be Messages with this turn."""

_OUTSTANDING: Final = (Turn.DECISION, Turn.CLIENT)
_WAITING: Final = (Turn.DECISION, Turn.LOOK)

_OPEN: Final = frozenset({MessageStatus.OPEN, MessageStatus.PENDING})


def shard_indexes_of(item: AnyObject, internal: Any) -> list[str]:  # noqa: ANN401 -- the internal part differs by type
    """Every index across registrations that lists this object; each once, in the same order for like objects."""
    match item:
        case Registration():
            name = registrations(item.status, is_onboarding(item))
            return [name, *(f"{name}:{scope}" for scope in item.scope.split() if scope != CLIENT_ADMIN)]
        case Message():
            turn = _turn(item, internal)
            return [messages(turn, item.type)] if turn else []
        case Grant():
            return [grants(item.status)]
        case _:
            return []


def is_onboarding(registration: Registration) -> bool:
    """Whether an onboarding step is not met."""
    return any(one.status is not RequirementStatus.MET for one in registration.requirements.values())


def _turn(message: Message, internal: Any) -> Turn | None:  # noqa: ANN401 -- a MessageInternal, or Nothing
    outstanding = message.status in _OPEN
    if waits_for_operator(message, internal):
        return Turn.DECISION if outstanding else Turn.LOOK
    return Turn.CLIENT if outstanding else None


def registrations(status: RegistrationStatus, onboarding: bool) -> str:  # noqa: FBT001 -- both say which index
    """The registrations of a status that have, or have not, an onboarding step to do."""
    return f"registrations:{status}:{'onboarding' if onboarding else 'done'}"


def messages(turn: Turn, type_: MessageType) -> str:
    """Messages of a type on which somebody has to act."""
    return f"messages:{turn}:{type_}"


def grants(status: GrantStatus) -> str:
    """The Grants of a status."""
    return f"grants:{status}"


def of_registrations(search: RegistrationSearch) -> list[str]:
    """The indexes that together have what a search without its words asks for."""
    statuses = [search.status] if search.status else list(RegistrationStatus)
    onboarding = [True, False] if search.onboarding is None else [search.onboarding]
    scope = f":{search.scope}" if search.scope and search.scope != CLIENT_ADMIN else ""
    return [registrations(*pair) + scope for pair in product(statuses, onboarding)]


def of_messages(search: MessageSearch) -> list[str]:
    """The indexes that together have these Messages."""
    turns = _WAITING if search.waiting else _OUTSTANDING
    wanted = [search.type] if search.type else MessageType
    return [messages(turn, type_) for turn in turns for type_ in _TYPES[turn] if type_ in wanted]


def of_grants(status: GrantStatus | None) -> list[str]:
    """The indexes that together have these Grants."""
    return [grants(one) for one in ([status] if status else GrantStatus)]
