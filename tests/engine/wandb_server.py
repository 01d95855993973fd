"""A made W&B server: as much of its protocol as a run needs that logs numbers."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class WandbServer(ThreadingHTTPServer):
    """Serves on a free port of this machine; ``runs``: the ids that began, ``sent``: every body that came."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.runs: list[str] = []
        self.sent: list[bytes] = []
        self.silent = threading.Event()
        self.refuses = False
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that did not wait is no error of the server's."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: WandbServer

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.sent.append(body)
        self._answer({"data": self._data(json.loads(body))} if self.path == "/graphql" else {})

    def log_message(self, *of: Any) -> None:
        pass

    def _data(self, request: dict[str, Any]) -> dict[str, Any]:
        name, given = request.get("operationName"), request.get("variables") or {}
        if name == "Viewer":
            return {"viewer": {"id": "u", "entity": "me", "username": "me", "flags": "{}", "teams": {"edges": []}}}
        if name == "CreateRunFiles":
            return {"createRunFiles": {"runID": "r", "uploadHeaders": [], "files": []}}
        if name != "UpsertBucket":
            return {}
        self.server.runs.append(given["name"])
        project = {"id": "p", "name": "p", "entity": {"id": "e", "name": "me"}}
        bucket = {"id": "b", "name": given["name"], "displayName": "n", "description": "", "config": "{}"}
        return {"upsertBucket": {"bucket": {**bucket, "historyLineCount": 0, "project": project}, "inserted": True}}

    def _answer(self, answer: dict[str, Any]) -> None:
        if self.server.silent.is_set():
            threading.Event().wait()
        body = json.dumps(answer).encode()
        self.send_response(401 if self.server.refuses else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
