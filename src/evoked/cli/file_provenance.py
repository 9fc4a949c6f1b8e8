"""What made a file: read from the provenance in it, whatever its format."""

import re
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import unescape

from evoked.core.files import digest, parse_json
from evoked.core.names import derived_name
from evoked.core.tables import read_provenance

__all__ = ["Origin", "read_origin"]


class Origin(NamedTuple):
    """What made a file.

    Attributes:
        made_by: the command or step.
        inputs: name → sha256.
    """

    made_by: str
    inputs: Mapping[str, str]


def read_origin(path: Path) -> Origin | None:
    """What made a file; None if it does not say, or is no file of evoked's."""
    try:
        recorded = READERS[path.suffix.lower()](path)
    except Exception:  # a file of any content: pyarrow, safetensors, PyAV and onnx have error classes of their own
        return None
    if not isinstance(recorded, Mapping) or not isinstance(recorded.get("made_by"), str):
        return None
    inputs = recorded.get("inputs")
    return Origin(
        recorded["made_by"], {str(k): str(v) for k, v in inputs.items()} if isinstance(inputs, Mapping) else {}
    )


def _csv(path: Path) -> object:
    """The provenance beside a table, which is written after it: a table that is newer was edited."""
    beside = path.with_name(derived_name(path.name, ".provenance.json"))
    return read_provenance(path) if path.stat().st_mtime_ns <= beside.stat().st_mtime_ns else None


def _tensors(path: Path) -> object:
    from evoked.features.files import read_features_provenance

    return read_features_provenance(path)


def _subtitles(path: Path) -> object:
    lines = path.read_text(encoding="utf-8").splitlines()
    return parse_json(next(after for line, after in pairwise(lines) if line.startswith("NOTE evoked")))


def _elan(path: Path) -> object:
    (note,) = re.findall(r'<PROPERTY NAME="evoked provenance">(.*?)</PROPERTY>', path.read_text(encoding="utf-8"), re.S)
    return parse_json(unescape(note))


def _page(path: Path) -> object:
    notes = re.findall(r"<!-- evoked (\{.*\}) -->", path.read_text(encoding="utf-8")[-(1 << 20) :])
    return parse_json(notes[-1])


def _picture(path: Path) -> object:
    (note,) = re.findall(rb"evoked:([A-Za-z0-9_=-]+)", path.read_bytes())
    return parse_json(urlsafe_b64decode(note).decode())


def _video(path: Path) -> object:
    from evoked.media.write import read_comment

    return parse_json(read_comment(path))


def _graph(path: Path) -> object:
    from evoked.prediction.onnx_export import read_metadata

    return {"made_by": "export", "inputs": {"model": digest(parse_json(read_metadata(path)))}}


READERS: Mapping[str, Callable[[Path], object]] = {
    **dict.fromkeys((".parquet", ".json"), read_provenance),
    ".csv": _csv,
    ".safetensors": _tensors,
    ".vtt": _subtitles,
    ".eaf": _elan,
    **dict.fromkeys((".html", ".htm", ".svg"), _page),
    **dict.fromkeys((".png", ".pdf"), _picture),
    **dict.fromkeys((".mp4", ".mov", ".mkv"), _video),
    ".onnx": _graph,
}
