import json
import re

import pytest

from app.web import metrics
from tests.helm import charts

DASHBOARD = json.loads((charts.CHART / "dashboards" / "cds-registration-server.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = {f"{panel['title']} {target['refId']}": target["expr"] for panel in PANELS for target in panel["targets"]}
ADDED = {"namespace", "pod", "le"}
"""Labels that Prometheus adds, and that histograms have."""

EVERYTHING = {
    "metrics": {"prometheusRule": {"enabled": True}, "dashboard": {"enabled": True}},
    "config": {"mailFrom": "cds@utility.example"},
    "secrets": {"env": {"CDS_SMTP_URL": {"name": "mail", "key": "url"}}},
}


def rules():
    return charts.only(charts.render(EVERYTHING), "PrometheusRule")["spec"]["groups"][0]["rules"]


EXPRESSIONS |= {rule["alert"]: rule["expr"] for rule in rules()}


def metric_of(name):
    for suffix in ("", "_bucket", "_sum", "_count"):
        metric = metrics.BY_NAME.get(name.removesuffix(suffix))
        if metric and (not suffix or (name.endswith(suffix) and metric.kind is metrics.Kind.HISTOGRAM)):
            return metric
    return None


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_dashboard_and_alerts_name_metrics_that_the_server_has_and_their_labels(expression):
    named = re.findall(r"\b((?:cds|process)_\w+)(\{[^}]*\})?", expression)
    assert named
    known = set(ADDED)
    for name, selector in named:
        metric = metric_of(name)
        assert metric is not None, name
        assert set(re.findall(r"(\w+)(?:=|!)", selector)) <= ADDED | set(metric.labels)
        assert metric.kind is not metrics.Kind.COUNTER or re.search(rf"(rate|increase)\({name}\b", expression)
        assert metric.origin is not metrics.Origin.STORE or not re.search(rf"sum[^(]*\({name}", expression)
        known |= set(metric.labels)
    for grouping in re.findall(r"by \(([^)]*)\)", expression):
        assert {label.strip() for label in grouping.split(",")} <= known


def test_the_dashboard_shows_every_metric_of_the_server():
    shown = " ".join(EXPRESSIONS.values())

    assert [name for name in metrics.BY_NAME if name.startswith("cds_") and name not in shown] == []


def test_panels_have_ids_and_places_of_their_own():
    cells = [
        (column, row)
        for panel in DASHBOARD["panels"]
        for column in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for row in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    ids = [panel["id"] for panel in DASHBOARD["panels"]]

    assert len(ids) == len(set(ids))
    assert len(cells) == len(set(cells))
    assert max(column for column, _ in cells) < 24


def test_the_dashboard_arrives_as_it_is():
    found = charts.only(charts.render(EVERYTHING), "ConfigMap")

    assert json.loads(found["data"]["cds-registration-server.json"]) == DASHBOARD
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_alerts_say_how_bad_it_is_what_it_is_and_what_to_do():
    for rule in rules():
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert rule["annotations"].keys() == {"summary", "description"}
        assert all(text.endswith(".") for text in rule["annotations"].values())


def test_alerts_look_at_this_release_only():
    selector = 'namespace="cds",pod=~"prairie-cds-registration-server-.+"'

    for rule in rules():
        named = re.findall(r"(?:cds|process)_\w+(\{[^}]*\})", rule["expr"])
        assert named
        assert all(selector in one for one in named)


def test_alerts_can_be_left_out_added_and_marked():
    mine = {"alert": "Mine", "expr": "vector(1)"}
    rule = {"enabled": True, "disabled": ["CdsServerSlow"], "additionalRules": [mine], "alertLabels": {"team": "cds"}}
    found = charts.only(charts.render({"metrics": {"prometheusRule": rule}}), "PrometheusRule")["spec"]["groups"][0][
        "rules"
    ]

    assert "CdsServerSlow" not in [one["alert"] for one in found]
    assert found[-1] == mine
    assert all(one["labels"]["team"] == "cds" for one in found[:-1])


def test_mails_that_wait_for_nobody_raise_no_alarm():
    found = charts.only(charts.render({"metrics": {"prometheusRule": {"enabled": True}}}), "PrometheusRule")

    assert "cds_mails_" not in str(found)
