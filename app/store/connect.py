"""From `CDS_STORE_URL` to a connected client, whatever kind of store it names.

A command whose connection broke is sent again, at most twice and within a fraction of a second: a restarted store or a
failover that is already over goes unnoticed. What takes longer is answered 503 by the caller. One that timed out is not
sent again, because it may still be running.

No message of this module repeats the URL itself, which may hold a password.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlencode

import structlog
from redis.asyncio import ConnectionPool, Redis, RedisCluster, SSLConnection
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import MasterNotFoundError
from redis.backoff import ExponentialWithJitterBackoff
from redis.credentials import CredentialProvider
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    RedisClusterException,
    RedisError,
    ResponseError,
)
from redis.exceptions import (
    ConnectionError as RedisConnectionError,
)

from app.errors import ConfigurationError, StoreUnavailable
from app.setting_values import split_hosts
from app.store.embedded import EmbeddedStore
from app.store.sentinels import Sentinels, Watch

CONNECT_SECONDS = 2.0
SOCKET_SECONDS = 5.0
HEALTH_CHECK_SECONDS = 15
RETRIES = 2
FIRST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 0.2
MAX_CONNECTIONS = 64
PATIENCE_SECONDS = 10.0
"""How long a store that does not answer yet is waited for at the start."""

OLDEST_REDIS = (7, 0)
DEFAULT_PORT = 6379
DEFAULT_SENTINEL_PORT = 26379

T = TypeVar("T")

log = structlog.get_logger("app.store.connect")


@dataclass(frozen=True, slots=True)
class StoreConnection:
    """A connected client of redis-py; answers are bytes.

    `wait_replicas` is how many replicas must have a change before it is confirmed; the caller sends the WAIT.
    """

    client: "Redis | RedisCluster"
    is_cluster: bool
    wait_replicas: int
    embedded: EmbeddedStore | None = None
    sentinels: Sentinels | None = None
    watch: Watch | None = None

    async def close(self) -> None:
        """Close all connections; an embedded store that is ours writes everything down and stops."""
        if self.watch is not None:
            await self.watch.stop()
        await self.client.aclose()
        if isinstance(self.client, RedisCluster):  # which leaves these open when it never found the whole cluster
            await asyncio.gather(*(node.disconnect() for node in self.client.startup_nodes))
        if self.sentinels is not None:
            await self.sentinels.aclose()
        if self.embedded is not None:
            await asyncio.to_thread(self.embedded.stop)


class PasswordFile(CredentialProvider):
    """Reads the password whenever a connection is opened, so that a new one in the file counts without a restart.

    Args:
        path: The file; a line break at its end is not part of the password.
        user: Who signs in with it, if not the default user.
    """

    def __init__(self, path: Path, user: str | None = None) -> None:
        self._path = path
        self._user = user

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        """What AUTH takes. Raises OSError when the file cannot be read."""
        password = self._path.read_text(encoding="utf-8").rstrip("\r\n")
        return (self._user, password) if self._user else (password,)

    async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
        """Likewise: a file that a Secret is mounted as is in memory."""
        return self.get_credentials()


async def connect(
    store_url: str,
    *,
    wait_replicas: int = 0,
    password_file: Path | None = None,
    patience_seconds: float = PATIENCE_SECONDS,
) -> StoreConnection:
    """Open the store of `store_url` (DESIGN.md section 3) and see that it answers and suits us.

    A store that does not answer yet is waited for, up to `patience_seconds`. `password_file` goes before a password in
    the URL; the user is that of the URL.

    Raises:
        ConfigurationError: The URL is not usable, nobody answers, the credentials are refused or cannot be read, or the
            server behind it is too old, a replica, or of another kind than the URL says.
    """
    if password_file:
        require_readable(password_file)
    try:
        store = await open_store(store_url, wait_replicas, password_file)
    except TypeError as error:
        raise ConfigurationError(["CDS_STORE_URL has an option in its query that is not known."]) from error
    except (ValueError, RedisClusterException) as error:
        raise ConfigurationError([f"CDS_STORE_URL cannot be used: {error}."]) from error
    if store_url == "memory:":
        return store
    try:
        await wait_until_ready(store, describe(store_url), patience_seconds)
    except BaseException:
        await store.close()
        raise
    if store.watch is not None:
        store.watch.start()
    return store


def require_readable(password_file: Path) -> None:
    """Refuse a password file that cannot be read. Raises ConfigurationError."""
    try:
        PasswordFile(password_file).get_credentials()
    except OSError as error:
        raise ConfigurationError([f"CDS_STORE_PASSWORD_FILE cannot be read: {error.strerror}."]) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(["CDS_STORE_PASSWORD_FILE is not text in UTF-8."]) from error


async def open_store(store_url: str, wait_replicas: int, password_file: Path | None = None) -> StoreConnection:
    """A client for `store_url` that has not connected yet; an embedded store is started."""
    scheme, _, rest = store_url.partition(":")
    if scheme == "embedded":
        embedded = await asyncio.to_thread(EmbeddedStore.open, Path(rest.removeprefix("//")))
        client = Redis(unix_socket_path=str(embedded.socket_path), **client_options())
        return StoreConnection(client, is_cluster=False, wait_replicas=wait_replicas, embedded=embedded)
    if scheme == "memory":
        return StoreConnection(memory_client(), is_cluster=False, wait_replicas=0)
    if scheme.endswith("+sentinel"):
        sentinels, service, options = sentinel_of(rest, tls=scheme.startswith("rediss"))
        client = sentinels.master_for(service, **with_password_file(options, password_file))
        watch = Watch(sentinels, client.connection_pool)
        return StoreConnection(client, is_cluster=False, wait_replicas=wait_replicas, sentinels=sentinels, watch=watch)
    if scheme.endswith("+cluster"):
        retries = 0 if wait_replicas else RETRIES  # see app.store.pipelines
        cluster = cluster_client(scheme, rest, retries, password_file)
        return StoreConnection(cluster, is_cluster=True, wait_replicas=wait_replicas)
    if scheme == "unix" and not rest.startswith("//"):
        client = Redis(unix_socket_path=rest, **client_options())
    else:
        client = single_client(store_url, password_file)
    return StoreConnection(client, is_cluster=False, wait_replicas=wait_replicas)


def retry(retries: int = RETRIES) -> Retry:
    """A fresh retry policy: redis-py keeps state in it."""
    backoff = ExponentialWithJitterBackoff(base=FIRST_PAUSE_SECONDS, cap=LONGEST_PAUSE_SECONDS)
    return Retry(backoff, retries, supported_errors=(RedisConnectionError,))


def client_options() -> dict[str, Any]:
    """What all clients have in common. RESP2 saves a HELLO per connection and is spoken by everything."""
    return {
        "socket_timeout": SOCKET_SECONDS,
        "socket_connect_timeout": CONNECT_SECONDS,
        "health_check_interval": HEALTH_CHECK_SECONDS,
        "retry": retry(),
        "max_connections": MAX_CONNECTIONS,
        "client_name": "cds-server",
        "protocol": 2,
    }


def with_password_file(options: dict[str, Any], path: Path | None) -> dict[str, Any]:
    """Options of connections that take their password from a file, if there is one."""
    if path is None:
        return options
    others = {name: value for name, value in options.items() if name not in {"username", "password"}}
    return {**others, "credential_provider": PasswordFile(path, options.get("username"))}


def single_client(url: str, password_file: Path | None = None) -> Redis:
    """A client of one server.

    Raises:
        TypeError: The query of the URL has an option that connections do not know.
    """
    pool = ConnectionPool(**with_password_file({**client_options(), **parse_url(url)}, password_file))
    pool.connection_class(**pool.connection_kwargs)  # connects nowhere; without it the first command would complain
    return Redis.from_pool(pool)


def cluster_client(scheme: str, rest: str, retries: int, password_file: Path | None = None) -> RedisCluster:
    """A client of a cluster, which is found through any of the hosts that are named."""
    authority, slash, path = rest.removeprefix("//").partition("/")
    hosts = split_hosts(authority.partition("?")[0])
    options: dict[str, Any] = {**client_options(), **parse_url(one_host_url(scheme, authority, slash + path))}
    for name in ("host", "port", "db"):
        options.pop(name, None)
    if options.pop("connection_class", None) is SSLConnection:
        options["ssl"] = True
    nodes = [ClusterNode(host, port or DEFAULT_PORT) for host, port in hosts]
    return RedisCluster(startup_nodes=nodes, **with_password_file({**options, "retry": retry(retries)}, password_file))


def one_host_url(scheme: str, authority: str, rest: str) -> str:
    """The URL with its first host only and a plain scheme, which redis-py can take apart."""
    user, at, hosts = authority.rpartition("@")
    first, _, others = hosts.partition(",")
    query = others.partition("?")[1:]
    return f"{scheme.partition('+')[0]}://{user}{at}{first}{''.join(query)}{rest}"


def sentinel_of(rest: str, *, tls: bool = False) -> tuple[Sentinels, str, dict[str, Any]]:
    """The sentinels, the name of the service and the options of connections to its primary.

    User and password before the hosts are those of the primary; `sentinel_username` and `sentinel_password` in the
    query are those of the sentinels. With `tls` all of them are spoken to with TLS, and `ssl_…` in the query goes to
    all of them.
    """
    authority, _, path = rest.removeprefix("//").partition("/")
    path, _, query = path.partition("?")
    service, _, database = path.partition("/")
    wanted = {name: values[0] for name, values in parse_qs(query).items()}
    credentials = {
        name: wanted.pop(f"sentinel_{name}") for name in ("username", "password") if f"sentinel_{name}" in wanted
    }
    if others := [name for name in sorted(wanted) if not (tls and name.startswith("ssl_"))]:
        raise ValueError(f"{', '.join(others)} is not an option of a redis+sentinel:// URL")
    scheme = "rediss" if tls else "redis"
    parsed = parse_url(one_host_url(scheme, authority, f"/{database or 0}?{urlencode(wanted)}"))
    encryption = {name: value for name, value in parsed.items() if name.startswith("ssl_")} | (
        {"ssl": True} if tls else {}
    )
    hosts = [(host, port or DEFAULT_SENTINEL_PORT) for host, port in split_hosts(authority)]
    timeouts = {"socket_timeout": SOCKET_SECONDS, "socket_connect_timeout": CONNECT_SECONDS, "protocol": 2}
    about_sentinels = {**timeouts, **credentials, **encryption, "retry": retry()}
    sentinels = Sentinels(hosts, sentinel_kwargs=about_sentinels)  # type: ignore[no-untyped-call]  # redis-py has not annotated it
    options = {**client_options(), **parsed, **encryption}
    for name in ("host", "port", "connection_class"):
        options.pop(name, None)
    return sentinels, service, options


def memory_client() -> Redis:
    """A client of a store inside this process, which nobody else sees and which ends with it."""
    try:
        from fakeredis import FakeAsyncRedis, FakeServer  # noqa: PLC0415 -- an extra, and slow to import
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            ["CDS_STORE_URL=memory: needs the extra: pip install 'cds-registration-server[memory]'."]
        ) from error
    client: Redis = FakeAsyncRedis(server=FakeServer(version=(7, 2), server_type="valkey"), protocol=2)
    return client


async def when_available(step: Callable[[], Awaitable[T]], patience_seconds: float = PATIENCE_SECONDS) -> T:
    """What comes of something at the start; it is done again while the store answers but cannot.

    That is during a failover, or while replicas are away.

    Raises:
        ConfigurationError: It could not within `patience_seconds`. Others as `step`.
    """
    deadline = time.monotonic() + patience_seconds
    pause = 0.25
    while True:
        try:
            return await step()
        except StoreUnavailable as error:
            if time.monotonic() + pause > deadline:
                reason = f"{error.description} {error.detail or ''}".rstrip()
                raise ConfigurationError([f"CDS_STORE_URL: the store cannot be worked with now: {reason}"]) from error
            log.warning("store_awaited", reason=error.description)
        await asyncio.sleep(pause)
        pause = min(pause * 2, 1.0)


async def wait_until_ready(store: StoreConnection, name: str, patience_seconds: float) -> None:
    """Ask the server who it is until it answers, and refuse it if it does not suit.

    Raises:
        ConfigurationError: It does not answer within `patience_seconds`, or does not suit.
    """
    deadline = time.monotonic() + patience_seconds
    pause = 0.25
    while True:
        try:
            problems = unsuitable(await server_facts(store), store, name)
        except MasterNotFoundError as error:
            cause: Exception = error
            reason = "no sentinel knows a primary of this service"
        except ResponseError as error:
            raise ConfigurationError([f"CDS_STORE_URL: {name} answers: {error}."]) from error
        except (RedisError, RedisClusterException, OSError) as error:
            if is_about_credentials(error):
                raise ConfigurationError([f"CDS_STORE_URL: {name} refuses the user or the password."]) from error
            cause, reason = error, str(error).rstrip(".")
        else:
            break
        if time.monotonic() + pause > deadline:
            raise ConfigurationError([f"CDS_STORE_URL: {name} does not answer: {reason}."]) from cause
        log.warning("store_awaited", store=name, reason=reason)
        await asyncio.sleep(pause)
        pause = min(pause * 2, 1.0)
    if problems:
        raise ConfigurationError(problems)


def is_about_credentials(error: BaseException | None) -> bool:
    """Whether a refused user or password is behind the error; a cluster client wraps it."""
    while error is not None:
        if isinstance(error, AuthenticationError | AuthorizationError):
            return True
        error = error.__cause__ or error.__context__
    return False


async def server_facts(store: StoreConnection) -> dict[str, Any]:
    """What the server (of a cluster, one of its primaries) says about itself in INFO."""
    if isinstance(store.client, RedisCluster):
        await store.client.initialize()
        facts: dict[str, Any] = await store.client.info(target_nodes=store.client.get_primaries()[0])
        return facts
    found: dict[str, Any] = await store.client.info()
    return found


def unsuitable(facts: dict[str, Any], store: StoreConnection, name: str) -> list[str]:
    """Why the server cannot be our store, as sentences. A policy that may evict objects is only warned about."""
    problems = []
    version = tuple(int(part) for part in str(facts.get("redis_version", "7.0")).split(".")[:2])
    mode = facts.get("server_mode") or facts.get("redis_mode")  # Valkey's word, or Redis's
    if version < OLDEST_REDIS:
        problems.append(f"CDS_STORE_URL: {name} is Redis {'.'.join(map(str, version))}; 7.0 or newer is needed.")
    if mode == "cluster" and not store.is_cluster:
        problems.append(f"CDS_STORE_URL: {name} is part of a cluster; write redis+cluster:// or rediss+cluster://.")
    if mode == "sentinel":
        wanted = "redis+sentinel://host:port,host:port/service (with TLS rediss+sentinel://)"
        problems.append(f"CDS_STORE_URL: {name} is a sentinel; write {wanted}.")
    elif facts.get("role", "master") != "master":
        problems.append(f"CDS_STORE_URL: {name} is a replica; name the primary, or its sentinels.")
    if (policy := facts.get("maxmemory_policy", "noeviction")) != "noeviction" and facts.get("maxmemory"):
        log.warning("store_may_evict_objects", store=name, maxmemory_policy=policy, wanted="noeviction")
    replicas = int(facts.get("connected_slaves", 0))
    if replicas < store.wait_replicas:
        log.warning("store_has_too_few_replicas", store=name, wanted=store.wait_replicas)
    if replicas > store.wait_replicas > 0:  # the one that takes over may be one that has not confirmed
        log.warning("store_has_more_replicas", store=name, replicas=replicas, wait_replicas=store.wait_replicas)
    return problems


def describe(store_url: str) -> str:
    """`store_url` without user, password and options, for people."""
    scheme, _, rest = store_url.partition(":")
    plain = rest.partition("?")[0]
    authority, slash, path = plain.removeprefix("//").partition("/")
    if not plain.startswith("//"):
        return f"{scheme}:{plain}"
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"
