"""Provenance of a result: settings, versions, and digests of its inputs.

It is stored in every result file. It holds no timestamp and no path, so that the same work repeated
on another machine gives the same bytes.
"""

import platform
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from evoked.core.damage import FileDamage
from evoked.core.files import canonical

__all__ = ["Provenance", "unique_names", "versions"]

LIBRARIES = ("numpy", "av", "openvino", "opencv-python-headless", "pyarrow", "torch")


@dataclass(frozen=True)
class Provenance:
    """What produced a result.

    Attributes:
        made_by: the step, e.g. "annotate".
        config: its settings, JSON values only.
        inputs: name of each input (a file's name, never its path; see `unique_names`) → sha256.
        nets: name of each pretrained network → sha256 of its file.
        notes: what a reader must know, e.g. "staged: these people did not watch this video".
        damage: defects of the inputs, with the seconds that they affect; their texts are also in the notes.
    """

    made_by: str
    config: Mapping[str, object] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    nets: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    damage: tuple[FileDamage, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """Plain values, with the versions of this program and of the libraries that shape results."""
        return {
            "made_by": self.made_by,
            "config": dict(self.config),
            "inputs": dict(self.inputs),
            "nets": dict(self.nets),
            "notes": list(self.notes),
            "damage": [entry.as_dict() for entry in self.damage],
            "versions": versions(),
        }

    def as_json(self) -> str:
        """The same as one line of canonical JSON."""
        return canonical(self.as_dict())


def unique_names(digests: Mapping[Path, str]) -> dict[str, str]:
    """Digests of files by their names; files that share a name get parent folders until unique.

    A recording and its content may have the same file name, and so may clips of several people.
    """
    names = {path: path.name for path in digests}
    for length in range(2, max((len(path.parts) for path in digests), default=0) + 1):
        counts = Counter(names.values())
        duplicates = [path for path, name in names.items() if counts[name] > 1]
        if not duplicates:
            break
        names |= {path: "/".join(path.parts[-length:]) for path in duplicates}
    return {names[path]: digest for path, digest in digests.items()}


def versions() -> dict[str, str]:
    """Version of evoked, of Python and of each installed library that shapes results."""
    installed = {"evoked": _version("evoked") or "0", "python": platform.python_version()}
    for name in LIBRARIES:
        if number := _version(name):
            installed[name] = number
    return installed


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
