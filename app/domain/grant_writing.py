"""Writing changed Grants together with everything that follows from the change.

A Grant that loses access takes its tokens along, a standing Grant of a grant admin scope follows the Grant that it
opens (ambiguities E2, G8), a parent is looked at again when a child changes (E17), and the Client reads about all of it
in its Messages (CDS-WG1-02 section 6). Operations compute the new state of the Grants that they are about, and
`carry_out` adds the rest to the same change.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace

from app.crypto.tokens import local_id
from app.domain import changelog
from app.domain.context import Context
from app.domain.grant_states import State, follow_target, next_due, reassess_parent
from app.domain.records import Access, Change, Listing, Stored, Wanted
from app.schemas.grants import Grant

MAX_CHILDREN = 1000
"""Sub-Grants of one parent, at most."""


@dataclass(slots=True)
class Edit:
    """A Grant as it was read and as it is to be.

    `at` is when it became so, and `reason` a sentence for the Message about it.
    """

    stored: Stored[Grant]
    state: State
    at: datetime
    reason: str = ""

    @property
    def before(self) -> Grant:
        """The Grant as it was read."""
        return self.stored.object


@dataclass(frozen=True, slots=True)
class _Related:
    """Whom a change of one Grant may concern: standing Grants that open it, and parents with all their children."""

    dependents: Sequence[Stored[Grant]] = ()
    families: Sequence[tuple[Stored[Grant], Sequence[Stored[Grant]]]] = ()


def state_of(stored: Stored[Grant]) -> State:
    """The state of a Grant as it was read."""
    return State(stored.object, stored.internal)


async def carry_out(
    context: Context,
    change: Change,
    edits: Iterable[Edit],
    *,
    dependents: Mapping[str, Sequence[Stored[Grant]]] | None = None,
    created: Sequence[Grant] = (),
    tell: bool = True,
) -> None:
    """Add changed Grants and all that follows to `change`; what did not change is left alone.

    One more round trip for each level of Grants that are concerned, and none when there cannot be any. Afterwards the
    states of the edits are as they are written, with their `modified`. `dependents` has the standing Grants that open a
    Grant, by its id, when the caller has read them already, and `created` the sub-Grants that the change adds. Without
    `tell` there is no Message for each Grant, because
    the caller writes one about all of them.
    """
    work = _Edits(edits, created)
    known = dict(dependents or {})
    fresh = list(work.by_id.values())
    while fresh:
        related = await asyncio.gather(*(_related(context, change, one, known) for one in fresh))
        touched = [
            other
            for one, others in zip(fresh, related, strict=True)
            for other in _consequences(context, work, one, others)
        ]
        fresh = list({other.before.grant_id: other for other in touched}.values())
    for one in reversed(work.by_id.values()):
        _write(context, change, one, tell=tell)


class _Edits:
    """The edits of one change, each Grant once."""

    def __init__(self, edits: Iterable[Edit], created: Sequence[Grant]) -> None:
        self.by_id = {one.before.grant_id: one for one in edits}
        self._created = created

    def state(self, stored: Stored[Grant]) -> State:
        """What a Grant is as things stand."""
        known = self.by_id.get(stored.object.grant_id)
        return known.state if known else state_of(stored)

    def children(self, parent: Stored[Grant], stored: Sequence[Stored[Grant]]) -> list[Grant]:
        """The sub-Grants of a Grant as things stand, those in the store and the new ones."""
        new = [one for one in self._created if one.parent == parent.object.grant_id]
        return [*(self.state(one).grant for one in stored), *new]

    def become(self, stored: Stored[Grant], state: State, at: datetime) -> Iterable[Edit]:
        """Note a new state; the edit, or nothing when the Grant is like that already."""
        if state == self.state(stored):
            return ()
        noted = self.by_id.setdefault(stored.object.grant_id, Edit(stored, state, at))
        noted.state = state
        return (noted,)


async def dependents_of(context: Context, access: Access, grant_id: str) -> Sequence[Stored[Grant]]:
    """The standing Grants of grant admin scopes that open a Grant; none for what is not a grant_id of ours."""
    parts = local_id(grant_id)
    if parts is None:
        return ()
    return await context.records.find(access, Listing(Grant, filters=((("target", parts.local),),)))


async def children_of(context: Context, access: Access, grant_id: str) -> Sequence[Stored[Grant]]:
    """The sub-Grants of a Grant."""
    parts = local_id(grant_id)
    filters = ((("parent", parts.local if parts else ""),),)
    return await context.records.find(access, Listing(Grant, filters=filters, limit=MAX_CHILDREN))


def is_openable(context: Context, grant: Grant) -> bool:
    """Whether a grant admin token might open the Grant at all."""
    scopes = (context.catalog.scopes.get(scope_id) for scope_id in grant.scope.split())
    return any(scope and scope.grant_admin_scope for scope in scopes)


async def _related(
    context: Context, change: Change, one: Edit, known: Mapping[str, Sequence[Stored[Grant]]]
) -> _Related:
    access = Access(change.registration_id, change.now, settled=True)
    before, after = one.before, one.state.grant
    dependents: Sequence[Stored[Grant]] = ()
    if _access_of(before) != _access_of(after) and is_openable(context, before):
        already = known.get(before.grant_id)
        dependents = await dependents_of(context, access, before.grant_id) if already is None else already
    families = []
    if before.status != after.status or before.children != after.children:
        if after.parent:
            (parent,), children = await asyncio.gather(
                context.records.load(access, Wanted(Grant, after.parent)),
                children_of(context, access, after.parent),
            )
            families += [(parent, children)] if parent else []
        if after.children:
            families.append((one.stored, await children_of(context, access, after.grant_id)))
    return _Related(dependents, families)


def _access_of(grant: Grant) -> tuple[object, ...]:
    return grant.status, grant.enabled_scope, grant.enabled_authorization_details, grant.expires


def _consequences(context: Context, work: _Edits, one: Edit, related: _Related) -> Iterable[Edit]:
    """The edits of other Grants that follow from `one`."""
    for stored in related.dependents:
        followed = follow_target(context.catalog, work.state(stored), one.state.grant, one.before)
        yield from work.become(stored, followed, one.at)
    for parent, children in related.families:
        reassessed = reassess_parent(work.state(parent), work.children(parent, children))
        yield from work.become(parent, reassessed, one.at)


def _write(context: Context, change: Change, one: Edit, *, tell: bool) -> None:
    before, (after, internal) = one.before, one.state
    if after == before and internal == one.stored.internal:
        return
    if after != before:
        after = replace(after, modified=max(one.at, before.modified))
        change.event("grant.modified", after.grant_id)
        one.state = State(after, internal)
        if tell:
            what = f"{describe(before, after)} {one.reason}".rstrip()
            changelog.note_grant(context, change, after.grant_id, what)
    change.replace(one.stored, after, internal)
    change.due[after.grant_id] = next_due(State(after, internal))
    if _has_lost(before, after):
        change.cut_off.append(after.grant_id)
    if one.stored.internal.standing or internal.standing:
        change.forget_standing.append(after.client_id)


def _has_lost(before: Grant, after: Grant) -> bool:
    """Whether tokens under the Grant must not be used as they are: it opens nothing any more, or it ends sooner.

    When it only opens less, introspection shows what is left to them.
    """
    ends_sooner = after.expires is not None and (before.expires is None or after.expires < before.expires)
    return ends_sooner or bool(before.enabled_scope and not after.enabled_scope)


def describe(before: Grant, after: Grant) -> str:
    """What happened to a Grant, as the end of a sentence that begins with its id."""
    parts = []
    if before.status != after.status:
        parts.append(f"is {after.status} now")
    if (before.scope, before.authorization_details) != (after.scope, after.authorization_details):
        parts.append(f"has the scope {after.scope} and its authorization details as shown now")
    if before.enabled_scope != after.enabled_scope:
        parts.append(f"gives access to {after.enabled_scope} now" if after.enabled_scope else "gives no access now")
    elif before.enabled_authorization_details != after.enabled_authorization_details:
        parts.append("gives access to other authorization details now")
    if before.expires != after.expires:
        parts.append(f"ends at {after.expires:%Y-%m-%dT%H:%M:%SZ}" if after.expires else "does not end any more")
    if before.eta != after.eta and after.eta:
        parts.append(f"is expected to change at {after.eta:%Y-%m-%dT%H:%M:%SZ}")
    return "; it ".join(parts or ["has other related Grants now"]) + "."
