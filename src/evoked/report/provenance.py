"""What made the results: the provenance that travels inside each of them, brought together."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from safetensors import safe_open

from evoked.core.files import canonical
from evoked.core.study_layout import StudyLayout
from evoked.core.tables import read_provenance
from evoked.report.page_data import NetInfo, ProvenanceSummary

__all__ = ["ProvenanceReader", "licence"]

Tell = Callable[[str, str], None]


class ProvenanceReader:
    """Gathers provenances; the same step with the same settings is listed once."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._config: dict[str, list[str]] = {}
        self._versions: dict[str, set[str]] = {}
        self._nets: set[tuple[str, str]] = set()
        self._inputs: dict[str, dict[str, str]] = {}  # name → sha256 → the first result that names it

    def gather(self, layout: StudyLayout, tell: Tell) -> ProvenanceSummary:
        """Everything that results tell of their making."""
        tables = [layout.labels, *_files(layout.annotations_folder, "*.parquet")]
        self._tables([*tables, *_files(layout.predictions_folder, "*.parquet")], tell)
        jsons = [*_files(layout.alignments_folder, "*.json"), layout.model_json, layout.scores]
        for path in jsons:
            self._attempt(path, _json_provenance, tell)
        for path in _files(layout.features_folder, "*.safetensors"):
            self._attempt(path, _tensor_provenance, tell)
        return self._made(tell)

    def of_tables(self, paths: Iterable[Path], tell: Tell) -> ProvenanceSummary:
        """What these tables tell of their making."""
        self._tables(paths, tell)
        return self._made(tell)

    def _tables(self, paths: Iterable[Path], tell: Tell) -> None:
        for path in paths:
            self._attempt(path, read_provenance, tell)

    def _attempt(self, path: Path, read: Callable[[Path], dict[str, Any] | None], tell: Tell) -> None:
        if not path.is_file():
            return
        try:
            found = read(path)
        except Exception as error:
            # a damaged file of any format: pyarrow and safetensors have error classes of their own
            tell("made", f"{path.name} has no readable provenance: {type(error).__name__}")
            return
        if found is None:
            tell("made", f"{path.name} has no provenance.")
        else:
            self._add(found, path.name)

    def _add(self, found: Mapping[str, Any], result: str) -> None:
        step, config = str(found.get("made_by", "?")), found.get("config") or {}
        if config and (text := canonical(config)) not in self._config.setdefault(step, []):
            self._config[step].append(text)
        for name, number in _texts(found.get("versions")).items():
            self._versions.setdefault(name, set()).add(number)
        self._nets.update(_texts(found.get("nets")).items())
        for name, key in _texts(found.get("inputs")).items():
            self._inputs.setdefault(name, {}).setdefault(key, result)
        self.notes.extend(str(note) for note in found.get("notes") or ())

    def _made(self, tell: Tell) -> ProvenanceSummary:
        if not (self._config or self._versions or self._nets or self._inputs):
            tell("made", "No result records its provenance.")
        config = {
            step if len(texts) == 1 else f"{step} ({number})": json.dumps(
                json.loads(text), indent=1, ensure_ascii=False
            )
            for step, texts in sorted(self._config.items())
            for number, text in enumerate(texts, start=1)
        }
        nets = tuple(NetInfo(name, key, licence(name)) for name, key in sorted(self._nets))
        versions = {name: ", ".join(sorted(numbers)) for name, numbers in sorted(self._versions.items())}
        return ProvenanceSummary(config, versions, nets, self._named_inputs(), tuple(dict.fromkeys(self.notes)))

    def _named_inputs(self) -> dict[str, str]:
        """Input → sha256; a name that several results give to different files, a role, says whose it is."""
        found = {}
        for name, files in sorted(self._inputs.items()):
            for key, result in files.items():
                found[name if len(files) == 1 else f"{name} of {result}"] = key
        return found


def licence(name: str) -> str:
    """The licence of a net by the catalogue; a net that is not in it says so."""
    from evoked.weights.catalogue import NETS  # here: a page without nets needs no catalogue

    known = NETS.get(name)
    return known.licence if known else "not in the catalogue"


def _files(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern)) if folder.is_dir() else []


def _texts(value: object) -> dict[str, str]:
    return {str(k): str(v) for k, v in value.items()} if isinstance(value, Mapping) else {}


def _json_provenance(path: Path) -> dict[str, Any] | None:
    body = json.loads(path.read_text(encoding="utf-8"))
    return body.get("provenance") if isinstance(body, dict) else None


def _tensor_provenance(path: Path) -> dict[str, Any] | None:
    with safe_open(path, framework="numpy") as file:
        raw = (file.metadata() or {}).get("evoked")
    return json.loads(raw) if raw else None
