"""Pod Security Standards, profile "restricted", and what the reference of this project asks beyond it."""

import pytest

from app.serve import GRACEFUL_SECONDS
from app.web.listening import QUEUE_SECONDS
from app.worker.runtime import STOP_SECONDS
from tests.helm import charts

SAFE_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}

PODS = [
    pytest.param(pod, id=f"{values.name.removesuffix('-values.yaml')}-{name}")
    for values in charts.EXAMPLES
    for name, pod in charts.pods(charts.render_example(values))
]


@pytest.mark.parametrize("pod", PODS)
def test_a_pod_is_restricted(pod):
    spec = pod["spec"]

    assert not any(spec.get(name) for name in ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"))
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert {kind for volume in spec.get("volumes", []) for kind in volume if kind != "name"} <= SAFE_VOLUMES
    for container in charts.containers(pod):
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert not security.get("privileged")
        assert "hostPort" not in str(container.get("ports"))


@pytest.mark.parametrize("pod", PODS)
def test_a_pod_leaves_its_user_to_the_image_or_to_the_cluster(pod):
    written = str([pod["spec"]["securityContext"], [one["securityContext"] for one in charts.containers(pod)]])

    assert not any(name in written for name in ("runAsUser", "runAsGroup"))
    assert "fsGroup" not in written or any(one["name"] == "backups" for one in pod["spec"]["volumes"])


@pytest.mark.parametrize("pod", PODS)
def test_a_pod_cannot_write_to_its_root_and_has_no_token_and_no_service_links(pod):
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert pod["spec"]["enableServiceLinks"] is False
    assert all(one["securityContext"]["readOnlyRootFilesystem"] for one in charts.containers(pod))


@pytest.mark.parametrize("pod", PODS)
def test_every_mount_has_a_volume_and_every_container_a_limit_of_memory(pod):
    volumes = {volume["name"] for volume in pod["spec"].get("volumes", [])}
    mounts = [mount for one in charts.containers(pod) for mount in one.get("volumeMounts", [])]

    assert {mount["name"] for mount in mounts} == volumes
    assert all(
        "memory" in one["resources"]["limits"] and one["resources"]["requests"] for one in charts.containers(pod)
    )
    for container in charts.containers(pod):
        paths = [mount["mountPath"] for mount in container.get("volumeMounts", [])]
        assert len(paths) == len(set(paths))


@pytest.mark.parametrize("pod", PODS)
def test_no_name_is_twice_in_an_environment(pod):
    for container in charts.containers(pod):
        names = [one["name"] for one in container.get("env", [])]
        assert len(names) == len(set(names))


def test_a_server_that_ends_is_left_alone_first_then_drains_then_finishes():
    spec = charts.only(charts.render(), "Deployment")["spec"]["template"]["spec"]
    container = spec["containers"][0]

    sleep = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    drain = int(container["args"][container["args"].index("--drain") + 1])

    assert (sleep, drain) == (5, 10)
    under_way = QUEUE_SECONDS + GRACEFUL_SECONDS + STOP_SECONDS
    assert spec["terminationGracePeriodSeconds"] > sleep + drain + under_way


def test_readiness_is_asked_often_enough_to_be_seen_while_a_server_drains():
    spec = charts.only(charts.render(), "Deployment")["spec"]["template"]["spec"]
    container = spec["containers"][0]
    probe = container["readinessProbe"]
    drain = int(container["args"][container["args"].index("--drain") + 1])

    assert probe["periodSeconds"] * probe["failureThreshold"] < drain


def test_no_server_goes_before_its_successor_serves():
    spec = charts.only(charts.render(), "Deployment")["spec"]

    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": "25%", "maxUnavailable": 0}
    assert spec["replicas"] == 2


def test_probes_ask_the_process_and_not_the_store():
    container = charts.server(charts.render())

    paths = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}

    assert paths == {"startup": "/livez", "liveness": "/livez", "readiness": "/readyz"}


def test_workers_have_the_environment_of_servers_and_answer_probes():
    manifests = charts.render({"worker": {"enabled": True}})
    worker = charts.only(manifests, "Deployment", "worker")["spec"]["template"]["spec"]["containers"][0]

    assert (worker["args"][0], worker["args"][-2:]) == ("worker", ["--port", "8000"])
    assert worker["readinessProbe"] == charts.server(manifests)["readinessProbe"]
    assert worker["env"] == charts.server(manifests)["env"]
    assert charts.environment(worker)["CDS_WORKER"] == "external"
    assert charts.environment(charts.server(charts.render()))["CDS_WORKER"] == "internal"


def test_traces_say_which_pod_they_are_from():
    otel = {"endpoint": "http://collector:4318", "resourceAttributes": {"team": "cds"}}
    environ = charts.environment(charts.server(charts.render({"otel": otel})))

    assert environ["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://collector:4318"
    assert environ["OTEL_RESOURCE_ATTRIBUTES"] == "k8s.namespace.name=cds,k8s.pod.name=$(POD_NAME),team=cds"
    assert list(environ).index("POD_NAME") < list(environ).index("OTEL_RESOURCE_ATTRIBUTES")
    assert not any(name.startswith("OTEL_") for name in charts.environment(charts.server(charts.render())))


def test_a_digest_names_the_image_and_a_mirror_replaces_the_registry():
    image = {"registry": "registry.example", "repository": "cds/server", "tag": "2"}

    def used(**more):
        return charts.server(charts.render({"image": {**image, **more.pop("image", {})}, **more}))["image"]

    assert used() == "registry.example/cds/server:2"
    assert used(**{"global": {"imageRegistry": "mirror.example"}}) == "mirror.example/cds/server:2"
    assert used(image={"digest": f"sha256:{'0' * 64}"}) == f"registry.example/cds/server@sha256:{'0' * 64}"
    assert charts.server(charts.render())["image"] == "cds-registration-server:0.1.0"


def test_a_token_is_there_for_whoever_wants_one():
    pod = charts.only(charts.render({"serviceAccount": {"automount": True}}), "Deployment")["spec"]["template"]

    assert pod["spec"]["automountServiceAccountToken"] is True
