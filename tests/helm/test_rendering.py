import functools
import json
import re
import subprocess

import kubernetes_validate
import kubernetes_validate.utils
import pytest

from tests.helm import charts
from tests.node import require_node

CUSTOM = ("monitoring.coreos.com", "gateway.networking.k8s.io", "keda.sh")
CRDS = charts.ROOT / "tests" / "helm" / "crds"


def is_custom(manifest):
    return manifest["apiVersion"].partition("/")[0] in CUSTOM


@pytest.mark.parametrize("values", charts.EXAMPLES, ids=charts.EXAMPLE_NAMES)
def test_helm_finds_nothing_to_complain_about(values):
    answer = charts.helm("lint", "--strict", "{}", "--values", str(values))

    assert answer.returncode == 0, answer.stdout
    assert "[WARNING]" not in answer.stdout
    assert answer.stderr == ""


@pytest.mark.parametrize("kubernetes", charts.KUBERNETES)
def test_kubernetes_knows_every_object_and_every_field(kubernetes, monkeypatch):
    read_once = functools.cache(kubernetes_validate.utils.schema_contents)
    monkeypatch.setattr(kubernetes_validate.utils, "schema_contents", read_once)
    for values in charts.EXAMPLES:
        for manifest in charts.render_example(values):
            if not is_custom(manifest):
                kubernetes_validate.validate(manifest, kubernetes, strict=True)


def test_what_is_rendered_is_the_same_for_every_version_of_kubernetes():
    templates = "".join(path.read_text() for path in (charts.CHART / "templates").rglob("*.*"))

    assert "KubeVersion" not in templates
    assert re.findall(r"Capabilities[^ })]*", templates) == ["Capabilities.APIVersions.Has"]


def test_custom_resources_are_what_their_operators_expect():
    customs = [one for path in charts.EXAMPLES for one in charts.render_example(path) if is_custom(one)]
    node = require_node(CRDS)

    answer = subprocess.run(
        [node, "validate.mjs"],
        cwd=CRDS,
        input=json.dumps(customs),
        capture_output=True,
        text=True,
        timeout=charts.HELM_SECONDS,
        check=False,
    )

    assert answer.stderr == ""
    assert answer.stdout.split() == [one["kind"] for one in customs]
    assert set(answer.stdout.split()) == {"ServiceMonitor", "PodMonitor", "PrometheusRule", "HTTPRoute", "ScaledObject"}


def test_a_custom_resource_with_a_wrong_field_would_be_noticed():
    node = require_node(CRDS)
    wrong = {"apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor", "metadata": {"name": "x"}, "spec": {}}
    unknown = {**wrong, "spec": {"selector": {}, "endpoints": [{"port": "http", "intervall": "3s"}]}}

    for one, complaint in ((wrong, "required property"), (unknown, "intervall")):
        answer = subprocess.run(
            [node, "validate.mjs"],
            cwd=CRDS,
            input=json.dumps([one]),
            capture_output=True,
            text=True,
            timeout=charts.HELM_SECONDS,
            check=False,
        )

        assert complaint in answer.stderr


def test_a_store_and_a_public_url_are_all_that_is_needed():
    kinds = sorted(one["kind"] for one in charts.render())

    assert kinds == ["Deployment", "Pod", "PodDisruptionBudget", "Secret", "Service", "ServiceAccount"]


def test_kubernetes_that_is_too_old_is_refused():
    assert "kubeVersion: >=1.30.0-0" in charts.template(charts.NEEDED, "--kube-version", "1.29").stderr
