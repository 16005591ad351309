"""Server-Provided Files in one registration: the copies of their records there, and the Grants that open them.

Every function writes one change, and starts again from its reading when somebody else wrote first.

Source: CDS-WG1-02 3.3.3 and section 9; ambiguities E9, G10, G13.
"""

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from app.catalog import Catalog
from app.domain.context import Context
from app.domain.grant_creation import add
from app.domain.grant_states import State, end
from app.domain.grant_writing import Edit, carry_out, state_of
from app.domain.opened_files import files_scopes
from app.domain.records import Access, Change, Stored, Wanted
from app.domain.retries import until_written
from app.errors import InvalidRequest, NotFound
from app.schemas.clients import Client
from app.schemas.files import FileInternal, ServerProvidedFile
from app.schemas.grants import ENDED, Enabled, Grant, GrantInternal, GrantStatus

File = Stored[ServerProvidedFile]


async def give(
    context: Context, access: Access, client_id: str, file_ids: list[str], scope: str | None
) -> tuple[Grant, list[File]]:
    """Make the Grant that shares these files, and copy them; the files are as the library had them then.

    Raises:
        NotFound: There is no such Client Object, or one of the files is not in the library.
        InvalidRequest: The Client Object does not have the scope.
        Conflict: It is disabled.
    """
    grant_id = context.randomness.object_id(access.registration_id, "g")

    async def attempt() -> tuple[Grant, list[File]]:
        wanted = (Wanted(ServerProvidedFile, file_id) for file_id in file_ids)
        client, *copies = await context.records.load(access, Wanted(Client, client_id), *wanted)
        if client is None:
            raise NotFound("There is no such Client Object.", field="client_id")
        scope_id = _scope_for_files(context.catalog, client.object, scope)
        files = await context.library.share(file_ids, grant_id, now=access.now)
        change = Change(access.registration_id, access.now)
        # What comes later in a change is listed earlier, and the first file should be the first.
        for file, copy in zip(reversed(files), reversed(copies), strict=True):
            _copy(change, file, copy)
        grant = _new_grant(context, client_id, scope_id, file_ids, grant_id, access.now)
        shares = "1 file" if len(file_ids) == 1 else f"{len(file_ids)} files"
        add(context, change, client, State(grant, GrantInternal()), f"It shares {shares}.")
        await context.records.apply(change)
        return grant, files

    return await until_written(attempt)


async def refresh(context: Context, access: Access, file: ServerProvidedFile, internal: FileInternal) -> None:
    """Bring the copy of a file up to date, when there is one."""

    async def attempt() -> None:
        (copy,) = await context.records.load(access, Wanted(ServerProvidedFile, file.file_id))
        if copy is None or (copy.object, copy.internal) == (file, internal):
            return
        change = Change(access.registration_id, access.now)
        change.replace(copy, file, internal)
        change.event("file.modified", file.file_id)
        await context.records.apply(change)

    await until_written(attempt)


async def withdraw(context: Context, access: Access, file_id: str, grant_ids: Sequence[str]) -> None:
    """Take a file out of these Grants, and its copy away."""

    async def attempt() -> None:
        wanted = (Wanted(Grant, grant_id) for grant_id in grant_ids)
        copy, *grants = await context.records.load(access, Wanted(ServerProvidedFile, file_id), *wanted)
        scopes = files_scopes(context.catalog)
        edits = [Edit(one, _without(state_of(one), file_id, scopes), access.now) for one in grants if one]
        change = Change(access.registration_id, access.now)
        await carry_out(context, change, edits)
        if copy:
            change.remove(copy)
            change.event("file.deleted", file_id)
        if change.puts:
            await context.records.apply(change)

    await until_written(attempt)


async def disable(context: Context, access: Access, grant_id: str) -> None:
    """Disable a Grant of files, unless it has ended already. Raises NotFound when there is none."""

    async def attempt() -> None:
        (stored,) = await context.records.load(access, Wanted(Grant, grant_id))
        if stored is None or not set(stored.object.scope.split()) & set(files_scopes(context.catalog)):
            raise NotFound("There is no such Grant of files.")
        if stored.object.status in ENDED:
            return
        change = Change(access.registration_id, access.now)
        disabled = end(state_of(stored), GrantStatus.DISABLED, retire=False)
        await carry_out(context, change, [Edit(stored, disabled, access.now)])
        await context.records.apply(change)

    await until_written(attempt)


def _scope_for_files(catalog: Catalog, client: Client, scope: str | None) -> str:
    """The files scope of a Client Object that is asked for, or its first one."""
    own = [scope_id for scope_id in client.scope.split() if scope_id in files_scopes(catalog)]
    if not own:
        raise InvalidRequest("The Client Object has no scope of type cds_server_provided_files.", field="client_id")
    if scope is not None and scope not in own:
        raise InvalidRequest(f"scope has to be one of {', '.join(own)}.", field="scope")
    return scope or own[0]


def _copy(change: Change, file: File, copy: File | None) -> None:
    """Make the copy in the registration equal to the library's record, and rely on nobody taking it away meanwhile."""
    if copy is None:
        change.create(file.object, file.internal)
    elif (copy.object, copy.internal) != (file.object, file.internal):
        change.replace(copy, file.object, file.internal)
    else:
        change.unchanged.append(copy)


def _new_grant(
    context: Context, client_id: str, scope: str, file_ids: Sequence[str], grant_id: str, now: datetime
) -> Grant:
    """An active Grant with one entry for each file (E9, G10)."""
    entries = [{"type": scope, "file_id": file_id} for file_id in file_ids]
    return Grant(
        grant_id=grant_id,
        uri=context.links.grant(grant_id),
        replacing=[],
        replaced_by=[],
        parent=None,
        children=[],
        created=now,
        modified=now,
        not_before=None,
        not_after=None,
        eta=None,
        expires=None,
        status=GrantStatus.ACTIVE,
        client_id=client_id,
        scope=scope,
        authorization_details=entries,
        receipt_confirmations=[],
        enabled_scope=scope,
        enabled_authorization_details=entries,
    )


def _without(state: State, file_id: str, scopes: dict[str, str]) -> State:
    """A Grant that does not open a file any more: `partial` when it opens something else, else `disabled`."""
    grant, internal = state
    if grant.status in ENDED:
        return state
    if resume := internal.resume:
        left = _left(resume.enabled_scope, resume.enabled_authorization_details, file_id, scopes)
        less = replace(
            resume,
            status=_limited(resume.status),
            enabled_scope=left.scope,
            enabled_authorization_details=left.authorization_details,
        )
        limited = State(grant, replace(internal, resume=less))
        changed = left.authorization_details != resume.enabled_authorization_details
    else:
        left = _left(grant.enabled_scope, grant.enabled_authorization_details, file_id, scopes)
        fewer = replace(
            grant,
            status=_limited(grant.status),
            enabled_scope=left.scope,
            enabled_authorization_details=left.authorization_details,
        )
        limited = State(fewer, internal)
        changed = left.authorization_details != grant.enabled_authorization_details
    if not changed:
        return state
    return limited if left.scope else end(state, GrantStatus.DISABLED, retire=False)


def _limited(status: GrantStatus) -> GrantStatus:
    return GrantStatus.PARTIAL if status is GrantStatus.ACTIVE else status


def _left(scope: str, entries: list[dict[str, object]], file_id: str, scopes: dict[str, str]) -> Enabled:
    """What is enabled without a file; a files scope without any entry opens nothing and goes too."""
    kept = [entry for entry in entries if entry["type"] not in scopes or entry.get("file_id") != file_id]
    gone = {entry["type"] for entry in entries} - {entry["type"] for entry in kept}
    return Enabled(scope=" ".join(one for one in scope.split() if one not in gone), authorization_details=kept)
