"""A stand-in for a Label Studio server: the part of its API that a run uses, in memory."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "legacy"


@dataclass
class State:
    """What the server holds, what it was asked, and how often it fails next."""

    projects: list[dict[str, Any]] = field(default_factory=list)
    tasks: list[dict[str, Any]] = field(default_factory=list)
    storages: list[dict[str, Any]] = field(default_factory=list)
    uploads: list[bytes] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    failures: list[int] = field(default_factory=list)
    refusal: Any = None
    """Said to whoever would have a folder served."""

    def annotate(self, number: int, result: list[Any] | None, **more: Any) -> None:
        """Submit an annotation of a task; None skips it."""
        given = {"result": result or [], "was_cancelled": result is None, "lead_time": 4.0}
        given |= {"id": 1, "created_at": "2026-01-01T00:00:00Z"} | more
        self.tasks[number]["annotations"].append(given)

    def said(self, method: str, path: str, content: Any) -> Any:
        """The answer to a request; None: there is no such page."""
        parts, query = urlsplit(path).path.strip("/"), parse_qs(urlsplit(path).query)
        if parts == "api/projects" and method == "POST":
            self.projects.append({"id": len(self.projects) + 1, **content})
            return self.projects[-1]
        if parts == "api/projects":
            asked, size, page = (query[name][0] for name in ("title", "page_size", "page"))
            found = [p for p in reversed(self.projects) if asked in p["title"]]
            end = int(size) * int(page)
            rest = "another page" if found[end:] else None
            return {"results": found[end - int(size) : end], "next": rest}
        if parts == "api/storages/localfiles":
            if method == "POST" and not self.refusal:
                self.storages.append(content)
            return self.storages
        if match := re.fullmatch(r"api/import/file-upload/(\d+)", parts):
            return {"file": f"upload/1/{match[1]}.png"}
        if match := re.fullmatch(r"api/projects/(\d+)(/\w+)?", parts):
            return self._of_project(int(match[1]), match[2], content)
        return None

    def _of_project(self, number: int, what: str | None, content: Any) -> Any:
        if what is None:
            return next((p for p in self.projects if p["id"] == number), None)
        if what == "/export":
            return self.tasks
        if isinstance(content, bytes):
            self.uploads.append(content)
            return {"file_upload_ids": [len(self.uploads)]}
        first = len(self.tasks) + 1
        self.tasks += [{"id": n, "annotations": [], **t} for n, t in enumerate(content, first)]
        return {"task_count": len(content)}


@contextmanager
def running() -> Iterator[tuple[str, State]]:
    """The address of a server, and its state."""
    state = State()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            as_json = self.headers.get("Content-Type") == "application/json"
            state.requests.append(f"{self.command} {self.path}")
            if state.failures:
                self._send(state.failures.pop(0), {"detail": "out of order"})
            elif urlsplit(self.path).path == "/api/token/refresh":
                self._send(200, {"access": "minutes"})
            elif self.headers["Authorization"] not in (f"Token {TOKEN}", "Bearer minutes"):
                self._send(401, {"detail": "Invalid token."})
            else:
                said = state.said(self.command, self.path, json.loads(body) if as_json else body)
                code = 200 if said is not None else 404
                refused = self.command == "POST" and "localfiles" in self.path and state.refusal
                self._send(*((400, refused) if refused else (code, said)))

        do_GET = do_POST = _answer

        def _send(self, code: int, content: Any) -> None:
            data = json.dumps(content).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
