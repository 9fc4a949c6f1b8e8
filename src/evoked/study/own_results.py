"""Which files among a study's results evoked wrote; the user's are set aside, never overwritten or deleted."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from evoked.core.errors import OutputError
from evoked.core.files import canonical, parse_json, sha256, write_text
from evoked.study.result_cache import file_name

__all__ = ["SET_ASIDE", "OwnResults"]

SET_ASIDE = "set_aside"
"""Folder below the results: N/ and the path that the file had there."""
MARKS_OF_ORIGIN = {".json", ".parquet", ".safetensors"}
"""Formats whose files hold their provenance as plain bytes."""


class OwnResults:
    """Knows the outputs of a study's steps by their records.

    An output is evoked's own where a record holds its sha256. A run that is killed between a file and its record
    leaves a mark of what it was about to write.

    Args:
        results: the results folder.
        state: the folder of the records, STEP/NAME.json in it.
    """

    def __init__(self, results: Path, state: Path) -> None:
        self._results, self._state = results, state

    def begin(self, step: str, name: str, outputs: Sequence[Path]) -> list[tuple[Path, Path]]:
        """Set aside what stands in the place of an item's outputs and is not evoked's; mark the item as begun.

        Args:
            step, name: of the item.
            outputs: its files, below the results folder.

        Returns:
            Where each file was and where it is now.

        Raises:
            OutputError: if a file cannot be moved or written.
        """
        moved = [
            (path, self.set_aside(path)) for path in outputs if path.is_file() and not self.holds(step, path, name)
        ]
        write_text(self._mark(step, name), canonical({self._below(path): None for path in outputs}))
        return moved

    def end(self, step: str, name: str, outputs: Sequence[Path] = ()) -> None:
        """An item ended: take its mark away.

        Args:
            step, name: of the item.
            outputs: of an item that failed: those that were written before stay marked.
        """
        written = [path for path in outputs if path.is_file() and not self._recorded(step, path, name)]
        if written:
            write_text(self._mark(step, name), canonical({self._below(path): sha256(path) for path in written}))
        else:
            self._mark(step, name).unlink(missing_ok=True)

    def holds(self, step: str, path: Path, name: str | None = None) -> bool:
        """Whether evoked wrote a file as it is now.

        Args:
            step: that writes such files.
            path: of the file, below the results folder.
            name: of the item that it is probably of, whose record is looked at first.

        Returns:
            True if a record holds its sha256, or an item was interrupted while it wrote the file.
        """
        return self._recorded(step, path, name) or self._began(step, path)

    def set_aside(self, path: Path) -> Path:
        """Move a file to the folder of those set aside.

        Args:
            path: of the file, below the results folder.

        Returns:
            Where it is now.

        Raises:
            OutputError: if it cannot be moved.
        """
        number = 1
        while (target := self._results / SET_ASIDE / str(number) / path.relative_to(self._results)).exists():
            number += 1
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
        except OSError as error:
            raise OutputError(f"cannot move {path} to {target}: {error.strerror}. Move it out of the way") from error
        return target

    def _recorded(self, step: str, path: Path, name: str | None = None) -> bool:
        below, digest = self._below(path), ""
        first = [self._state / step / f"{file_name(name)}.json"] if name is not None else []
        for record in self._read([*first, *sorted((self._state / step).glob("*.json"))]):
            outputs = record.get("outputs") if isinstance(record, dict) else None
            if isinstance(outputs, dict) and below in outputs:
                digest = digest or sha256(path)
                if outputs[below] == digest:
                    return True
        return False

    def _began(self, step: str, path: Path) -> bool:
        below = self._below(path)
        for mark in self._read(sorted((self._state / "began" / step).glob("*.json"))):
            if not isinstance(mark, dict) or below not in mark:
                continue
            if mark[below] is None and (path.suffix not in MARKS_OF_ORIGIN or b"made_by" in path.read_bytes()):
                return True
            if mark[below] is not None and mark[below] == sha256(path):
                return True
        return False

    def _read(self, paths: Iterable[Path]) -> Iterator[object]:
        for path in paths:
            try:
                yield parse_json(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue

    def _mark(self, step: str, name: str) -> Path:
        return self._state / "began" / step / f"{file_name(name)}.json"

    def _below(self, path: Path) -> str:
        return str(path.relative_to(self._results))
