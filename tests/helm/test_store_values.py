import importlib.util
import os
import subprocess
import sys

import pytest

from app.env_file import read_environment
from app.setting_values import store_url
from app.store.connect import open_store, sentinel_of
from tests.helm import charts

SCRIPT = charts.CHART / "files" / "store_url.py"
TLS = "/etc/cds/store-tls"
AWKWARD = "p@ss/w:o?r#d%20'\"\\ é&=+"

_spec = importlib.util.spec_from_file_location("store_url_of_the_chart", SCRIPT)
script = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(script)


def secret(**keys):
    return {"existingSecret": {"name": "valkey", **keys}}


def deployment(store):
    return charts.only(charts.render({"store": {"url": "", **store}}), "Deployment")["spec"]["template"]["spec"]


def url_of(store):
    """The URL that the server or the init container gets."""
    spec = deployment(store)
    container = spec.get("initContainers", spec["containers"])[0]
    environ = charts.environment(container)
    return environ.get("STORE_URL", environ.get("CDS_STORE_URL"))


COMPOSED = {
    "redis://valkey:6379/3": {"nodes": ["valkey:6379"], "database": 3},
    "rediss://valkey:6379/0": {"nodes": ["valkey:6379"], "tls": {"enabled": True}},
    "redis+cluster://a:1,b:2": {"mode": "cluster", "nodes": ["a:1", "b:2"]},
    "redis+sentinel://a:1,b:2/main/0": {"mode": "sentinel", "nodes": ["a:1", "b:2"], "sentinel": {"master": "main"}},
    f"rediss+sentinel://a:1/main/0?ssl_ca_certs={TLS}/ca.crt": {
        "mode": "sentinel",
        "nodes": ["a:1"],
        "sentinel": {"master": "main"},
        "tls": {"enabled": True, "existingSecret": "tls"},
    },
    f"rediss+cluster://a?ssl_ca_certs={TLS}/ca.crt": {
        "mode": "cluster",
        "nodes": ["a"],
        "tls": {"enabled": True, "existingSecret": "tls"},
    },
    f"rediss://a/0?protocol=3&ssl_ca_certs={TLS}/ca&ssl_certfile={TLS}/c&ssl_keyfile={TLS}/k": {
        "url": "rediss://a/0?protocol=3",
        "tls": {"enabled": True, "existingSecret": "tls", "caKey": "ca", "certKey": "c", "keyKey": "k"},
    },
    "redis://valkey:6379": {"url": "redis://valkey:6379", **secret(passwordKey="p")},
}


@pytest.mark.parametrize(("url", "store"), COMPOSED.items(), ids=COMPOSED)
async def test_hosts_and_options_become_a_url_that_the_server_reads(url, store):
    assert url_of(store) == url
    opened = await open_store(store_url(url), 0)
    await opened.close()


def test_a_whole_url_comes_from_a_secret_as_it_is():
    spec = deployment(secret(urlKey="url"))

    assert charts.environment(spec["containers"][0])["CDS_STORE_URL"] == {
        "secretKeyRef": {"name": "valkey", "key": "url"}
    }
    assert "initContainers" not in spec


def test_certificates_are_mounted_where_the_url_says():
    tls = {"enabled": True, "existingSecret": "certificates", "certKey": "tls.crt", "keyKey": "tls.key"}
    spec = deployment({"url": "rediss://valkey", "tls": tls})
    volume = next(one for one in spec["volumes"] if one["name"] == "store-tls")

    assert [item["key"] for item in volume["secret"]["items"]] == ["ca.crt", "tls.crt", "tls.key"]
    assert {"name": "store-tls", "mountPath": "/etc/cds/store-tls", "readOnly": True} in spec["containers"][0][
        "volumeMounts"
    ]


def test_a_password_goes_from_the_secret_to_one_init_container_and_nowhere_else():
    spec = deployment({"url": "redis://valkey", **secret(passwordKey="password", usernameKey="user")})
    first, container = spec["initContainers"][0], spec["containers"][0]

    assert charts.environment(first)["STORE_PASSWORD"] == {"secretKeyRef": {"name": "valkey", "key": "password"}}
    assert charts.environment(first)["STORE_USERNAME"] == {"secretKeyRef": {"name": "valkey", "key": "user"}}
    assert "CDS_STORE_URL" not in charts.environment(container)
    assert first["workingDir"] == container["workingDir"] == "/run/cds"
    assert {"name": "run", "mountPath": "/run/cds"} in first["volumeMounts"]
    assert {"name": "run", "mountPath": "/run/cds", "readOnly": True} in container["volumeMounts"]
    assert next(one for one in spec["volumes"] if one["name"] == "run")["emptyDir"]["medium"] == "Memory"
    assert first["args"][0].strip() == SCRIPT.read_text().strip()


def test_a_file_with_the_password_is_read_by_the_server_from_a_mount_of_yours():
    store = {"url": "redis://valkey", "passwordFile": "/vault/password"}
    mount = {"name": "vault", "mountPath": "/vault"}
    volume = {"name": "vault", "emptyDir": {}}
    manifests = charts.render({"store": store, "extraVolumes": [volume], "extraVolumeMounts": [mount]})
    spec = charts.only(manifests, "Deployment")["spec"]["template"]["spec"]

    assert "initContainers" not in spec
    assert charts.environment(spec["containers"][0])["CDS_STORE_PASSWORD_FILE"] == "/vault/password"
    assert mount in spec["containers"][0]["volumeMounts"]


def test_the_image_sets_no_setting_which_would_win_over_the_file_with_the_url():
    assert "CDS_" not in (charts.ROOT / "Dockerfile").read_text().replace("CDS_STORE_URL=embedded", "CDS_")


def start(directory, **environ):
    return subprocess.run(
        [sys.executable, "-c", SCRIPT.read_text()],
        cwd=directory,
        env=environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


async def test_any_password_arrives_at_the_store_as_it_is(tmp_path, monkeypatch):
    answer = start(
        tmp_path,
        STORE_URL="redis://valkey:6379/2",
        STORE_USERNAME="us:er",
        STORE_PASSWORD=AWKWARD,
    )
    assert answer.returncode == 0, answer.stderr
    for name in [name for name in os.environ if name.startswith("CDS_")]:
        monkeypatch.delenv(name)

    url = read_environment(tmp_path)["CDS_STORE_URL"]
    store = await open_store(store_url(url), 0)
    options = store.client.connection_pool.connection_kwargs
    await store.close()

    assert (options["username"], options["password"], options["db"]) == ("us:er", AWKWARD, 2)
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600


def test_sentinels_have_a_password_of_their_own():
    url = script.with_credentials(
        {
            "STORE_URL": "redis+sentinel://a:1,b:2/main/0",
            "STORE_PASSWORD": AWKWARD,
            "SENTINEL_USERNAME": "watch",
            "SENTINEL_PASSWORD": AWKWARD,
        }
    )
    sentinel, service, options = sentinel_of(store_url(url).partition(":")[2])

    assert (service, options["password"]) == ("main", AWKWARD)
    assert sentinel.sentinel_kwargs["password"] == AWKWARD
    assert sentinel.sentinel_kwargs["username"] == "watch"


def test_options_of_the_url_stay():
    environ = {"STORE_URL": "rediss+cluster://a,b?ssl_ca_certs=/ca", "STORE_PASSWORD": "p/p"}

    assert script.with_credentials(environ) == "rediss+cluster://:p%2Fp@a,b?ssl_ca_certs=/ca"
