"""Records of finished cases on disk, so that the same command goes on where it ended."""

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["Records", "revision", "wilson"]

ROOT = Path(__file__).parents[2]


class Records:
    """One JSON line per finished case, of all processes of a campaign.

    Args:
        folder: of the campaign; made if it is not there.
        name: of this process's file in it.
    """

    def __init__(self, folder: Path, name: str = "cases") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._path = folder, folder / f"{name}.jsonl"

    def all(self) -> list[dict[str, Any]]:
        """The records of every process, by case; a line that a killed process did not finish is left out."""
        rows: dict[int, dict[str, Any]] = {}
        for path in sorted(self._folder.glob("*.jsonl")):
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    row = json.loads(line)
                except ValueError:
                    continue
                rows[row["case"]] = row
        return [rows[case] for case in sorted(rows)]

    def add(self, row: Mapping[str, object]) -> None:
        """Add a record; it is on the disk when this returns.

        Args:
            row: JSON values; `case` is its number.
        """
        with self._path.open("a", encoding="utf-8") as file:
            if file.tell() and not self._ends_a_line():
                file.write("\n")
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _ends_a_line(self) -> bool:
        with self._path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read() == b"\n"


def revision() -> str:
    """The revision of the program: git's, and a digest of the sources where they are not as committed."""
    try:
        commit = _git("rev-parse", "--short", "HEAD")
        if not _git("status", "--porcelain", "--", "src"):
            return commit
    except (OSError, subprocess.CalledProcessError):
        commit = "export"
    return f"{commit}+{code_digest()[:6]}"


def code_digest() -> str:
    """SHA-256 of the program's sources."""
    whole = hashlib.sha256()
    for path in sorted((ROOT / "src").rglob("*.py")):
        whole.update(path.read_bytes())
    return whole.hexdigest()


def _git(*words: str) -> str:
    return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True).stdout.strip()


def wilson(successes: int, total: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share.

    Args:
        successes: of `total`.
        total: number of trials.

    Returns:
        Lower and upper end; 0 and 1 where there are no trials.
    """
    if total == 0:
        return 0.0, 1.0
    z = 1.959964
    share = successes / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * (share * (1 - share) / total + z * z / (4 * total * total)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)
