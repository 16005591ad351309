"""Stores that want a password, which may change while the server runs, and stores behind sentinels that speak TLS."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from redis import Redis

from app.errors import ConfigurationError
from app.store.connect import connect
from tests.stores import SERVICE, Servers, free_port, shared, wait_until

USER = "cds"


@pytest.fixture(scope="module")
def single() -> Iterator[Servers]:
    servers = Servers()
    servers.ports = [free_port()]
    servers.run("--port", str(servers.ports[0]), "--bind", "127.0.0.1", "--save", "")
    with contextlib.closing(Redis(port=servers.ports[0])) as redis:
        wait_until(redis.ping)
    servers.url = f"redis://127.0.0.1:{servers.ports[0]}"
    yield servers
    servers.stop()


@pytest.fixture(params=["single", "cluster", "sentinel"])
def guarded(request: pytest.FixtureRequest) -> Iterator[tuple[str, list[int]]]:
    """A URL without a password, and the ports of the servers where the user is."""
    servers = request.getfixturevalue("single") if request.param == "single" else shared(request.param)
    ports = servers.ports[:2] if request.param == "sentinel" else servers.ports
    yield servers.url.replace("://", f"://{USER}@"), ports
    each(ports, "ACL", "DELUSER", USER)


def each(ports: list[int], *words: str) -> None:
    for port in ports:
        with contextlib.closing(Redis(port=port)) as redis:
            redis.execute_command(*words)


def let_in(ports: list[int], password: str) -> None:
    """Nobody gets in as the user with another password from now on; connections that are open stay."""
    each(ports, "ACL", "SETUSER", USER, "on", "resetpass", f">{password}", "~*", "&*", "+@all")


async def test_a_new_password_in_the_file_counts_for_new_connections_without_a_restart(guarded, tmp_path):
    url, ports = guarded
    file = tmp_path / "password"
    file.write_text("first p@ss/word\n", encoding="utf-8")
    let_in(ports, "first p@ss/word")
    store = await connect(url, password_file=file)
    await store.client.set("{secured}", "1")

    let_in(ports, "second")
    file.write_text("second", encoding="utf-8")
    assert await store.client.get("{secured}") == b"1"
    each(ports, "CLIENT", "KILL", "USER", USER)

    assert await store.client.get("{secured}") == b"1"
    await store.close()


async def test_a_password_that_is_refused_or_cannot_be_read_is_told(guarded, tmp_path):
    url, ports = guarded
    let_in(ports, "right")
    (tmp_path / "wrong").write_text("geheim", encoding="utf-8")
    (tmp_path / "binary").write_bytes(b"\xff")

    for name, complaint in (
        ("wrong", "refuses the user or the password"),
        ("binary", "CDS_STORE_PASSWORD_FILE is not text in UTF-8."),
        ("none", "CDS_STORE_PASSWORD_FILE cannot be read: No such file or directory."),
    ):
        with pytest.raises(ConfigurationError, match=complaint) as refusal:
            await connect(url, password_file=tmp_path / name, patience_seconds=0)
        assert "geheim" not in str(refusal.value)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that vouches for itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "store")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "store.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


class Door:
    """TLS in front of a server that speaks none: the bundled Valkey cannot. It may change what the server says."""

    def __init__(self, port: int, said: bytes = b"", instead: bytes = b"") -> None:
        self.port = free_port()
        self.visitors = 0
        self._behind = port
        self._said, self._instead = said, instead
        self._tasks: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def open(self, certificate: Path) -> AsyncIterator["Door"]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server = await asyncio.start_server(self._visit, "127.0.0.1", self.port, ssl=context)
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visitors += 1
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        behind, before = await asyncio.open_connection("127.0.0.1", self._behind)
        try:
            await asyncio.gather(self._pass(reader, before), self._pass(behind, writer, translated=True))
        except OSError:
            return  # the visitor has left without a word
        finally:
            before.close()
            writer.close()
            self._tasks.discard(task)

    async def _pass(self, source: Any, target: Any, *, translated: bool = False) -> None:
        while heard := await source.read(65536):
            target.write(heard.replace(self._said, self._instead) if translated and self._said else heard)
            await target.drain()
        target.close()


async def test_sentinels_and_what_they_watch_are_spoken_to_with_tls(certificate):
    servers = shared("sentinel")
    primary, sentinel = servers.ports[0], servers.ports[-1]
    async with Door(primary).open(certificate) as inner:
        said, instead = (b"$5\r\n%d\r\n" % port for port in (primary, inner.port))
        async with Door(sentinel, said, instead).open(certificate) as outer:
            url = f"rediss+sentinel://127.0.0.1:{outer.port}/{SERVICE}"
            store = await connect(f"{url}?ssl_ca_certs={certificate}")
            await store.client.set("tls", "1")
            assert await store.client.get("tls") == b"1"
            await store.close()

            assert (inner.visitors > 0, outer.visitors > 0) == (True, True)
            with pytest.raises(ConfigurationError, match=r"does not answer|no sentinel knows"):
                await connect(url, patience_seconds=0)  # nobody vouches for the certificate
