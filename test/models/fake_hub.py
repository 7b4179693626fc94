"""A hub on 127.0.0.1 that speaks as much of the real one's protocol as a pull needs, and fails on demand."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REVISION = "a" * 40
OTHER_REVISION = "b" * 40


@dataclass
class FakeHub:
    """`files`: by (repo, revision) their contents by name. `heads`: (repo, branch) -> revision."""

    files: dict[tuple[str, str], dict[str, bytes]] = field(default_factory=dict)
    heads: dict[tuple[str, str], str] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    cut_off: set[str] = field(default_factory=set)
    corrupt: set[str] = field(default_factory=set)
    requests: list[str] = field(default_factory=list)
    url: str = ""

    def publish(self, repo: str, contents: dict[str, bytes], revision: str = REVISION, branch: str = "main") -> None:
        """Puts a revision at the head of a branch."""
        self.files[repo, revision] = contents
        self.heads[repo, branch] = revision


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    hub: FakeHub


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def hub(self) -> FakeHub:
        return self.server.hub

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._serve(with_body=False)

    def do_GET(self) -> None:
        self._serve(with_body=True)

    def _serve(self, with_body: bool) -> None:
        self.hub.requests.append(self.path)
        path = self.path.partition("?")[0]
        if path.startswith("/api/models/"):
            repo, _, ref = path.removeprefix("/api/models/").partition("/revision/")
            self._info(repo, ref.replace("%2F", "/"))
        else:
            repo, _, rest = path[1:].partition("/resolve/")
            revision, _, name = rest.partition("/")
            self._file(repo, revision, name, with_body)

    def _info(self, repo: str, ref: str) -> None:
        revision = self.hub.heads.get((repo, ref), ref)
        if repo in self.hub.gated:
            self._error(403, "GatedRepo")
        elif (repo, revision) not in self.hub.files:
            is_known = any(name == repo for name, _ in self.hub.files)
            self._error(404, "RevisionNotFound" if is_known else "RepoNotFound")
        else:
            siblings = [
                {"rfilename": name, "size": len(data), "lfs": self._lfs(name, data)}
                for name, data in self.hub.files[repo, revision].items()
            ]
            self._answer(200, json.dumps({"id": repo, "sha": revision, "siblings": siblings}).encode(), {})

    @staticmethod
    def _lfs(name: str, data: bytes) -> dict[str, object] | None:
        if name.endswith(".json"):
            return None
        return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}

    def _file(self, repo: str, revision: str, name: str, with_body: bool) -> None:
        contents = self.hub.files.get((repo, revision))
        if repo in self.hub.gated:
            self._error(403, "GatedRepo")
        elif contents is None or name not in contents:
            self._error(404, "RepoNotFound" if contents is None else "EntryNotFound")
        else:
            data = contents[name]
            if name in self.hub.corrupt:
                data = bytes(byte ^ 1 for byte in data)
            headers = {"ETag": f'"{hashlib.sha256(contents[name]).hexdigest()}"', "X-Repo-Commit": revision}
            self._answer(200, data, headers, with_body=with_body, is_cut_off=with_body and name in self.hub.cut_off)

    def _error(self, status: int, code: str) -> None:
        self._answer(status, b"{}", {"X-Error-Code": code, "X-Error-Message": code})

    def _answer(
        self, status: int, body: bytes, headers: dict[str, str], with_body: bool = True, is_cut_off: bool = False
    ) -> None:
        self.send_response(status)
        for key, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body[: len(body) // 2] if is_cut_off else body)
        if is_cut_off:
            self.close_connection = True


@contextmanager
def running(hub: FakeHub) -> Iterator[FakeHub]:
    """The hub at `hub.url` while the block runs."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.hub = hub
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
