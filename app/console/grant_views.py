"""One Grant as its page shows it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.console import threads
from app.console.wording import Link
from app.domain import consent
from app.domain.context import Context
from app.domain.grant_changes import approved_extent, is_under_review
from app.domain.grant_states import State, authorized_at
from app.domain.records import Stored
from app.schemas.encoding import encode
from app.schemas.grants import ENDED, Grant, GrantInternal, GrantStatus, Withheld
from app.schemas.messages import RelatedType

_WITHHELD: Final = {
    Withheld.START: "its time has not come",
    Withheld.CLIENT: "its Client Object is disabled",
    Withheld.TARGET: "the Grant that it opens gives no access",
}


@dataclass(frozen=True, slots=True)
class GrantView:
    """A Grant in words."""

    scopes: Sequence[str]
    parts: Sequence[consent.Part]
    """What it says."""
    enabled: Sequence[consent.Part]
    """What it gives at the moment."""
    is_limited: bool
    """Whether it gives less than it says."""
    client: Link
    parent: Link | None
    replacing: Sequence[Link]
    replaced_by: Sequence[Link]
    target: Link | None
    withheld: Sequence[str]
    under_review: bool
    before: Sequence[consent.Part]
    """While a change of the Client waits for an operator: what was approved before."""
    is_final: bool
    has_ended: bool
    is_files: bool
    scope_ids: Sequence[str]
    enabled_ids: Sequence[str]
    raw: str
    """The enabled authorization details as JSON, to begin with when they are to be limited."""
    authorized_by_user: bool


def view_of(context: Context, base: str, stored: Stored[Grant]) -> GrantView:
    """What its page shows."""
    grant = stored.object
    internal: GrantInternal = stored.internal
    state, catalog = State(grant, internal), context.catalog
    since = authorized_at(state)
    under_review = is_under_review(state)
    before = approved_extent(state) if under_review else None

    def words(scope: str, entries: list[dict[str, object]]) -> list[consent.Part]:
        return consent.in_words(catalog, scope, entries, authorized_at=since)

    def link(grant_id: str) -> Link:
        return threads.object_link(base, RelatedType.GRANT, grant_id.rpartition("/")[2])

    scope_ids = list(dict.fromkeys([*grant.scope.split(), *(str(one["type"]) for one in grant.authorization_details)]))
    enabled_ids = list(
        dict.fromkeys(
            [*grant.enabled_scope.split(), *(str(one["type"]) for one in grant.enabled_authorization_details)]
        )
    )
    return GrantView(
        scopes=consent.scope_names(catalog, " ".join(scope_ids)),
        parts=words(" ".join(scope_ids), grant.authorization_details),
        enabled=words(" ".join(enabled_ids), grant.enabled_authorization_details),
        is_limited=(enabled_ids, grant.enabled_authorization_details) != (scope_ids, grant.authorization_details),
        client=threads.object_link(base, RelatedType.CLIENT, grant.client_id),
        parent=link(grant.parent) if grant.parent else None,
        replacing=[link(one) for one in grant.replacing],
        replaced_by=[link(one) for one in grant.replaced_by],
        target=link(internal.target_grant_id) if internal.target_grant_id else None,
        withheld=[_WITHHELD[one] for one in (internal.resume.reasons if internal.resume else [])],
        under_review=under_review,
        before=words(before.scope, before.details) if before else [],
        is_final=grant.status in {GrantStatus.CLOSED, GrantStatus.REVOKED},
        has_ended=grant.status in ENDED,
        is_files=any(
            catalog.scopes[one].type == "cds_server_provided_files" for one in scope_ids if one in catalog.scopes
        ),
        scope_ids=scope_ids,
        enabled_ids=enabled_ids,
        raw=encode(grant.enabled_authorization_details).decode() if grant.authorization_details else "",
        authorized_by_user=bool(internal.user_id),
    )
