import json
import re
import tomllib

import pytest
import yaml

from tests.helm import chart_docs, charts

TEMPLATES = "\n".join(path.read_text() for path in (charts.CHART / "templates").rglob("*.*"))
OUT_OF_DATE = "run `make chart`"


def test_the_readme_has_every_value_as_it_is_explained_in_the_values():
    assert (charts.CHART / "README.md").read_text() == chart_docs.readme(), OUT_OF_DATE


def test_the_schema_explains_every_value_in_the_same_words():
    assert (charts.CHART / "values.schema.json").read_text() == chart_docs.schema(), OUT_OF_DATE


def test_no_value_is_left_unexplained():
    assert chart_docs.undocumented() == []


def test_every_value_is_used():
    unused = [value.name for value in chart_docs.documented() if not re.search(rf"\.{value.path[-1]}\b", TEMPLATES)]

    assert [name for name in unused if not name.startswith("config.")] == []


def compare(schema, values, path=""):
    for key, value in values.items():
        inner = schema["properties"][key]
        if isinstance(value, dict) and "properties" in inner:
            assert inner["title"]
            assert inner["additionalProperties"] is (key == "global")
            yield from compare(inner, value, f"{path}{key}.")
        elif not inner.get("description"):
            yield f"{path}{key}"
    yield from (f"{path}{key}" for key in schema["properties"].keys() - values.keys())


def test_the_schema_has_all_values_and_no_others():
    schema = json.loads((charts.CHART / "values.schema.json").read_text())
    values = yaml.safe_load((charts.CHART / "values.yaml").read_text())

    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert schema["additionalProperties"] is False
    assert list(compare(schema, values)) == []


def test_the_chart_installs_the_version_of_this_repository():
    chart = yaml.safe_load((charts.CHART / "Chart.yaml").read_text())
    project = tomllib.loads((charts.ROOT / "pyproject.toml").read_text())["project"]

    assert chart["appVersion"] == project["version"]
    assert f"ARG VERSION={project['version']}\n" in (charts.ROOT / "Dockerfile").read_text()


def commands():
    text = (charts.CHART / "README.md").read_text()
    return re.findall(r"^helm (?:upgrade --install|install) .*?(?<!\\)\n", text, re.MULTILINE | re.DOTALL)


def test_examples_of_the_readme_render():
    assert commands()
    for command in commands():
        options = re.findall(r"(--set)[ =]('[^']*'|\S+)", command)
        arguments = [part for option, value in options for part in (option, value.strip("'"))]
        answer = charts.helm("template", "cds", "{}", *arguments)
        assert answer.returncode == 0, answer.stderr


def notes(tmp_path, more=None, base=charts.NEEDED):
    """NOTES.txt, which helm shows after an install only: rendered as part of an object."""
    chart = tmp_path / "chart"
    if not chart.exists():
        charts.shutil.copytree(charts.CHART, chart)
        text = (chart / "templates" / "NOTES.txt").read_text()
        (chart / "templates" / "_notes.tpl").write_text(f'{{{{ define "notes" }}}}{text}{{{{ end }}}}')
        (chart / "templates" / "notes.yaml").write_text('notes: {{ include "notes" . | toJson }}')
    answer = charts.template(charts.merged(base, more or {}), "--show-only", "templates/notes.yaml", chart=chart)
    assert answer.returncode == 0, answer.stderr
    return yaml.safe_load(answer.stdout)["notes"]


@pytest.mark.parametrize("values", charts.EXAMPLES, ids=charts.EXAMPLE_NAMES)
def test_notes_are_complete_sentences_for_every_example(tmp_path, values):
    said = notes(tmp_path, charts.example(values), base={})

    assert "is on its way to https://" in said
    assert "{{" not in said.replace("{{index", "")
    assert "<no value>" not in said
    assert "\n\n\n" not in said


def test_notes_warn_of_what_would_be_lost_or_mixed_up(tmp_path):
    said = notes(tmp_path, {"ingress": {"enabled": True}, "replicaCount": 1})

    assert "files and attachments are on the disk of each pod" in said
    assert "the made-up demo utility" in said
    assert "config.trustedProxies is empty" in said
    assert "one server is gone while its node is" in said
    assert "go-template='{{index .data \"operator-bootstrap-key\" | base64decode}}'" in said


def test_notes_do_not_warn_of_what_is_in_order(tmp_path):
    said = notes(tmp_path, charts.example(charts.CHART / "ci" / "gitops-values.yaml"), base={})

    assert "WARNING" not in said
    assert "base64decode" not in said
