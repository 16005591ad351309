"""The chart as helm renders it, for tests: with the values of a file, or with some beside those that are needed."""

import functools
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # PyYAML was built without libyaml: slower, otherwise the same.
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm"
EXAMPLES = sorted((CHART / "ci").glob("*-values.yaml"))
EXAMPLE_NAMES = [path.name.removesuffix("-values.yaml") for path in EXAMPLES]
KUBERNETES = ("1.30", "1.31", "1.32", "1.33", "1.34", "1.35", "1.36", "1.37")
HELM_SECONDS = 300

NEEDED = {"config": {"publicUrl": "https://cds.utility.example"}, "store": {"url": "redis://valkey:6379/0"}}

Manifest = dict[str, Any]


def helm(*arguments: str, chart: Path = CHART) -> subprocess.CompletedProcess[str]:
    """What `helm` says about the chart; with `{}` among the arguments where its path belongs."""
    command = shutil.which("helm", path=str(Path(sys.executable).parent)) or shutil.which("helm")
    if command is None:
        pytest.skip("needs helm, which is packaged for Linux on x86_64 only; install it, and this runs")
    arguments = tuple(argument.replace("{}", str(chart)) for argument in arguments)
    return subprocess.run([command, *arguments], capture_output=True, text=True, timeout=HELM_SECONDS, check=False)


def merged(values: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Values with others over them, as helm does it."""
    found = dict(values)
    for key, value in more.items():
        is_table = isinstance(value, Mapping) and isinstance(found.get(key), Mapping)
        found[key] = merged(found[key], value) if is_table else value
    return found


def template(values: Mapping[str, Any], *options: str, chart: Path = CHART) -> subprocess.CompletedProcess[str]:
    """`helm template` with these values and no others."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(dict(values), file)
        file.flush()
        return helm("template", "prairie", "{}", "--namespace", "cds", "--values", file.name, *options, chart=chart)


def render(more: Mapping[str, Any] | None = None, *options: str, base: Mapping[str, Any] = NEEDED) -> list[Manifest]:
    """Every object of a release with the values that are needed and these."""
    return list(_rendered(json.dumps(merged(base, more or {})), options))


@functools.cache
def _rendered(values: str, options: tuple[str, ...]) -> tuple[Manifest, ...]:
    answer = template(json.loads(values), *options)
    assert answer.returncode == 0, answer.stderr
    assert "warning" not in answer.stderr.lower(), answer.stderr
    return tuple(one for one in yaml.load_all(answer.stdout, _Loader) if one)


def example(path: Path) -> dict[str, Any]:
    """The values of a file in `ci`."""
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


def render_example(path: Path, kubernetes: str = "1.31") -> list[Manifest]:
    """Every object of a release with the values of a file in `ci`."""
    return render(example(path), "--kube-version", kubernetes, base={})


def refusal(more: Mapping[str, Any], base: Mapping[str, Any] = NEEDED) -> str:
    """What helm says instead of rendering, in one line."""
    answer = template(merged(base, more))
    assert answer.returncode != 0, "helm rendered this"
    return " ".join(answer.stderr.split())


def refusals(cases: Mapping[str, Mapping[str, Any]], directory: Path) -> dict[str, str]:
    """What helm says of each of many sets of values, from one call: sentences of the templates, or else of the schema.

    Starting helm and reading the chart costs more than all the rest, so these are the chart's own templates and its own
    schema in a chart that asks them about one set after the other.
    """
    chart = _chart_of_cases(directory / "cases")
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    values = {"cases": {name: merged(defaults, merged(NEEDED, case)) for name, case in cases.items()}}
    answer = template(values, chart=chart)
    if answer.returncode == 0:
        return {name: " ".join(problems) for name, problems in yaml.safe_load(answer.stdout).items()}
    found: dict[str, str] = dict.fromkeys(cases, "")
    for name, sentence in re.findall(r"^- cases\.(\w+)[.:] ?(.*)$", answer.stderr, re.MULTILINE):
        found[name] += f"{sentence} "
    return found


def _chart_of_cases(chart: Path) -> Path:
    (chart / "templates").mkdir(parents=True)
    for path in (CHART / "Chart.yaml", *(CHART / "templates").glob("_*.tpl")):
        shutil.copy(path, chart / path.relative_to(CHART))
    (chart / "templates" / "cases.yaml").write_text(
        "{{ range $name, $values := .Values.cases }}\n"
        '{{ $name }}: {{ include "cds.problems" (merge (dict "Values" $values) $) | fromYamlArray | toJson }}\n'
        "{{ end }}\n"
    )
    schema = json.loads((CHART / "values.schema.json").read_text())
    draft = schema.pop("$schema")
    each = {"type": "object", "additionalProperties": schema}
    (chart / "values.schema.json").write_text(json.dumps({"$schema": draft, "properties": {"cases": each}}))
    return chart


def of_kind(manifests: Sequence[Manifest], kind: str) -> list[Manifest]:
    """Those of a kind."""
    return [one for one in manifests if one["kind"] == kind]


def only(manifests: Sequence[Manifest], kind: str, component: str | None = None) -> Manifest:
    """The one of a kind, and of a component if that is said."""
    label = "app.kubernetes.io/component"
    found = [
        one
        for one in of_kind(manifests, kind)
        if component is None or one["metadata"]["labels"].get(label) == component
    ]
    assert len(found) == 1, f"{len(found)} of {kind}"
    return found[0]


def pods(manifests: Sequence[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Every pod that there will be: its name, and metadata and spec."""
    for one in manifests:
        if one["kind"] == "Deployment":
            yield one["metadata"]["name"], one["spec"]["template"]
        elif one["kind"] == "CronJob":
            yield one["metadata"]["name"], one["spec"]["jobTemplate"]["spec"]["template"]
        elif one["kind"] == "Pod":
            yield one["metadata"]["name"], one


def containers(pod: Manifest) -> list[Manifest]:
    """Its containers, those that run before the others too."""
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def server(manifests: Sequence[Manifest]) -> Manifest:
    """The container of the server."""
    found: Manifest = only(manifests, "Deployment", "server")["spec"]["template"]["spec"]["containers"][0]
    return found


def environment(container: Manifest) -> dict[str, Any]:
    """Its environment: texts, or where they come from."""
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in container["env"]}
