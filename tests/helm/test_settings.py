import re

import pytest
import yaml

from app.setting_table import BY_NAME, TABLE
from app.settings import Settings
from tests.helm import charts

ELSEWHERE = {
    "CDS_CATALOG": {"catalog": {"inline": "server: {}"}},
    "CDS_STORE_WAIT_REPLICAS": {"store": {"waitReplicas": 2}},
    "CDS_STORE_PASSWORD_FILE": {"store": {"passwordFile": "/vault/password"}},
}
FROM_SECRETS = {
    "CDS_SMTP_URL",
    "CDS_OPERATOR_OIDC_CLIENT_SECRET",
    "CDS_USER_OIDC_CLIENT_SECRET",
    "CDS_ONBOARDING_CALLBACK_SECRET",
}


def setting_of(value):
    return "CDS_" + re.sub(r"(?=[A-Z])", "_", value).upper()


CONFIG = yaml.safe_load((charts.CHART / "values.yaml").read_text())["config"]


def names(manifests):
    return {
        one["name"] for _, pod in charts.pods(manifests) for box in charts.containers(pod) for one in box.get("env", [])
    }


@pytest.mark.parametrize("values", charts.EXAMPLES, ids=charts.EXAMPLE_NAMES)
def test_every_setting_of_a_pod_is_one_of_the_server(values):
    assert {name for name in names(charts.render_example(values)) if name.startswith("CDS_")} <= set(BY_NAME)


@pytest.mark.parametrize("value", CONFIG)
def test_every_value_of_config_is_a_setting_and_says_which(value):
    assert setting_of(value) in BY_NAME
    assert f"`{setting_of(value)}`\n  {value}:" in (charts.CHART / "values.yaml").read_text()


@pytest.mark.parametrize("setting", TABLE, ids=[setting.name for setting in TABLE])
def test_every_setting_of_the_server_can_be_set(setting):
    if setting.name in {setting_of(value) for value in CONFIG}:
        return
    if setting.name in FROM_SECRETS:
        base = charts.example(charts.CHART / "ci" / "sentinel-values.yaml")
        assert charts.environment(charts.server(charts.render(base, base={})))[setting.name].keys() == {"secretKeyRef"}
        return
    assert setting.name in names(charts.render(ELSEWHERE.get(setting.name, {})))


def test_plain_values_arrive_as_the_server_reads_them():
    config = {
        "accessTokenTtl": 900,
        "refreshTokenTtl": 315360000,
        "rateLimitClient": False,
        "rateLimitAnonymous": "5/second",
        "trustedProxies": ["10.0.0.0/8", "fd00::/8"],
        "maxBody": "2MiB",
        "accessTokenFormat": "jwt",
        "metrics": True,
    }
    environ = charts.environment(charts.server(charts.render({"config": config})))
    settings = Settings.from_environment({name: text for name, text in environ.items() if isinstance(text, str)})

    assert environ["CDS_REFRESH_TOKEN_TTL"] == "315360000"
    assert (settings.access_token_ttl_seconds, settings.rate_limit_client) == (900, None)
    assert [str(one) for one in settings.trusted_proxies] == ["10.0.0.0/8", "fd00::/8"]
    assert settings.max_body_bytes == 2 * 1024 * 1024
    assert environ["CDS_METRICS"] == "on"


@pytest.mark.parametrize("values", charts.EXAMPLES, ids=charts.EXAMPLE_NAMES)
def test_the_server_starts_with_what_a_pod_has(values):
    environ = charts.environment(charts.server(charts.render_example(values)))
    stand_ins = {
        "CDS_STORE_URL": "redis://valkey:6379",
        "CDS_OPERATOR_BOOTSTRAP_KEY": "k" * 40,
        "CDS_SMTP_URL": "smtps://u:p@mail.example",
        "CDS_ONBOARDING_CALLBACK_SECRET": "whsec_" + "A" * 44,
    }

    settings = Settings.from_environment(
        {
            name: text if isinstance(text, str) else stand_ins.get(name, "something")
            for name, text in {"CDS_STORE_URL": None, **environ}.items()
            if name.startswith("CDS_")
        }
    )

    assert settings.public_url.startswith("https://")


def test_secrets_are_never_in_config_maps_nor_in_plain_sight():
    for values in charts.EXAMPLES:
        manifests = charts.render_example(values)
        for one in charts.of_kind(manifests, "ConfigMap"):
            assert not re.search(r"password|secret|cdsop_|whsec_|\"k\":", str(one.get("data")), re.IGNORECASE)
        for _, pod in charts.pods(manifests):
            for container in charts.containers(pod):
                for name, text in charts.environment(container).items() if "env" in container else ():
                    is_secret = name in FROM_SECRETS | {"CDS_OPERATOR_BOOTSTRAP_KEY"} or name.endswith("_PASSWORD")
                    assert not is_secret or "secretKeyRef" in text
