"""Every key name.

A registration's keys share a prefix that is its id with braces around the first two characters, the shard:
`{3f}8kq2…:o`. Redis Cluster hashes what is inside the braces, so all that belongs to a registration is in one slot,
and so are the event stream and the index of its shard, which a change can therefore append to in the same atomic
step. 256 shards are plenty of slots for any cluster and few enough to ask all of them.

Below a prefix:

| suffix | type | holds |
| --- | --- | --- |
| `:o` | hash | objects by local id: `m4k…` the document, `m4k…!` its internal part, `c9d…$` the sealed client_secret |
| `:i:…` | sorted set | local ids by position (see `app.store.indexes`) |
| `:r` | hash | `rev`, the counter of changes, `status`, and `unused` until a Client Object has authenticated itself |
| `:t:…` | string | an access token by digest; expires with it |
| `:auth` | hash | client_secret digest to credential, client, expiry |
| `:s:…` | hash | the standing Grants of a Client Object by what is asked for |
| `:p:…` | string | a pushed authorization request by digest; expires with it, like the next two |
| `:x:…` | string | an authorization request on its way through the pages |
| `:c:…` | string | an authorization code (see `redeem.lua`) |
| `:f:…` | string | a family of refresh tokens by the digest of what they share (see `rotate.lua`) |
| `:gate` | hash | local id to the change that cut off its tokens |
| `:k:…` | string | what a request with an Idempotency-Key made, for a day: its fingerprint and a local id |
| `:n:…` | string | a change by its nonce, for a minute: that it was written (see `apply.lua`) |
| `:mails` | sorted set | mails with codes that were sent lately, by second (see `spend.lua`) |
| `:due` | sorted set | local ids of Grants by the second at which time changes them |

Of a shard, `{3f}`, and written with the objects that they list:

| suffix | type | holds |
| --- | --- | --- |
| `:events` | stream | what happened |
| `:registrations` | sorted set | registration_ids in alphabetical order |
| `:d:…` | sorted set | full ids by position (see `app.store.shard_indexes`) |
| `:words` | sorted set | in alphabetical order: the words by which registrations are found (see `words.lua`) |
| `:due` | sorted set | full ids of Grants, Credentials and Messages by the second at which something has to be done |
| `:mark` | string | nothing; it is written behind changes that replicas have to confirm, whatever is in the braces |

Users belong to no registration;
`{3f}:session:…` and `{3f}:sign-in:…` (strings) and `{3f}:user:…` (sorted set: grant_ids that the user authorized) are
spread over the shards. So are `{3f}:mails-to:…` (sorted sets like `:mails`, by the digest of an address), and
`{3f}:limit:…` (strings: when an allowance of requests is whole again, by the name of the limit and the digest of whose
it is; see `portion.lua`).

Server-Provided Files belong to no registration. The library has their records under one prefix, `{files}`: operators
share a file by hand now and then, and Clients never get there, because they read the copies in their own registration.

| suffix | type | holds |
| --- | --- | --- |
| `:o`, `:i:files`, `:r` | as above | the records, their order, the counter of changes |
| `:s:…` | sorted set | per file: the grant_ids that shared it, by the second at which they were noted |
"""

SHARDS = tuple(f"{number:02x}" for number in range(256))


def mark(key: str) -> str:
    """A key in the same slot with nothing in it, which may be written at any time (see `app.store.pipelines`)."""
    tag, closed, _ = key.partition("}")
    return f"{tag}}}:mark" if closed else f"{{{key}}}:mark"


def prefix(registration_id: str) -> str:
    """The beginning of every key of a registration."""
    return f"{{{registration_id[:2]}}}{registration_id[2:]}"


def registration_id(prefix: str) -> str:
    """The registration whose prefix this is."""
    return prefix.replace("{", "").replace("}", "")


def has_objects(prefix: str) -> bool:
    """Whether this is the prefix of a registration or of the library; others keep something else under `:o`."""
    return prefix == LIBRARY or prefix[1:3] in SHARDS


def shard(shard: str) -> str:
    """The beginning of every key of a shard."""
    return f"{{{shard}}}"


def events(shard: str) -> str:
    """The event stream of a shard."""
    return f"{{{shard}}}:events"


def registrations(shard: str) -> str:
    """The registration_ids of a shard."""
    return f"{{{shard}}}:registrations"


def words(shard: str) -> str:
    """The words by which the registrations of a shard are found."""
    return f"{{{shard}}}:words"


def due(shard: str) -> str:
    """What is due in the registrations of a shard."""
    return f"{{{shard}}}:due"


def repeat(registration_id: str, key: str) -> str:
    """What a request made that is to happen once."""
    return f"{prefix(registration_id)}:k:{key}"


def pushed_request(registration_id: str, handle_digest: str) -> str:
    """A pushed authorization request."""
    return f"{prefix(registration_id)}:p:{handle_digest}"


def transaction(registration_id: str, handle_digest: str) -> str:
    """An authorization request that waits for its user."""
    return f"{prefix(registration_id)}:x:{handle_digest}"


def code(registration_id: str, handle_digest: str) -> str:
    """An authorization code."""
    return f"{prefix(registration_id)}:c:{handle_digest}"


def session(shard: str, handle_digest: str) -> str:
    """A user's session."""
    return f"{{{shard}}}:session:{handle_digest}"


def sign_in(shard: str, handle_digest: str) -> str:
    """A user's way to the identity provider and back."""
    return f"{{{shard}}}:sign-in:{handle_digest}"


def user(shard: str, user_digest: str) -> str:
    """What a user authorized."""
    return f"{{{shard}}}:user:{user_digest}"


def mails_of(registration_id: str) -> str:
    """Mails with codes that a registration has had sent lately."""
    return f"{prefix(registration_id)}:mails"


def mails_to(shard: str, address_digest: str) -> str:
    """Mails with codes that were sent to an address lately."""
    return f"{{{shard}}}:mails-to:{address_digest}"


def allowance(limit: str, shard: str, key_digest: str) -> str:
    """What somebody may still ask for under a rate limit."""
    return f"{{{shard}}}:limit:{limit}:{key_digest}"


LIBRARY = "{files}"
"""The prefix of the library of Server-Provided Files."""

LIBRARY_EVENTS = "{files}:events"
"""The stream of what happens in the library, a source of the feed as those of the shards are."""


def shares(file_id: str) -> str:
    """The Grants that shared a file."""
    return f"{LIBRARY}:s:{file_id}"


FEED = "{feed}"
"""The prefix of the feed, all of it in one slot: `:positions` (hash) how far it has got with each source, `:events`
(stream), `:events:3f` (streams) where those of a shard are: whose some that follow each other are, and the ids of the
first and of the last, `:audit` (stream of numbered records), `:audit:…` (sorted sets) the numbers of the records of a
registration, `:head` (hash) `number` and `hash` of the last record, and `:turn` (string, for a moment) that somebody
is at it."""

SCHEMA = "{00}:schema"
"""The schema version of the store."""

OPERATORS = "{operators}:keys"
"""Hash: operators by the digest of their key. No registration's, so in a slot of its own."""

OPERATOR_NAMES = "{operators}:names"
"""Hash: the digests by the names of operators."""

OPERATOR_EVENTS = "{operators}:events"
"""The stream of what happens to operators and to whatever else has its keys in this slot; a source of the feed."""


def operator_change(nonce: str) -> str:
    """That the call with this nonce has revoked an operator or noted something for the audit log; for a minute."""
    return f"{{operators}}:n:{nonce}"


def operator_session(handle_digest: str) -> str:
    """A session of an operator in the console."""
    return f"{{operators}}:session:{handle_digest}"


OUTBOX = "{mails}"
"""The prefix of the outbox. `:mails` (hash) has mails by id, with `!` behind it status and last error, with `#`
attempts; `:list:all` and `:list:…` per status (sorted sets) the ids in the order in which they came, for which `:r`
counts; `:due` and `:ends` (sorted sets) the ids by the second at which to send or to forget them."""

WEBHOOKS = "{operators}:webhooks"
"""The prefix of webhooks. `:o` (hash) has them by id, with `$` behind it the sealed secret, with `+$` the
sealed one before it, with `@` the second until which that one signs; `:active` (set) the ids of those to send
to; `:gone` (set) the ids of those that were deleted and whose deliveries are still there."""

DELIVERIES = "{operators}:deliveries"
"""The prefix of what is sent to webhooks. `:queued` (hash) has deliveries by id, with `!` behind it their
state, with `#` attempts; `:due:…` per webhook (sorted sets) the ids by the second at which to send them;
`:list:…:all` and `:list:…:<status>` per webhook (sorted sets) the ids by position, for which `:rev` counts;
`:ends` (sorted set) the ids by the second at which to forget them."""

BROADCASTS = "{operators}:broadcasts"
"""The prefix of all that is kept of broadcasts: `:list` (sorted set in their order), `:count` (of all there ever were),
`:running` (set: those that are not complete), `:b:…` (hash: `body`, `sent`, `completed`) and `:left:…` (hash: the
shards that are not done, each with the registration after which to go on)."""


def broadcast(broadcast_id: str) -> str:
    """A broadcast."""
    return f"{BROADCASTS}:b:{broadcast_id}"


FORGETTING = "{00}:forgetting"
"""That somebody has begun to look for registrations that nobody has used, lately."""

ROTATION = "{00}:rotation"
"""The kid of the key that a rotation of keys is sealing with, until it is done."""

IMPORT = "{00}:import"
"""The id of the file that is being imported, until all of it is there. `{3f}8kq2…:import` says so of a registration."""

OLDEST = "{00}:schema:oldest"
"""The oldest schema version whose servers can work with the store (see `app.store.schema`)."""
