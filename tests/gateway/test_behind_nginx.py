"""The configurations of the documentation for NGINX, run as they stand there with addresses of this machine."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.gateway.certificates import certificate_for, trusting
from tests.gateway.data_api import data_api
from tests.gateway.load import ANSWER_SECONDS
from tests.gateway.nginx import Nginx, running_nginx
from tests.gateway.pages import adapted, configuration
from tests.gateway.replicas import OPERATOR_KEY, Replica, deployment
from tests.live_server import free_port

HOST, API_HOST = "cds.utility.example", "api.utility.example"
PREFIX = "/energy"
PUBLIC_URL = f"https://{HOST}{PREFIX}"
METADATA = "/.well-known/cds-server-metadata.json"
REGISTRATION = {
    "scope": "cds_client_admin ple_customer_data ple_grid_status",
    "cds_company_name": "Meadow Software",
    "cds_privacy_policy": "https://meadow.example/privacy",
    "cds_security_contact": "security@meadow.example",
}
KEPT_SECONDS = 5
CONNECTION = re.compile(r"^ *\d+: 0100007F:([0-9A-F]{4}) 0100007F:([0-9A-F]{4}) 01 ", re.MULTILINE)


@dataclass
class Site:
    """A server and a data API behind nginx, with TLS, and the files that nginx has for them."""

    replica: Replica
    nginx: Nginx
    port: int
    files: dict[str, str]
    directory: Path

    def client(self, host: str = HOST, *, source: str = "127.0.0.1") -> httpx.Client:
        """Asks nginx for a host, from an address of its own."""
        trust = trusting(self.directory / "tls" / "cds.crt", self.directory / "tls" / "api.crt")
        transport = _Named(host, self.port, verify=trust, local_address=source)
        return httpx.Client(transport=transport, base_url=f"https://{host}", timeout=ANSWER_SECONDS)

    def log_lines(self) -> str:
        """What the server has logged."""
        return self.replica.log.read_text()


class _Named(httpx.HTTPTransport):
    """Reaches a host of the configuration, whose name nobody resolves, where nginx listens."""

    def __init__(self, host: str, port: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._host = host
        self._port = port

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """With the name in the Host header and in TLS."""
        request.extensions["sni_hostname"] = self._host
        request.url = request.url.copy_with(host="127.0.0.1", port=self._port)
        return super().handle_request(request)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory, port = tmp_path_factory.mktemp("behind"), free_port()
    (directory / "tls").mkdir()
    certificate_for(directory / "tls", "cds", HOST)
    certificate_for(directory / "tls", "api", API_HOST)
    settings = {"CDS_RATE_LIMIT_REGISTRATION": "2/hour", "CDS_ACCESS_TOKEN_FORMAT": "opaque"}
    with deployment(directory, PUBLIC_URL, replicas=1, **settings) as cds, data_api() as data:
        files = adapted_files(directory, port, cds.replicas[0], data)
        with running_nginx(directory, files) as nginx:
            yield Site(cds.replicas[0], nginx, port, files, directory)


def adapted_files(directory: Path, port: int, replica: Replica, data: str) -> dict[str, str]:
    """The two configurations of the page; the second server of the first one is away."""
    changes = {"listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;", "/etc/nginx/tls/": f"{directory}/tls/"}
    (directory / "cds-key.conf").write_text(
        adapted(configuration(replica.url, "The key of NGINX"), {"$INTROSPECTOR_KEY": OPERATOR_KEY})
    )
    cds = {"10.0.0.11:8000": replica.address, "10.0.0.12:8000": f"127.0.0.1:{free_port()}"}
    api = {"10.0.1.21:8080": data, "/etc/nginx/cds-key.conf": f"{directory}/cds-key.conf"}
    api["/run/nginx/tokens"] = f"{directory}/tokens"
    return {
        "cds.conf": adapted(configuration(replica.url, "NGINX in front of this server"), changes | cds),
        "data-api.conf": adapted(configuration(replica.url, "NGINX in front of a data API"), changes | api),
    }


@dataclass
class Grantee:
    """A Client Object with a secret."""

    http: httpx.Client
    client_id: str
    client_secret: str

    def token(self) -> str:
        """A new access token."""
        answer = self.http.post(
            f"{PREFIX}/oauth/token",
            data={"grant_type": "client_credentials"},
            auth=(self.client_id, self.client_secret),
        )
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["access_token"]
        return token

    def revoke(self, token: str) -> None:
        """End a token."""
        login = (self.client_id, self.client_secret)
        assert self.http.post(f"{PREFIX}/oauth/revoke", data={"token": token}, auth=login).status_code == 200


def grantee(http: httpx.Client, scope: str) -> Grantee:
    """The Client Object of a new registration for a scope."""
    answer = http.post(f"{PREFIX}/oauth/register", json=REGISTRATION)
    assert answer.status_code == 201, answer.text
    admin = Grantee(http, answer.json()["client_id"], answer.json()["client_secret"])
    headers = {"Authorization": f"Bearer {admin.token()}"}
    clients = http.get(f"{PREFIX}/cds-api/v1/clients", headers=headers).json()["clients"]
    client_id = next(one["client_id"] for one in clients if one["scope"] == scope)
    found = http.get(f"{PREFIX}/cds-api/v1/credentials", params={"client_ids": client_id}, headers=headers).json()
    return Grantee(http, client_id, found["credentials"][0]["client_secret"])


def connections_to(port: int) -> set[str]:
    """The local ports of all connections to a port of this machine."""
    table = Path("/proc/net/tcp").read_text()
    return {ours for ours, theirs in CONNECTION.findall(table) if int(theirs, 16) == port}


def test_nginx_lets_pass_what_a_good_token_allows_and_says_whose_it_is(site):
    with site.client(source="127.0.0.11") as http, site.client(API_HOST) as api:
        data = grantee(http, "ple_grid_status")
        other = grantee(http, "cds_client_admin")
        token, foreign = data.token(), other.token()
        body = {"from": "2026-01-01"}
        forged = {"X-Client-Id": "somebody", "X-Scope": "everything", "X-Grant-Id": "any"}

        passed = api.post("/data/hours?of=feeder", json=body, headers=forged | bearer(token))
        refused = {
            "none": api.get("/data/hours"),
            "nonsense": api.get("/data/hours", headers=bearer("nonsense")),
            "of another server": api.get("/data/hours", headers=bearer(f"cdsat_00zzzzzzzzzzzz_{'A' * 43}")),
            "of another kind": api.get("/data/hours", headers={"Authorization": f"Basic {token}"}),
            "forged key": api.get("/data/hours", headers={"Proxy-Authorization": f"Bearer {OPERATOR_KEY}"}),
        }
        insufficient = api.get("/data/hours", headers=bearer(foreign))
        inside = api.get("/_token", headers=bearer(token))

    assert passed.status_code == 200, site.nginx.log()
    got = passed.json()
    assert (got["path"], got["body"]) == ("/data/hours?of=feeder", '{"from":"2026-01-01"}')
    assert (got["headers"]["x-client-id"], got["headers"]["x-scope"]) == (data.client_id, "ple_grid_status")
    assert got["headers"]["x-grant-id"].startswith(data.client_id.partition("-")[0])
    assert not {"authorization", "proxy-authorization"} & got["headers"].keys()
    assert {what: answer.status_code for what, answer in refused.items()} == dict.fromkeys(refused, 401)
    assert all(answer.headers["www-authenticate"].startswith("Bearer ") for answer in refused.values())
    assert 'error="invalid_token"' in refused["nonsense"].headers["www-authenticate"]
    assert (insufficient.status_code, inside.status_code) == (403, 404)


def test_nginx_asks_once_in_five_seconds_and_a_revoked_token_passes_no_longer(site):
    with site.client(source="127.0.0.12") as http, site.client(API_HOST) as api:
        data = grantee(http, "ple_grid_status")
        token = data.token()
        before, began = site.log_lines().count("/oauth/forward-auth"), time.monotonic()
        answers = [api.get("/data/hours", headers=bearer(token)).status_code for _ in range(50)]
        most = 1 + (time.monotonic() - began) // (KEPT_SECONDS - 1)
        asked = site.log_lines().count("/oauth/forward-auth") - before
        data.revoke(token)
        deadline = time.monotonic() + ANSWER_SECONDS
        while (status := api.get("/data/hours", headers=bearer(token)).status_code) == 200:
            assert time.monotonic() < deadline
            time.sleep(0.2)

    assert set(answers) == {200}
    assert 1 <= asked <= most
    assert status == 401


def test_while_nobody_can_say_whether_a_token_is_good_nothing_passes(site):
    with site.client(source="127.0.0.13") as http:
        token = grantee(http, "ple_grid_status").token()
    away = f"127.0.0.1:{free_port()}"
    wrong = site.directory / "cds-key.conf"
    right = wrong.read_text()
    try:
        site.nginx.reload({"cds.conf": site.files["cds.conf"].replace(site.replica.address, away)})
        with site.client(API_HOST) as api:
            outage = api.get("/data/hours", headers=bearer(token))
        wrong.write_text(right.replace(OPERATOR_KEY, "another"))
        site.nginx.reload(site.files)
        with site.client(API_HOST) as api:
            misconfigured = api.get("/data/hours", headers=bearer(token))
    finally:
        wrong.write_text(right)
        site.nginx.reload(site.files)

    for answer in (outage, misconfigured):
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert answer.json()["error"] == "temporarily_unavailable"
        assert "www-authenticate" not in answer.headers
    with site.client(API_HOST) as api:
        assert api.get("/data/hours", headers=bearer(token)).status_code == 200


@pytest.mark.parametrize("is_stripped", [False, True])
def test_a_prefix_is_served_whether_nginx_strips_it_or_not(site, is_stripped):
    stripping = adapted(
        site.files["cds.conf"],
        {"location / {": f"location {PREFIX}/ {{", "proxy_pass http://cds;": "proxy_pass http://cds/;"},
    )
    try:
        if is_stripped:
            site.nginx.reload({"cds.conf": stripping})
        with site.client() as http:
            metadata = http.get(PREFIX + METADATA)
            page = http.get(f"{PREFIX}/docs")
            missing = http.get(f"{PREFIX}/nothing")
            refused = http.get(f"{PREFIX}/cds-api/v1/clients")
            metrics = http.get(f"{PREFIX}/metrics")
    finally:
        site.nginx.reload(site.files)

    assert metadata.json()["oauth_metadata"].startswith(PUBLIC_URL)
    assert f'href="{PREFIX}/docs/scopes"' in page.text
    assert [one.status_code for one in (missing, refused, metrics)] == [404, 401, 404]


def test_rate_limits_count_the_address_in_front_of_nginx_whatever_it_says_about_itself(site):
    def attempts(source: str) -> list[int]:
        with site.client(source=source) as http:
            return [
                http.post(
                    f"{PREFIX}/oauth/register",
                    json={"scope": "cds_client_admin"},
                    headers={"X-Forwarded-For": f"203.0.113.{number}", "Forwarded": f"for=203.0.113.{number}"},
                ).status_code
                for number in range(3)
            ]

    assert attempts("127.0.0.14") == [201, 201, 429]
    assert attempts("127.0.0.15") == [201, 201, 429]


def test_who_is_no_trusted_proxy_counts_by_its_own_address(site):
    transport = httpx.HTTPTransport(local_address="127.0.0.16")
    with httpx.Client(transport=transport, base_url=site.replica.url, timeout=ANSWER_SECONDS) as http:
        answers = [
            http.post(
                "/oauth/register",
                json={"scope": "cds_client_admin"},
                headers={header: value.format(number)},
            ).status_code
            for number, (header, value) in enumerate(
                (("X-Forwarded-For", "203.0.113.{}"), ("Forwarded", "for=203.0.113.{}"), ("X-Forwarded-For", "{}"))
            )
        ]

    assert answers == [201, 201, 429]


def test_request_ids_of_nginx_are_in_the_answer_and_in_the_log(site):
    with site.client() as http:
        answer = http.get(PREFIX + METADATA, headers={"X-Request-ID": "of-the-caller-itself"})

    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])
    assert answer.headers["x-request-id"] in site.log_lines()
    assert "of-the-caller-itself" not in site.log_lines()


def test_connections_to_the_server_are_used_again(site):
    with site.client() as http:
        for _ in range(10):
            http.get(PREFIX + METADATA)
        before = connections_to(site.replica.port)
        answers = [http.get(PREFIX + METADATA) for _ in range(30)]
        after = connections_to(site.replica.port)

    assert before
    assert after == before
    assert {answer.http_version for answer in answers} == {"HTTP/1.1"}
    assert not [answer for answer in answers if "close" in answer.headers.get("connection", "")]


def bearer(token: str) -> dict[str, str]:
    """How a Client shows its token."""
    return {"Authorization": f"Bearer {token}"}
