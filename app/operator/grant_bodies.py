"""Grants as operators write them: the terms of a new one, and what changes about one (CDS-WG1-02 8.1, 8.2)."""

from datetime import datetime
from typing import Any, Final

from msgspec import UNSET, UnsetType

from app.domain.grant_decisions import SETTABLE, Decision
from app.domain.grant_terms import INITIAL, Terms
from app.domain.texts import one_of
from app.errors import InvalidRequest
from app.operator.reading import Body, entries, moment, refuse_other_fields, text, texts
from app.schemas.grants import GrantStatus

_TERMS: Final = (
    "client_id", "scope", "authorization_details", "status", "not_before", "not_after", "expires", "eta", "parent",
    "replacing",
)  # fmt: skip
_DECISION: Final = (
    "status", "enabled_scope", "enabled_authorization_details", "eta", "not_after", "expires", "description",
)  # fmt: skip


def read_terms(submitted: Body) -> tuple[str, Terms]:
    """For which Client Object a Grant is to be, and what it is to be.

    `replacing` and `parent` take ids, and URLs as Grants show them (ambiguities E12).

    Raises:
        InvalidRequest: A field is missing, malformed or unknown.
    """
    refuse_other_fields(submitted, _TERMS)
    status = submitted.get("status")
    parent = text(submitted, "parent", "")
    return text(submitted, "client_id"), Terms(
        scope=text(submitted, "scope", ""),
        authorization_details=entries(submitted, "authorization_details"),
        status=GrantStatus.ACTIVE if status is None else _status(status, INITIAL),
        not_before=moment(submitted, "not_before"),
        expires=_end(submitted),
        eta=moment(submitted, "eta"),
        parent=_id(parent) or None,
        replacing=tuple(_id(one) for one in texts(submitted, "replacing")),
    )


def read_decision(submitted: Body) -> Decision:
    """What an operator changes about a Grant; `expires: null` is never, other nulls count as left out.

    Raises:
        InvalidRequest: A field is malformed or unknown.
    """
    refuse_other_fields(submitted, _DECISION)
    given = {name for name, value in submitted.items() if value is not None}
    details: list[dict[str, Any]] | UnsetType = UNSET
    if "enabled_authorization_details" in given:
        details = entries(submitted, "enabled_authorization_details")
    return Decision(
        status=_status(submitted["status"], SETTABLE) if "status" in given else UNSET,
        enabled_scope=text(submitted, "enabled_scope") if "enabled_scope" in given else UNSET,
        enabled_authorization_details=details,
        eta=moment(submitted, "eta") or UNSET,
        expires=_end(submitted) if {"expires", "not_after"} & set(submitted) else UNSET,
        reason=text(submitted, "description", ""),
    )


def _status(value: object, accepted: tuple[GrantStatus, ...]) -> GrantStatus:
    if not isinstance(value, str) or value not in accepted:
        raise InvalidRequest(f"status must be {one_of(accepted)}.", field="status")
    return GrantStatus(value)


def _end(submitted: Body) -> datetime | None:
    """When the Grant ends: `expires` and `not_after` are one and the same (ambiguities E4)."""
    ends = [moment(submitted, name) for name in ("expires", "not_after") if name in submitted]
    if len(set(ends)) > 1:
        raise InvalidRequest("not_after must be the same as expires; one of them is enough.", field="not_after")
    return ends[0] if ends else None


def _id(grant: str) -> str:
    return grant.rpartition("/")[2]
