"""npm's oidc-provider, which knows nothing of this server, as the identity provider of the utility."""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.live_server import wait_until_ready
from tests.node import TESTS, require_node
from tests.ports import free_port

PROJECT = TESTS / "oidc_provider"
CLIENT_ID = "cds server"
SECRET = "s+e/c:r%et"


@contextlib.contextmanager
def openid_provider(directory: Path, redirect_uri: str) -> Iterator[str]:
    """Run the provider as a process of its own, with its log in `directory`; the value is its issuer."""
    node, port = require_node(PROJECT), free_port()
    url, log = f"http://127.0.0.1:{port}", directory / "provider.log"
    options = json.dumps({"port": port, "redirect_uri": redirect_uri, "client_secret": SECRET})
    with log.open("wb") as file:
        process = subprocess.Popen([node, "provider.mjs", options], cwd=PROJECT, stdout=file, stderr=subprocess.STDOUT)
    try:
        wait_until_ready(process, url, log, path="/.well-known/openid-configuration")
        yield url
    finally:
        process.kill()
        process.wait()


def settings(issuer: str, who: str = "USER") -> dict[str, str]:
    """What makes the service send its users there, or its operators."""
    return {
        f"CDS_{who}_OIDC_ISSUER": issuer,
        f"CDS_{who}_OIDC_CLIENT_ID": CLIENT_ID,
        f"CDS_{who}_OIDC_CLIENT_SECRET": SECRET,
    }
