"""The result cache: finished results that were replaced or removed, until a run needs them again.

A wrong line in pairs.csv, or a setting that is tried and reverted, must not cost the hours of work behind the results
it replaced. So the results of a step are cached under their key before they are replaced or removed, and restored,
checked, when a run asks for that key again. Only `StepRecords` reads this cache.
"""

import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from evoked.core.errors import OutputError
from evoked.core.files import parse_json, sha256, write_text
from evoked.core.names import derived_name

__all__ = ["EACH", "RECORD", "WHOLE_STUDY", "ResultCache", "file_name"]

EACH = 2
"""How many results are cached for one step of one file: the one before, and one for a change tried in between."""
RECORD = "record.json"
SUFFIX = ".json"
WHOLE_STUDY = "all"
"""`file_name` of an item that is no file."""


class ResultCache:
    """Cached results in FOLDER/STEP/NAME/KEY/: a record, and the outputs, numbered in its order.

    An entry without a record is incomplete and counts as absent.

    Args:
        results: the results folder; records name outputs relative to it.
        folder: the cache; on the same file system as the results its files are hard links and take no space.
    """

    def __init__(self, results: Path, folder: Path) -> None:
        self._results = results
        self._folder = folder

    def put(self, step: str, name: str, key: str, outputs: Mapping[str, str], *, wanted: str = "") -> None:
        """Cache the current outputs of an item, which also stay in place; the oldest beyond EACH are evicted.

        Args:
            step: e.g. "annotate".
            name: file name, or "" for a step over the whole study.
            key: under which the outputs were computed.
            outputs: path below the results → sha256.
            wanted: a key whose entry is not evicted, however old.

        Raises:
            OutputError: if a file cannot be written.
        """
        entry = self._entries(step, name) / key[:16]
        if not (entry / RECORD).is_file():
            with _output_errors(entry):
                shutil.rmtree(entry, ignore_errors=True)  # incomplete: the run that wrote it was killed
                entry.mkdir(parents=True)
                for number, output in enumerate(outputs):
                    _link_or_copy(self._results / output, entry / str(number))
            write_text(entry / RECORD, json.dumps({"key": key, "outputs": dict(outputs)}))
        entries = sorted(self._entries(step, name).iterdir(), key=lambda e: (e.name == wanted[:16], _age(e / RECORD)))
        for old in entries[:-EACH]:
            shutil.rmtree(old, ignore_errors=True)

    def take(self, step: str, name: str, key: str) -> list[Path] | None:
        """Move what is cached under a key back among the results.

        Args:
            step, name: of the item.
            key: under which the outputs were computed.

        Returns:
            The outputs, or None where nothing complete is cached under this key.

        Raises:
            OutputError: if a file cannot be moved.
        """
        entry = self._entries(step, name) / key[:16]
        outputs = _complete(entry, key)
        for number, output in enumerate(outputs or ()):
            with _output_errors(self._results / output):
                (self._results / output).parent.mkdir(parents=True, exist_ok=True)
                os.replace(entry / str(number), self._results / output)
        shutil.rmtree(entry, ignore_errors=True)  # moved, or damaged
        return [self._results / output for output in outputs] if outputs else None

    def holds(self, step: str, name: str, key: str) -> bool:
        """Whether `take` would give outputs.

        Args:
            step, name: of the item.
            key: under which the outputs were computed.

        Returns:
            True where all outputs are in the cache, undamaged.
        """
        return _complete(self._entries(step, name) / key[:16], key) is not None

    def forget_others(self, step: str, names: Collection[str]) -> bool:
        """Delete what is cached of one step for all files but some.

        Args:
            step: e.g. "annotate".
            names: of the files whose results stay.

        Returns:
            Whether something was deleted.
        """
        kept, gone = {file_name(name) for name in names}, False
        with suppress(OSError):
            for entries in [p for p in (self._folder / step).iterdir() if p.name not in kept]:
                shutil.rmtree(entries, ignore_errors=True)
                gone = True
        return gone

    def _entries(self, step: str, name: str) -> Path:
        """The folder of an item's entries, one per key."""
        return self._folder / step / file_name(name)


def file_name(name: str) -> str:
    """An item's name as one component of a path; room is left for a suffix."""
    return derived_name(quote(name, safe=" "), SUFFIX).removesuffix(SUFFIX) or WHOLE_STUDY


def _complete(entry: Path, key: str) -> dict[str, str] | None:
    """Output → sha256 of an entry, if all of its files are there and unchanged."""
    try:
        record = parse_json((entry / RECORD).read_text(encoding="utf-8"))
        outputs: dict[str, str] = record["outputs"]
        same = record["key"] == key and all(sha256(entry / str(n)) == s for n, s in enumerate(outputs.values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return outputs if same else None


@contextmanager
def _output_errors(path: Path) -> Iterator[None]:
    """Turn an OSError into an OutputError that names the path."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}. Free some space or see who owns it") from error


def _age(record: Path) -> int:
    """Modification time in ns; 0 where there is no record."""
    return record.stat().st_mtime_ns if record.is_file() else 0


def _link_or_copy(source: Path, target: Path) -> None:
    """A hard link to a file, or a copy where the file system has no hard links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
