import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from app.cli import main
from tests.patience import SECONDS
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from app.cli import main; main()"]


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch, tmp_path):
    """Commands start in an empty directory, without the settings of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("CDS_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def run(*arguments: str):
    return CliRunner().invoke(main, arguments)


def test_help_names_the_commands_and_loads_nothing_heavy():
    code = "import sys; from app.cli import main; print(sorted({'redis', 'uvicorn', 'msgspec'} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert loaded.stdout.strip() == "[]"
    assert {"serve", "check", "demo"} <= set(run("--help").output.split())


def test_check_is_content_with_the_demo():
    answer = run("check")

    assert answer.exit_code == 0
    assert answer.output == "Settings and catalog are fine.\n"
    assert list(Path.cwd().iterdir()) == []


def test_check_tells_every_problem_of_settings_and_catalog_and_exits_with_1(tmp_path, monkeypatch):
    catalog = tmp_path / "catalog.yaml"
    catalog.write_text("server: {nam: X}\n")
    (tmp_path / ".env").write_text("CDS_WORKERS=none\n")
    monkeypatch.setenv("CDS_PUBLICURL", "https://utility.example")

    answer = run("check", str(catalog))

    assert answer.exit_code == 1
    lines = answer.stderr.splitlines()
    assert lines[0] == "CDS_PUBLICURL is not a setting; did you mean CDS_PUBLIC_URL?"
    assert lines[1].startswith("CDS_WORKERS needs ")
    assert any(line.startswith(f"{catalog}: server") for line in lines)
    assert lines[-1] == f"{len(lines) - 1} problems."


def test_check_looks_at_the_catalog_that_the_settings_name(tmp_path, monkeypatch):
    monkeypatch.setenv("CDS_CATALOG", str(tmp_path / "nowhere.yaml"))

    answer = run("check")

    assert answer.exit_code == 1
    assert "nowhere.yaml" in answer.stderr


def test_check_misses_keys_that_another_store_needs(monkeypatch):
    monkeypatch.setenv("CDS_STORE_URL", "redis://store")

    answer = run("check")

    assert answer.exit_code == 1
    assert "openssl rand" in answer.stderr


def test_serve_with_wrong_settings_tells_all_of_them_and_exits_with_1(monkeypatch):
    monkeypatch.setenv("CDS_METRICS", "sometimes")
    monkeypatch.setenv("CDS_PUBLIC_URL", "http://utility.example")

    answer = run("serve")

    assert answer.exit_code == 1
    assert "CDS_METRICS needs one of" in answer.stderr
    assert "CDS_PUBLIC_URL needs https://" in answer.stderr


@contextmanager
def serving(directory: Path, *arguments: str, **environ: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server of its own process that is ready, and its URL."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    process = subprocess.Popen(
        [*COMMAND, "serve", "--port", str(port), "--drain", "1", *arguments],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT), "CDS_LOG_FORMAT": "json", **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + SECONDS
        while status(f"{url}/readyz") != 200:
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield process, url
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=SECONDS)


def status(url: str) -> int:
    """The status of an answer; 0 when nobody answers."""
    try:
        return httpx.get(url, trust_env=False).status_code
    except httpx.HTTPError:
        return 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sigterm_turns_readiness_off_and_keeps_serving_before_the_exit_with_0(tmp_path, workers):
    with serving(tmp_path, "--workers", workers, "--drain", "5") as (process, url):
        process.send_signal(signal.SIGTERM)
        while (answered := status(f"{url}/readyz")) == 200:  # a supervisor looks at its signals twice a second
            time.sleep(0.05)

        assert answered == 503
        with httpx.Client() as http:
            for _ in range(2):  # the second time over a connection of its own
                answer = http.get(f"{url}/livez")
                assert (answer.status_code, answer.headers["connection"]) == (200, "close")
        assert process.wait(timeout=SECONDS) == 0
    assert not (tmp_path / ".data" / "store" / "valkey.sock").exists()


def test_sighup_replaces_no_worker_because_they_would_not_drain(tmp_path):
    with serving(tmp_path, "--workers", "2", "--drain", "600") as (process, url):
        before = children_of(process.pid)
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)  # signals are heeded in their order
        while status(f"{url}/readyz") == 200:
            time.sleep(0.05)

        assert children_of(process.pid) == before
        process.send_signal(signal.SIGTERM)  # another one cuts that short
        assert process.wait(SECONDS) == 0


def children_of(pid: int) -> list[str]:
    """The processes that a process has started."""
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_ctrl_c_ends_at_once_with_0(tmp_path):
    with serving(tmp_path, "--drain", "600") as (process, _):
        process.send_signal(signal.SIGINT)

        assert process.wait(timeout=SECONDS) == 0


def test_workers_end_when_their_parent_is_killed_and_the_port_is_free_again(tmp_path):
    with serving(tmp_path, "--workers", "2") as (process, url):
        process.kill()
        process.wait()
        deadline = time.monotonic() + SECONDS
        while status(f"{url}/livez"):
            assert time.monotonic() < deadline
            time.sleep(0.05)

    with serving(tmp_path) as (process, url):
        assert status(f"{url}/livez") == 200


def test_published_urls_follow_the_port_and_log_lines_are_json(tmp_path):
    with serving(tmp_path) as (process, url):
        document = httpx.get(f"{url}/.well-known/cds-server-metadata.json").text
        process.terminate()
        output, errors = process.communicate(timeout=SECONDS)

    assert url in document
    assert output == ""
    assert {json.loads(line)["event"] for line in errors.splitlines()} == {"serving", "request"}


@pytest.mark.parametrize("group", [(), ("keys",), ("operator",)])
def test_what_help_says_about_each_command_is_said_to_its_end(group):
    answer = run(*group, "-h")

    assert answer.exit_code == 0
    assert "Commands:" in answer.stdout
    assert "..." not in answer.stdout.partition("Commands:")[2]


@pytest.mark.parametrize(
    ("arguments", "public_url", "port"),
    [
        (("--welcome",), "http://127.0.0.1:9000", 9000),
        (("--welcome",), "http://localhost:9000/cds", 9000),
        (("--welcome",), "http://[::1]", 80),
        (("--welcome", "--port", "9001"), "http://127.0.0.1:9000", 9001),
        (("--welcome",), "https://localhost:9000", 8000),
        (("--welcome",), "https://cds.example", 8000),
        ((), "http://127.0.0.1:9000", 8000),
    ],
)
def test_people_are_welcomed_at_the_port_of_their_public_url(monkeypatch, arguments, public_url, port):
    """`CDS_PUBLIC_URL=http://127.0.0.1:9000 make run` prints URLs that work; elsewhere a proxy may stand there."""
    ports = []
    monkeypatch.setenv("CDS_PUBLIC_URL", public_url)
    monkeypatch.setattr("app.serve.serve", lambda *_, **given: ports.append(given["port"]))
    run("serve", *arguments)

    assert ports == [port]


def test_people_are_welcomed_with_a_registration_to_paste(tmp_path):
    with serving(tmp_path, "--welcome") as (process, url):
        process.terminate()
        output, _ = process.communicate(timeout=SECONDS)

    assert f"{url}/.well-known/cds-server-metadata.json" in output
    assert f"curl {url}/oauth/register" in output
    assert "cds_client_admin" in output
    assert f"cds-server demo {url}" in output
    assert f"{url}/console" in output


def test_a_port_in_use_is_told_before_anything_starts(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        answer = run("serve", "--port", str(taken.getsockname()[1]))

    assert answer.exit_code == 1
    assert "cannot be listened on: Address already in use" in answer.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_store_that_does_not_suit_is_told_in_a_sentence_and_not_as_a_traceback(tmp_path, workers):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "letter.txt").touch()
    process = subprocess.run(
        [*COMMAND, "serve", "--port", str(free_port()), "--workers", workers],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "CDS_STORE_URL": f"embedded:{tmp_path}/store"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert process.returncode == 1
    assert "cds-server: CDS_STORE_URL: the directory" in process.stderr
    assert "Traceback" not in process.stderr
