import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.helm import charts

DOCKERFILE = (charts.ROOT / "Dockerfile").read_text()
INSTRUCTIONS = [
    re.sub(r"\s*\\\n\s*", " ", one) for one in re.findall(r"^[A-Z]+ (?:.*\\\n)*.*$", DOCKERFILE, re.MULTILINE)
]
FINAL = INSTRUCTIONS[max(at for at, one in enumerate(INSTRUCTIONS) if one.startswith("FROM")) :]


def of(name, instructions=FINAL):
    return [one.removeprefix(f"{name} ") for one in instructions if one.startswith(f"{name} ")]


def test_hadolint_finds_nothing():
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("needs hadolint")

    answer = subprocess.run(
        [hadolint, "Dockerfile"], cwd=charts.ROOT, capture_output=True, text=True, timeout=300, check=False
    )

    assert answer.stdout + answer.stderr == ""


def test_the_image_has_what_the_lock_names_and_nothing_that_could_install_more():
    installs = [
        part for one in of("RUN", INSTRUCTIONS) for part in one.split("&&") if "pip" in part and " install " in part
    ]

    assert all("--require-hashes" in one or "--no-index" in one for one in installs)
    assert any("-r requirements-image.lock" in one for one in installs)
    assert "venv --without-pip /opt/cds" in DOCKERFILE
    assert of("COPY") == ["--from=build /opt/cds /opt/cds"]
    assert not re.search(r"apt-get|gcc|build-essential|apk add|curl", DOCKERFILE)


def locked(name):
    return dict(re.findall(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==([^ ]+)", (charts.ROOT / name).read_text(), re.MULTILINE))


def test_its_lock_is_that_of_the_server_and_of_what_sends_traces():
    server, image = locked("requirements.lock"), locked("requirements-image.lock")

    assert server.items() <= image.items()
    assert {"opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http"} <= image.keys()


def test_it_runs_as_a_number_that_kubernetes_can_see_is_not_root():
    assert of("USER") == ["10001:10001"]


def test_signals_reach_the_server_because_no_shell_is_in_between():
    assert of("ENTRYPOINT") == ['["cds-server"]']
    assert of("CMD") == ['["serve", "--host", "0.0.0.0", "--port", "8000"]']
    assert 'CMD ["python"' in of("HEALTHCHECK")[0]


def test_podman_and_buildah_build_it_too():
    assert "--start-interval" not in of("HEALTHCHECK")[0]
    assert not re.search(r"--mount|<<|COPY --link", DOCKERFILE)


def test_it_says_what_it_is():
    label = of("LABEL")[0]

    for name in ("title", "description", "licenses", "version", "revision"):
        assert f"org.opencontainers.image.{name}=" in label


def test_the_builder_is_sent_what_it_copies_and_nothing_else():
    sent = {line[1:] for line in (charts.ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {path for one in of("COPY", INSTRUCTIONS) if "--from" not in one for path in one.split()[:-1]}

    assert copied == sent
    assert all((charts.ROOT / path).exists() for path in copied)


def test_the_package_has_every_file_that_the_sources_have(tmp_path):
    for path in ("app", "pyproject.toml", "README.md", "LICENSE"):
        source = charts.ROOT / path
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / path)
    tracked = subprocess.run(
        ["git", "ls-files", "app"], cwd=charts.ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    build = "from setuptools import build_meta; build_meta.build_wheel('dist')"  # what pip asks for

    subprocess.run([sys.executable, "-c", build], cwd=tmp_path, capture_output=True, timeout=300, check=True)

    with zipfile.ZipFile(next((tmp_path / "dist").iterdir())) as wheel:
        assert set(tracked) - set(wheel.namelist()) == set()
