"""A Hugging Face hub on the loopback interface, as far as huggingface_hub pushes to it and loads from it.

Weights lie in a storage of another origin (``localhost`` in place of ``127.0.0.1``), as they do at the hub.

Source: the requests that huggingface_hub 2.4 sends; https://huggingface.co/docs/hub/api; the Git LFS batch API.
"""

import base64
import hashlib
import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

TOKEN = "hf_tokenOfTheTests"
# Whoever has it may read, but write nothing.
READER = "hf_tokenOfAReader"
# What happens on the way to the hub, that it does not do itself.
DROPPED = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE", "HF_HUB_CACHE", "TRANSFORMERS_OFFLINE")


@dataclass
class Repository:
    """The commits of a repository, each with its files, and the commit of ``main`` and of each tag."""

    is_private: bool
    commits: dict[str, dict[str, bytes]] = field(default_factory=lambda: {"0" * 40: {}})
    refs: dict[str, str] = field(default_factory=lambda: {"main": "0" * 40})

    def commit(self, files: dict[str, bytes]) -> str:
        """Add a commit to ``main``."""
        oid = hashlib.sha1(repr([self.refs["main"], sorted(files)]).encode()).hexdigest()
        self.commits[oid] = files
        self.refs["main"] = oid
        return oid

    def resolve(self, revision: str) -> str | None:
        """Return the commit of a branch, a tag or a commit."""
        oid = self.refs.get(revision, revision)
        return oid if oid in self.commits else None


class Hub(ThreadingHTTPServer):
    """The server, with its repositories, its storage, and all requests that it got."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[str, Repository] = {}
        self.storage: dict[str, bytes] = {}
        self.requests: list[str] = []
        # A status with which all is answered, such as 503.
        self.outage = 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def endpoint(self) -> str:
        """The address of the hub."""
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def store(self) -> str:
        """The address of the storage."""
        return f"http://localhost:{self.server_port}/storage"

    def environment(self, home: Path, token: str | None = TOKEN, **changes: str) -> dict[str, str]:
        """The environment of a process that uses this hub: huggingface_hub reads it when it is imported."""
        own = {key: value for key, value in os.environ.items() if key not in DROPPED}
        own |= {"HF_ENDPOINT": self.endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}
        own |= {"HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        return own | ({"HF_TOKEN": token} if token else {}) | changes

    def stop(self) -> None:
        """Answer no more."""
        self.shutdown()
        self.server_close()


def run(arguments: list[str], environment: dict[str, str], folder: Path) -> tuple[int, str, str]:
    """Run Python in a folder, and return its exit code, standard output and standard error, which hold no token."""
    done = subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert not any(token in done.stdout + done.stderr for token in (TOKEN, READER, environment.get("HF_TOKEN", TOKEN)))
    return done.returncode, done.stdout, done.stderr


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer("HEAD")

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_PUT(self) -> None:
        self._answer("PUT")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing."""

    def _answer(self, method: str) -> None:
        body = self._body()
        path = urlsplit(self.path).path
        self.server.requests.append(f"{method} {path}")
        if self.server.outage:
            self._send(self.server.outage)
            return
        if path.startswith("/storage/"):
            self._use_storage(method, path.removeprefix("/storage/"), body)
            return
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token not in ("", TOKEN, READER):
            self._refuse(401, "", "Invalid credentials in Authorization header")
        elif path == "/api/whoami-v2":
            self._send(200, {"type": "user", "name": "user"}) if token else self._refuse(401)
        elif path == "/api/validate-yaml":
            self._send(200, {"errors": [], "warnings": []})
        elif path == "/api/repos/create":
            self._create(json.loads(body), token)
        else:
            self._use_repository(method, path, token, body)

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _use_storage(self, method: str, oid: str, body: bytes) -> None:
        assert "Authorization" not in self.headers  # a token stays at the hub
        if method == "PUT":
            assert hashlib.sha256(body).hexdigest() == oid
            self.server.storage[oid] = body
            self._send(200)
        else:
            self._send(200, self.server.storage[oid])

    def _create(self, wanted: dict[str, str], token: str) -> None:
        repo = f"{wanted['organization']}/{wanted['name']}"
        if token != TOKEN:
            self._refuse(403, "", "You have no rights to create a model here")
            return
        is_new = repo not in self.server.repositories
        if is_new:
            self.server.repositories[repo] = Repository(wanted.get("visibility") == "private")
        self._send(200 if is_new else 409, {"url": f"{self.server.endpoint}/{repo}"})

    def _use_repository(self, method: str, path: str, token: str, body: bytes) -> None:
        path = path.removeprefix("/api/models/").replace(".git/info/lfs/objects/batch", "/batch/main").strip("/")
        user, name, what, revision, *rest = [*path.split("/"), *["revision", "main"] * (path.count("/") == 1)]
        repo = f"{user}/{name}"
        found = self.server.repositories.get(repo)
        if found is None or (found.is_private and not token):
            self._refuse(404 if token else 401, "RepoNotFound", "Repository not found")
            return
        commit = found.resolve(unquote(revision))
        if commit is None:
            self._refuse(404, "RevisionNotFound", "Invalid rev id")
            return
        if method == "POST" and token != TOKEN:
            self._refuse(403, "", "Your token may only read")
            return
        files = found.commits[commit]
        if what == "batch":
            self._send(
                200, {"transfer": "basic", "objects": [self._action(each) for each in json.loads(body)["objects"]]}
            )
        elif what == "preupload":
            self._send(200, {"files": [_mode(each["path"]) for each in json.loads(body)["files"]]})
        elif what == "commit":
            oid = found.commit(self._committed(files, body))
            url = f"{self.server.endpoint}/{repo}/commit/{oid}"
            self._send(200, {"success": True, "commitOid": oid, "commitUrl": url, "hookOutput": ""})
        elif what == "tree":
            self._send(200, [_entry(name, content) for name, content in files.items()])
        elif what == "resolve":
            self._send_file("/".join(rest), files, commit)
        else:
            siblings = [{"rfilename": name} for name in files]
            self._send(200, {"id": repo, "sha": commit, "private": found.is_private, "siblings": siblings, "tags": []})

    def _action(self, wanted: dict[str, str]) -> dict[str, object]:
        is_there = wanted["oid"] in self.server.storage
        upload = {"upload": {"href": f"{self.server.store}/{wanted['oid']}", "header": {}}}
        return wanted | ({} if is_there else {"actions": upload})

    def _committed(self, files: dict[str, bytes], body: bytes) -> dict[str, bytes]:
        changed = dict(files)
        for line in body.splitlines():
            key, value = (json.loads(line)[name] for name in ("key", "value"))
            if key == "file":
                changed[value["path"]] = base64.b64decode(value["content"])
            elif key == "lfsFile":
                changed[value["path"]] = self.server.storage[value["oid"]]
            elif key == "deletedFile":
                del changed[value["path"]]
        return changed

    def _send_file(self, name: str, files: dict[str, bytes], commit: str) -> None:
        if name not in files:
            self._refuse(404, "EntryNotFound", "Entry not found")
            return
        headers = {"X-Repo-Commit": commit, "ETag": f'"{hashlib.sha1(files[name]).hexdigest()}"'}
        if not _is_large(name):
            self._send(200, files[name], headers)
            return
        oid = hashlib.sha256(files[name]).hexdigest()
        headers |= {"X-Linked-ETag": f'"{oid}"', "X-Linked-Size": str(len(files[name]))}
        self._send(302, b"", headers | {"Location": f"{self.server.store}/{oid}"})

    def _refuse(self, status: int, code: str = "", message: str = "") -> None:
        self._send(status, {"error": message}, {"X-Error-Code": code, "X-Error-Message": message})

    def _send(self, status: int, content: object = b"", headers: dict[str, str] | None = None) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(data))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def _is_large(name: str) -> bool:
    return fnmatch(name, "*.safetensors") or fnmatch(name, "*.onnx")


def _mode(path: str) -> dict[str, object]:
    return {"path": path, "uploadMode": "lfs" if _is_large(path) else "regular", "shouldIgnore": False, "oid": None}


def _entry(name: str, content: bytes) -> dict[str, object]:
    oid = hashlib.sha256(content).hexdigest()
    large = {"lfs": {"oid": oid, "size": len(content), "pointerSize": 134}} if _is_large(name) else {}
    return {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest(), **large}
