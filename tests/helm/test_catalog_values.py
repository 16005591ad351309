import base64

import pytest

from app.catalog import load_catalog
from tests.helm import charts

DEMO = charts.ROOT / "app" / "catalog" / "demo"
BINARY = {".png", ".pdf"}


def demo_values(directory=""):
    others = [path for path in DEMO.iterdir() if path.name != "catalog.yaml"]
    text = (DEMO / "catalog.yaml").read_text()
    for path in others:
        text = text.replace(path.name, f"{directory}{path.name}")
    return {
        "inline": text,
        "files": {f"{directory}{path.name}": path.read_text() for path in others if path.suffix not in BINARY},
        "binaryFiles": {
            f"{directory}{path.name}": base64.b64encode(path.read_bytes()).decode()
            for path in others
            if path.suffix in BINARY
        },
    }


def mount(manifests, directory):
    """What the kubelet makes of the volume: a directory with a date, a link to it, and links into that."""
    config_map = charts.only(manifests, "ConfigMap")
    contents = {key: text.encode() for key, text in config_map["data"].items()}
    contents |= {key: base64.b64decode(text) for key, text in config_map.get("binaryData", {}).items()}
    spec = charts.only(manifests, "Deployment")["spec"]["template"]["spec"]
    volume = next(one for one in spec["volumes"] if one["name"] == "catalog")["configMap"]
    assert volume["name"] == config_map["metadata"]["name"]
    items = volume.get("items", [{"key": key, "path": key} for key in contents])
    for item in items:
        path = directory / "..2026_11_23" / item["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents[item["key"]])
        top = item["path"].partition("/")[0]
        if not (directory / top).is_symlink():
            (directory / top).symlink_to(f"..data/{top}")
    (directory / "..data").symlink_to("..2026_11_23")


@pytest.mark.parametrize("directory", ["", "maps/north/"])
def test_the_server_reads_the_catalog_as_the_kubelet_mounts_it(tmp_path, directory):
    manifests = charts.render({"catalog": demo_values(directory)})
    mount(manifests, tmp_path)
    path = charts.environment(charts.server(manifests))["CDS_CATALOG"]

    catalog = load_catalog(tmp_path / path.removeprefix("/etc/cds/catalog/"))

    assert catalog.server == load_catalog(None).server
    assert {mount["mountPath"] for mount in charts.server(manifests)["volumeMounts"]} >= {"/etc/cds/catalog"}


def test_texts_arrive_as_they_are():
    text = "server:\n  name: 'Prairie'  # {{ not a template }}\n\n  other: |\n    - x\n"
    manifests = charts.render({"catalog": {"inline": text, "files": {"a.md": "# A\n\n  b\n"}}})

    found = charts.only(manifests, "ConfigMap")["data"]

    assert found["catalog.yaml"].rstrip() == text.rstrip()
    assert found["a.md"].rstrip() == "# A\n\n  b"


def checksum(catalog):
    pod = charts.only(charts.render({"catalog": catalog}), "Deployment")["spec"]["template"]
    return pod["metadata"].get("annotations", {}).get("checksum/catalog")


def test_pods_are_replaced_when_the_catalog_changes_and_only_then():
    first = {"inline": "server: {}", "files": {"a": "a"}, "binaryFiles": {"b": "Yg=="}}
    sums = [
        checksum(first),
        checksum({**first, "inline": "server: {name: x}"}),
        checksum({**first, "files": {"a": "b"}}),
        checksum({**first, "binaryFiles": {"b": "Yw=="}}),
    ]

    assert len(set(sums)) == 4
    assert checksum(dict(first)) == sums[0]


def test_workers_are_replaced_too():
    manifests = charts.render({"catalog": {"inline": "server: {}"}, "worker": {"enabled": True}})
    pods = [pod for name, pod in charts.pods(manifests) if not name.endswith("-test")]

    assert len({pod["metadata"]["annotations"]["checksum/catalog"] for pod in pods}) == 1


def test_without_a_catalog_the_bundled_one_is_served():
    manifests = charts.render()

    assert "CDS_CATALOG" not in charts.environment(charts.server(manifests))
    assert checksum({}) is None
