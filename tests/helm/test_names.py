import pytest

from tests.helm import charts

SELECTOR = {"app.kubernetes.io/name": "cds-registration-server", "app.kubernetes.io/instance": "prairie"}


def selects(selector, labels):
    return selector.items() <= labels.items()


@pytest.mark.parametrize("values", charts.EXAMPLES, ids=charts.EXAMPLE_NAMES)
def test_selectors_never_change_as_kubernetes_would_refuse_the_upgrade(values):
    for deployment in charts.of_kind(charts.render_example(values), "Deployment"):
        component = deployment["metadata"]["labels"]["app.kubernetes.io/component"]
        selector = deployment["spec"]["selector"]["matchLabels"]

        assert selector == {**SELECTOR, "app.kubernetes.io/component": component}
        assert selects(selector, deployment["spec"]["template"]["metadata"]["labels"])


@pytest.mark.parametrize("values", charts.EXAMPLES, ids=charts.EXAMPLE_NAMES)
def test_names_are_those_of_the_release(values):
    for manifest in charts.render_example(values):
        assert manifest["metadata"]["name"].startswith("prairie-cds-registration-server")
        assert len(manifest["metadata"]["name"]) <= 63
    kept = [(one["kind"], one["metadata"]["name"]) for one in charts.render_example(values)]
    assert len(kept) == len(set(kept))


@pytest.mark.parametrize("values", charts.EXAMPLES, ids=charts.EXAMPLE_NAMES)
def test_services_policies_and_monitors_select_the_pods_that_they_mean(values):
    manifests = charts.render_example(values)
    labels = {
        pod["metadata"]["labels"]["app.kubernetes.io/component"]: pod["metadata"]["labels"]
        for _, pod in charts.pods(manifests)
    }
    selectors = {
        "Service": lambda one: one["spec"]["selector"],
        "PodDisruptionBudget": lambda one: one["spec"]["selector"]["matchLabels"],
        "NetworkPolicy": lambda one: one["spec"]["podSelector"]["matchLabels"],
    }
    for one in manifests:
        if one["kind"] in selectors:
            selector = selectors[one["kind"]](one)
            chosen = [component for component, there in labels.items() if selects(selector, there)]
            assert chosen == [one["metadata"]["labels"]["app.kubernetes.io/component"]]


def test_a_service_monitor_finds_the_service_and_its_port():
    manifests = charts.render({"metrics": {"serviceMonitor": {"enabled": True}}})
    service, monitor = charts.only(manifests, "Service"), charts.only(manifests, "ServiceMonitor")

    assert selects(monitor["spec"]["selector"]["matchLabels"], service["metadata"]["labels"])
    assert monitor["spec"]["selector"]["matchExpressions"][0]["values"] == ["server"]
    assert monitor["spec"]["endpoints"][0]["port"] in [port["name"] for port in service["spec"]["ports"]]
    assert monitor["spec"]["endpoints"][0]["path"] == "/metrics"


@pytest.mark.parametrize(("monitor", "found"), [("podMonitor", {"server", "worker"}), ("serviceMonitor", {"worker"})])
def test_workers_are_scraped_too(monitor, found):
    manifests = charts.render({"metrics": {monitor: {"enabled": True}}, "worker": {"enabled": True}})
    pod_monitor = charts.only(manifests, "PodMonitor")["spec"]
    worker = charts.only(manifests, "Deployment", "worker")["spec"]["template"]

    assert selects(pod_monitor["selector"]["matchLabels"], worker["metadata"]["labels"])
    assert set(pod_monitor["selector"]["matchExpressions"][0]["values"]) == found
    assert pod_monitor["podMetricsEndpoints"][0]["port"] in [
        port["name"] for port in worker["spec"]["containers"][0]["ports"]
    ]


def test_a_monitor_in_another_namespace_looks_into_ours():
    manifests = charts.render({"metrics": {"podMonitor": {"enabled": True, "namespace": "monitoring"}}})
    monitor = charts.only(manifests, "PodMonitor")

    assert monitor["metadata"]["namespace"] == "monitoring"
    assert monitor["spec"]["namespaceSelector"] == {"matchNames": ["cds"]}


@pytest.mark.parametrize("values", charts.EXAMPLES, ids=charts.EXAMPLE_NAMES)
def test_what_names_a_port_names_one_that_is_there(values):
    manifests = charts.render_example(values)
    ports = {port["name"]: port["containerPort"] for port in charts.server(manifests)["ports"]}
    service = charts.only(manifests, "Service")

    assert [port["targetPort"] for port in service["spec"]["ports"]] == list(ports)
    for policy in charts.of_kind(manifests, "NetworkPolicy"):
        for rule in policy["spec"].get("ingress", []):
            assert {port["port"] for port in rule["ports"]} <= set(ports)
    container = charts.server(manifests)
    for name in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[name]["httpGet"]["port"] in ports
    assert container["args"][container["args"].index("--port") + 1] == str(ports["http"])


@pytest.mark.parametrize("values", charts.EXAMPLES, ids=charts.EXAMPLE_NAMES)
def test_labels_of_yours_are_everywhere_and_never_replace_ours(values):
    mine = charts.merged(
        charts.example(values), {"commonLabels": {"team": "cds", "app.kubernetes.io/name": "x"}, "extraObjects": []}
    )
    for manifest in charts.render(mine, base={}):
        labels = manifest["metadata"]["labels"]
        assert (labels["team"], labels["app.kubernetes.io/name"]) == ("cds", "cds-registration-server")


def test_names_can_be_chosen():
    def name(**values):
        return charts.only(charts.render(values), "Service")["metadata"]["name"]

    assert name(fullnameOverride="cds") == "cds"
    assert name(nameOverride="cds") == "prairie-cds"
    assert name(nameOverride="prairie") == "prairie"
    assert len(name(fullnameOverride="x" * 60)) == 40


@pytest.mark.parametrize("scaler", ["hpa", "keda"])
def test_nothing_says_how_many_servers_there_are_where_something_scales_them(scaler):
    triggers = {"triggers": [{"type": "cpu", "metadata": {"value": "60"}}]} if scaler == "keda" else {}
    manifests = charts.render({"autoscaling": {scaler: {"enabled": True, **triggers}}})
    deployment = charts.only(manifests, "Deployment")

    target = charts.only(manifests, {"hpa": "HorizontalPodAutoscaler", "keda": "ScaledObject"}[scaler])["spec"]

    assert "replicas" not in deployment["spec"]
    assert target["scaleTargetRef"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": deployment["metadata"]["name"],
    }


def test_a_public_url_with_a_path_decides_host_and_path_of_what_leads_here():
    manifests = charts.render(
        {
            "config": {"publicUrl": "https://API.utility.example:8443/energy/cds/"},
            "ingress": {"enabled": True, "tls": [{"secretName": "cert"}]},
            "httpRoute": {"enabled": True, "parentRefs": [{"name": "public"}]},
        }
    )
    ingress, route = charts.only(manifests, "Ingress")["spec"], charts.only(manifests, "HTTPRoute")["spec"]

    assert ingress["rules"][0]["host"] == "api.utility.example"
    assert ingress["rules"][0]["http"]["paths"][0]["path"] == "/energy/cds"
    assert ingress["tls"] == [{"hosts": ["api.utility.example"], "secretName": "cert"}]
    assert route["hostnames"] == ["api.utility.example"]
    assert route["rules"][0]["matches"] == [{"path": {"type": "PathPrefix", "value": "/energy/cds"}}]
    assert (
        charts.environment(charts.server(manifests))["CDS_PUBLIC_URL"] == "https://API.utility.example:8443/energy/cds/"
    )


def test_scraping_and_helm_test_get_through_the_network_policy():
    manifests = charts.render(
        {
            "networkPolicy": {
                "enabled": True,
                "ingressFrom": [{"podSelector": {"matchLabels": {"app": "gateway"}}}],
                "metricsFrom": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}],
            }
        }
    )
    policy = charts.only(manifests, "NetworkPolicy")["spec"]
    test = charts.only(manifests, "Pod")

    allowed = policy["ingress"][0]["from"]

    assert policy["policyTypes"] == ["Ingress"]
    assert {"namespaceSelector": {"matchLabels": {"name": "monitoring"}}} in allowed
    assert any(
        selects(one["podSelector"]["matchLabels"], test["metadata"]["labels"])
        for one in allowed
        if "podSelector" in one
    )


def test_a_network_policy_without_peers_lets_everybody_in():
    policies = charts.of_kind(
        charts.render({"networkPolicy": {"enabled": True}, "worker": {"enabled": True}}), "NetworkPolicy"
    )

    assert [one["spec"]["ingress"] for one in policies] == [[{"ports": [{"port": "http", "protocol": "TCP"}]}]] * 2


def test_only_who_reads_metrics_gets_to_workers():
    gateway, prometheus = ({"podSelector": {"matchLabels": {"app": name}}} for name in ("gateway", "prometheus"))

    def to_workers(**peers):
        manifests = charts.render({"networkPolicy": {"enabled": True, **peers}, "worker": {"enabled": True}})
        return charts.only(manifests, "NetworkPolicy", "worker")["spec"].get("ingress")

    assert to_workers(ingressFrom=[gateway]) is None
    assert to_workers(ingressFrom=[gateway], metricsFrom=[prometheus])[0]["from"] == [prometheus]


def test_restricted_connections_go_on_resolving_names():
    rule = {"ports": [{"port": 6379}]}
    manifests = charts.render({"networkPolicy": {"enabled": True, "egress": {"enabled": True, "rules": [rule]}}})
    policy = charts.only(manifests, "NetworkPolicy")["spec"]

    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["egress"] == [{"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}, rule]


def test_a_disruption_budget_always_lets_one_go_and_pods_that_are_not_ready():
    for budget in charts.of_kind(
        charts.render({"worker": {"enabled": True}, "replicaCount": 1}), "PodDisruptionBudget"
    ):
        assert budget["spec"]["maxUnavailable"] == 1
        assert budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
