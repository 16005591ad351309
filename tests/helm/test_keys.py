import base64

import pytest

from app.crypto import secret_keys, signing_keys
from app.setting_values import operator_key
from tests.helm import charts
from tests.helm.kubernetes_api import serving

SECRET = "/api/v1/namespaces/cds/secrets/prairie-cds-registration-server-keys"
CONFIG_MAP = "/api/v1/namespaces/cds/configmaps/catalog"


def data(manifests):
    return {key: base64.b64decode(text) for key, text in charts.only(manifests, "Secret")["data"].items()}


def render_again(kubeconfig, more=None):
    answer = charts.template(charts.merged(charts.NEEDED, more or {}), "--dry-run=server", "--kubeconfig", kubeconfig)
    assert answer.returncode == 0, answer.stderr
    return list(filter(None, charts.yaml.safe_load_all(answer.stdout)))


def test_generated_keys_are_what_the_server_reads():
    found = data(charts.render())

    (sealing,) = secret_keys.parse_keys(found["secret-keys.json"], "secret-keys.json")
    (signing,) = signing_keys.parse_keys(found["signing-keys.json"], "signing-keys.json")
    assert len(sealing.raw_value) == 32
    private = signing.key.raw_value
    assert private.public_key().public_numbers() == private.private_numbers().public_numbers
    assert operator_key(found["operator-bootstrap-key"].decode()).startswith("cdsop_")


def test_every_coordinate_has_its_place_however_small_it_is():
    for attempt in range(8):
        found = data(charts.render({"commonLabels": {"attempt": str(attempt)}}))
        assert signing_keys.parse_keys(found["signing-keys.json"], "signing-keys.json")


def test_every_installation_has_keys_of_its_own():
    first, second = (data(charts.render({"commonLabels": {"installation": one}})) for one in "ab")

    assert all(first[name] != second[name] for name in first)


def test_an_upgrade_keeps_what_the_first_install_made(tmp_path):
    made = charts.only(charts.render(), "Secret")

    with serving({SECRET: made}, tmp_path) as kubeconfig:
        again = charts.only(render_again(kubeconfig), "Secret")

    assert again["data"] == made["data"]


def test_an_upgrade_adds_a_key_that_is_missing_and_keeps_the_others(tmp_path):
    made = charts.only(charts.render(), "Secret")
    older = {**made, "data": {"secret-keys.json": made["data"]["secret-keys.json"]}}

    with serving({SECRET: older}, tmp_path) as kubeconfig:
        again = charts.only(render_again(kubeconfig), "Secret")["data"]

    assert again["secret-keys.json"] == made["data"]["secret-keys.json"]
    assert set(again) == set(made["data"])


def test_a_first_install_in_a_real_cluster_makes_keys(tmp_path):
    with serving({}, tmp_path) as kubeconfig:
        assert secret_keys.parse_keys(data(render_again(kubeconfig))["secret-keys.json"], "secret-keys.json")


def test_an_uninstall_leaves_the_keys_behind():
    assert charts.only(charts.render(), "Secret")["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


def test_the_bootstrap_operator_can_be_taken_away():
    manifests = charts.render({"secrets": {"keys": {"operatorBootstrapKey": ""}}})

    assert set(data(manifests)) == {"secret-keys.json", "signing-keys.json"}
    assert "CDS_OPERATOR_BOOTSTRAP_KEY" not in charts.environment(charts.server(manifests))


def test_keys_of_yours_are_used_and_none_are_made():
    keys = {"secretKeys": "sealing.json", "signingKeys": "", "operatorBootstrapKey": "first"}
    manifests = charts.render({"secrets": {"existingSecret": "mine", "keys": keys}})
    spec = charts.only(manifests, "Deployment")["spec"]["template"]["spec"]
    environ = charts.environment(spec["containers"][0])
    volume = next(one for one in spec["volumes"] if one["name"] == "keys")["secret"]

    assert not charts.of_kind(manifests, "Secret")
    assert volume == {"secretName": "mine", "items": [{"key": "sealing.json", "path": "sealing.json"}]}
    assert environ["CDS_SECRET_KEYS"] == "/etc/cds/keys/sealing.json"
    assert environ["CDS_OPERATOR_BOOTSTRAP_KEY"] == {"secretKeyRef": {"name": "mine", "key": "first"}}
    assert "CDS_SIGNING_KEYS" not in environ


def test_keys_are_mounted_so_that_a_running_server_sees_new_ones():
    mounts = charts.server(charts.render())["volumeMounts"]

    assert {"name": "keys", "mountPath": "/etc/cds/keys", "readOnly": True} in mounts
    assert not any("subPath" in mount for mount in mounts)


@pytest.mark.parametrize("changed", [True, False])
def test_a_catalog_of_yours_that_changes_replaces_pods_at_the_next_upgrade(tmp_path, changed):
    values = {"catalog": {"existingConfigMap": "catalog"}, "secrets": {"existingSecret": "mine"}}
    texts = ["server: {}", "server: {name: x}" if changed else "server: {}"]

    sums = []
    for text in texts:
        with serving(
            {CONFIG_MAP: {"apiVersion": "v1", "kind": "ConfigMap", "data": {"catalog.yaml": text}}}, tmp_path
        ) as config:
            pod = charts.only(render_again(config, values), "Deployment")["spec"]["template"]
            sums.append(pod["metadata"]["annotations"]["checksum/catalog"])

    assert (sums[0] != sums[1]) is changed
