"""Finished results that are not current, archived until they are current again.

A line of pairs.csv that is wrong for one run, or a setting that is tried and taken back, must not cost the hours
that went into what was there before. So what a step made is archived under its key before it is replaced or taken
away, and comes back, checked, when a run asks for that key again. No room looks here: only a run takes from it.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote, unquote

from evoked.core.errors import OutputError
from evoked.core.files import sha256, write_text

__all__ = ["EACH", "RECORD", "ResultCache", "file_name"]

EACH = 2
"""How many results are archived for one step of one file: what came before, and a change tried in between."""
RECORD = "record.json"


class ResultCache:
    """PARKED/STEP/NAME/KEY/: a record, and the outputs it names by their numbers. Without a record it is not whole.

    Args:
        results: the folder that outputs are named against.
        folder: the archive; on one disk with the results, they take no room while both are there.
    """

    def __init__(self, results: Path, folder: Path) -> None:
        self._results = results
        self._folder = folder

    def put(self, step: str, name: str, key: str, outputs: Mapping[str, str], *, wanted: str = "") -> None:
        """Put by what stands in place; it stays in place, too. The oldest goes where there are more than EACH.

        Args:
            outputs: path below the results → sha256.
            wanted: a key that stays, however old.

        Raises:
            OutputError: if it cannot be written.
        """
        home = self._home(step, name) / key[:16]
        if not (home / RECORD).is_file():
            with _telling(home):
                shutil.rmtree(home, ignore_errors=True)  # of a run that was killed while it did this
                home.mkdir(parents=True)
                for number, output in enumerate(outputs):
                    _twin(self._results / output, home / str(number))
            write_text(home / RECORD, json.dumps({"key": key, "outputs": dict(outputs)}))
        homes = sorted(self._home(step, name).iterdir(), key=lambda h: (h.name == wanted[:16], _age(h / RECORD)))
        for old in homes[:-EACH]:
            shutil.rmtree(old, ignore_errors=True)

    def take(self, step: str, name: str, key: str) -> list[Path] | None:
        """Move what was archived under a key back into its place.

        Returns:
            The outputs, or None where there is nothing whole under this key.

        Raises:
            OutputError: if it cannot be moved.
        """
        home = self._home(step, name) / key[:16]
        outputs = _whole(home, key)
        for number, output in enumerate(outputs or ()):
            with _telling(self._results / output):
                (self._results / output).parent.mkdir(parents=True, exist_ok=True)
                os.replace(home / str(number), self._results / output)
        shutil.rmtree(home, ignore_errors=True)  # it is in its place, or was damaged
        return [self._results / output for output in outputs] if outputs else None

    def holds(self, step: str, name: str, key: str) -> bool:
        """Whether `take` would find something whole under this key."""
        return _whole(self._home(step, name) / key[:16], key) is not None

    def names(self, step: str) -> Iterator[str]:
        """Files of which a step's results are archived."""
        with suppress(OSError):
            yield from (unquote(p.name) for p in (self._folder / step).iterdir())

    def forget(self, step: str, name: str) -> None:
        """Delete what is archived for one step of one file."""
        shutil.rmtree(self._home(step, name), ignore_errors=True)

    def _home(self, step: str, name: str) -> Path:
        return self._folder / step / file_name(name)


def file_name(name: str) -> str:
    """An item's name as one part of a path."""
    return quote(name, safe=" ") or "all"


def _whole(home: Path, key: str) -> dict[str, str] | None:
    """Output → sha256 of what was archived there, if all of it is as it was."""
    try:
        record = json.loads((home / RECORD).read_text(encoding="utf-8"))
        outputs: dict[str, str] = record["outputs"]
        same = record["key"] == key and all(sha256(home / str(n)) == s for n, s in enumerate(outputs.values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return outputs if same else None


@contextmanager
def _telling(place: Path) -> Iterator[None]:
    """OutputError for what the disk refuses."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write {place}: {error.strerror}. Free some space or see who owns it") from error


def _age(record: Path) -> int:
    return record.stat().st_mtime_ns if record.is_file() else 0


def _twin(source: Path, target: Path) -> None:
    """A second name for a file, or a copy where the disk knows no second names."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
