"""As much of a Kubernetes API server as helm needs to look things up: it knows some Secrets and nothing else."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import yaml

RESOURCES = [
    {"name": kind.lower() + "s", "singularName": "", "namespaced": True, "kind": kind, "verbs": ["get", "list"]}
    for kind in ("Secret", "ConfigMap", "Service", "Pod", "ServiceAccount")
]


@contextmanager
def serving(objects: Mapping[str, Any], directory: Any) -> Iterator[str]:
    """A server that has these objects by their paths, such as `/api/v1/namespaces/cds/secrets/keys`.

    Yields:
        The path of a kubeconfig that leads to it.
    """
    answers = {
        "/version": {"major": "1", "minor": "31", "gitVersion": "v1.31.0"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
        "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": RESOURCES},
        **objects,
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = answers.get(self.path.partition("?")[0])
            missing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
            body = json.dumps(found or missing).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    config = directory / "kubeconfig"
    url = f"http://127.0.0.1:{httpd.server_port}"
    config.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "here", "cluster": {"server": url}}],
                "users": [{"name": "me", "user": {}}],
                "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
                "current-context": "here",
            }
        )
    )
    try:
        yield str(config)
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()
