"""The cache of fetched files; a file is only returned if it is the one that the catalogue names.

CACHE/nets/FILE      as distributed, verified by sha256 each time it is returned
CACHE/clips/FILE     real media, likewise
CACHE/ready/NAME-KEY.onnx   converted once from a network's file, for the runtime; its own sha256 beside it
CACHE/incoming/      downloads in progress; what a killed process left there is removed by the next

A file is downloaded, verified, then renamed: it is complete or absent. Two processes that need the same
package take turns, so that it is downloaded once.
"""

import logging
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from evoked.core.errors import WeightsMismatch, WeightsMissing
from evoked.core.files import digest, sha256, write_text
from evoked.core.locks import locked
from evoked.core.progress import Progress, silent
from evoked.weights import package_files
from evoked.weights.catalogue import NETS, Address, FilePart, Member, OwnFile, PretrainedNet, SampleClip, find_net
from evoked.weights.clips import CLIPS, clip
from evoked.weights.packages import Package

__all__ = ["Cache", "CacheLocation", "File", "Say", "State", "default_cache", "from_package_folder"]

Say = Callable[[str], None]
State = Literal["absent", "good", "altered"]
File = PretrainedNet | SampleClip


def _to_log(line: str) -> None:
    """Report what is in progress, one line; by logging, so that a program that uses evoked can choose."""
    logging.getLogger("evoked").warning("evoked: %s", line)


class Cache:
    """Networks and clips by name; fetched when they are absent.

    Args:
        root: the cache's folder; created when first needed.
        offline: do not download.
        folder: searched first for files of the catalogue's names.
        say: called with one line before each download.
        progress: called with the bytes of a download by URL.
    """

    def __init__(
        self,
        root: Path | None = None,
        offline: bool = False,
        folder: Path | None = None,
        *,
        say: Say = _to_log,
        progress: Progress = silent,
    ) -> None:
        self.root = root or _default_root()
        self.offline = offline
        self.folder = folder
        self._say = say
        self._progress = progress

    def path(self, name: str) -> Path:
        """A network's file as distributed, verified now; fetched if it is absent.

        Raises:
            ValueError: if the catalogue has no such network.
            WeightsMissing: if it cannot be fetched.
            WeightsMismatch: if the cached or fetched file is not the catalogue's.
            OutputError: if the cache cannot be written.
        """
        return self._checked(find_net(name))

    def clip(self, name: str) -> Path:
        """A clip's file, verified now; fetched if it is absent. Raises as `path` does."""
        return self._checked(clip(name))

    def ready(self, name: str) -> Path:
        """The file that the runtime loads for a network: converted once from the distributed file, where needed.

        Raises as `path` does; also ValueError if this network is only fetched and not run.
        """
        from evoked.weights.convert import CONVERSIONS  # here: onnx is not needed to fetch

        source = self.path(name)
        if not find_net(name).runs:
            raise ValueError(f"the network {name!r} can be fetched but is not run by this version")
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
        """The sha256 of a network's file: the catalogue's; of a user's own file, the present one. Raises as `path`."""
        return find_net(name).sha256 or sha256(self.path(name))

    def _make_ready(self, name: str, source: Path, target: Path) -> None:
        from evoked.weights.convert import convert

        with self._turn(f"ready-{name}") as scratch:
            if _sealed(target):
                return  # another process converted it meanwhile
            if target.exists():
                self._say(f"{target} is not as it was made: making it again")
            converted = scratch / target.name
            convert(name, source, converted)
            target.parent.mkdir(parents=True, exist_ok=True)
            seal = _seal(target)
            write_text(scratch / seal.name, sha256(converted) + "\n")
            seal.unlink(missing_ok=True)
            os.replace(converted, target)
            os.replace(scratch / seal.name, seal)

    def fetch(self, names: Sequence[str]) -> list[Path]:
        """Bring these networks or clips into the cache; altered files are replaced.

        Returns:
            Their files, in order. Raises as `path` does.
        """
        files = [NETS[n] if n in NETS else clip(n) for n in names]
        for file in files:
            if self.state(file.name) == "altered":
                self._say(f"{self.place(file)} is not the catalogue's file: fetching it again")
                self._fetch(file, replace=True)
        return [self._checked(file) for file in files]

    def stale(self) -> list[Path]:
        """Converted files that were altered; they are converted again when needed."""
        folder = self.root / "ready"
        return [p for p in sorted(folder.glob("*.onnx")) if not _sealed(p)] if folder.is_dir() else []

    def place(self, file: File) -> Path:
        """Where a file is, or would be; a user's own file is used in its place and not copied."""
        if isinstance(file.source, OwnFile) and self.folder is not None and (self.folder / file.file).is_file():
            return self.folder / file.file
        return self.root / ("clips" if isinstance(file, SampleClip) else "nets") / file.file

    def state(self, name: str) -> State:
        """Whether a network or clip is in the cache, by its sha256; nothing is fetched."""
        file = NETS[name] if name in NETS else clip(name)
        place = self.place(file)
        if not place.is_file():
            return "absent"
        return "good" if sha256(place).startswith(file.sha256) else "altered"

    def _checked(self, file: File) -> Path:
        place = self.place(file)
        if not place.is_file():
            self._fetch(file)
        _verify_file(file, place)
        return place

    def _fetch(self, file: File, *, replace: bool = False) -> None:
        """Put a file into its place: from the folder, from its zip, by package or by URL, in that order."""
        try:
            with self._turn(_carrier(file)) as scratch:
                if self.place(file).is_file() and not replace:
                    return  # another process fetched it while this one waited
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
                    archive = self.path(source.of)
                    package_files.extract_part(
                        archive, source.path, scratch / file.file, file.bytes or package_files.LIMIT
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
        """One download provides every file of this package that the cache does not have yet."""
        built = "; pip runs its build backend to read its name, nothing else of it" if package.kind == "sdist" else ""
        self._say(
            f"fetching {file.name} from the package {package.name} {package.version} "
            f"({package.bytes / 1e6:.0f} MB{built})"
        )
        release = package_files.from_package(package, scratch)
        for member in from_package_folder(package):
            if member.name == file.name or not self.place(member).is_file():
                assert isinstance(member.source, Member)
                package_files.extract_member(
                    release, member.source, scratch / member.file, member.bytes or package_files.LIMIT
                )
                self._settle(member, scratch / member.file)

    def _settle(self, file: File, scratch: Path) -> None:
        _verify_file(file, scratch)
        place = self.place(file)
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(scratch, place)

    @contextmanager
    def _turn(self, name: str) -> Iterator[Path]:
        """An empty scratch folder for one process at a time, removed afterwards."""
        incoming = self.root / "incoming"
        try:
            incoming.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise package_files.disk_error(error, self.root) from error
        with locked(incoming, f"fetching {name}", waiting=self._say, name=f"{name}.lock"):
            scratch = incoming / name
            shutil.rmtree(scratch, ignore_errors=True)  # left by a process that was killed
            try:
                scratch.mkdir()
                yield scratch
            finally:
                shutil.rmtree(scratch, ignore_errors=True)


@dataclass(frozen=True)
class CacheLocation:
    """Where a worker finds the pretrained networks: the attributes of a `Cache`, which itself is not picklable.

    Attributes:
        root, offline, folder: as `Cache` takes them.
    """

    root: Path
    offline: bool
    folder: Path | None

    @classmethod
    def of(cls, cache: Cache) -> "CacheLocation":
        """The location of a cache."""
        return cls(cache.root, cache.offline, cache.folder)

    def open(self) -> Cache:
        """The cache at this location."""
        return Cache(self.root, self.offline, self.folder)


def _verify_file(file: File, path: Path) -> None:
    """Hash a file; WeightsMismatch unless it is the one that the catalogue names."""
    actual = sha256(path)
    if not actual.startswith(file.sha256):
        raise WeightsMismatch(file.name, path, actual, file.sha256)


def from_package_folder(package: Package) -> list[File]:
    """Every network and clip that a package contains."""
    files: list[File] = [*NETS.values(), *CLIPS.values()]
    return [f for f in files if isinstance(f.source, Member) and f.source.package == package]


def _default_root() -> Path:
    """EVOKED_CACHE, else XDG_CACHE_HOME/evoked, else ~/.cache/evoked."""
    if folder := os.environ.get("EVOKED_CACHE"):
        return Path(folder).expanduser()
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "evoked"


def default_cache(*, offline: bool = False, say: Say = _to_log, progress: Progress = silent) -> Cache:
    """The cache that the environment names: EVOKED_CACHE, EVOKED_OFFLINE=1, EVOKED_WEIGHTS (a folder).

    Args:
        offline: do not download; EVOKED_OFFLINE has the same effect.
        say: called with one line before each download; stderr by default.
        progress: called with the bytes of a download by URL.

    Returns:
        The cache; nothing is created yet.
    """
    folder = os.environ.get("EVOKED_WEIGHTS")
    no_network = os.environ.get("EVOKED_OFFLINE", "").strip().lower() not in ("", "0", "false", "no")
    return Cache(
        _default_root(),
        offline or no_network,
        Path(folder).expanduser() if folder else None,
        say=say,
        progress=progress,
    )


def _carrier(file: File) -> str:
    if isinstance(file.source, Member):
        return f"{file.source.package.name}-{file.source.package.version}"
    return file.name


def _seal(target: Path) -> Path:
    return target.with_name(target.name + ".sha256")


def _sealed(target: Path) -> bool:
    """True if a converted file is present and unaltered."""
    seal = _seal(target)
    return target.is_file() and seal.is_file() and seal.read_text().strip() == sha256(target)
