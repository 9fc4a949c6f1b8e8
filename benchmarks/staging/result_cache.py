"""What was measured of each take, kept in a file of its own: a run that was cut off goes on from there.

    FOLDER/NAME.json    key, then the figures

A file counts only under the key it was written with: whoever measures puts into it all that the figures
depend on, the code included.
"""

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from evoked.core.files import write_text
from staging.measure import Figures

PAIRED = ("film", "viewers", "ticks", "labels")  # fields that are tuples, which JSON does not know


def read_kept(folder: Path, name: str, key: str) -> Figures | None:
    """The figures of a take; None where there are none, under another key, or they cannot be read."""
    try:
        held: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        values: dict[str, Any] = held["figures"]
        if held["key"] != key or set(values) != {f.name for f in fields(Figures)}:
            return None
        values |= {k: tuple(values[k]) for k in PAIRED}
        return Figures(**values)
    except (OSError, ValueError, KeyError, TypeError):
        return None  # half of a file, or one of another version: measured again


def write_kept(folder: Path, key: str, figures: Figures) -> None:
    """Keep the figures of a take; OutputError if they cannot be written."""
    text = json.dumps({"key": key, "figures": asdict(figures)}, allow_nan=False)
    write_text(folder / f"{figures.name}.json", text + "\n")
