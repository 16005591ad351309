"""What a server that has just started has in memory: not what it may never need."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.patience import SECONDS

ROOT = Path(__file__).parents[2]
NEEDED_LATER = {
    "aiosmtplib": "the first mail, with CDS_SMTP_URL",
    "app.openapi.document": "the first who asks for /openapi.json",
    "authlib": "those who have an identity provider",
    "httpx": "the first webhook",
    "jinja2": "the first page",
    "markdown_it": "the first page with texts of the catalog",
    "obstore": "the first file, in a directory",
    "opentelemetry": "those who want traces",
    "rich": "`cds-server demo`",
}
START = """
import asyncio, json, sys
from app.catalog import load_catalog
from app.cli import main
from app.logs import configure
from app.serve import create_app
from app.settings import Settings

async def start():
    settings = Settings.from_environment({"CDS_STORE_URL": "memory:", "CDS_FILES_URL": "file:files"})
    configure(settings.log_format, settings.log_level)
    service = create_app(settings, load_catalog(settings.catalog))
    await service.start()
    print(json.dumps(sorted(sys.modules)))
    await service.stop()

asyncio.run(start())
"""


def test_a_server_starts_without_what_it_may_never_need(tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CDS_", "OTEL_"))}
    environment["PYTHONPATH"] = str(ROOT)
    command = [sys.executable, "-c", START]
    started = subprocess.run(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, check=True, timeout=SECONDS
    )

    loaded = set(json.loads(started.stdout))
    assert "app.worker.webhooks" in loaded
    assert {name: use for name, use in NEEDED_LATER.items() if name in loaded} == {}
