"""The provenance of all results together, from the provenance inside each of them."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from safetensors import safe_open

from evoked.core.files import canonical, parse_json
from evoked.core.study_layout import StudyLayout
from evoked.core.tables import read_provenance
from evoked.reactions.expressions.recogniser import unreliable_expressions
from evoked.report.page_data import DamagedSpan, NetworkInfo, ProvenanceSummary

__all__ = ["ProvenanceReader", "licence"]

AddSentence = Callable[[str, str], None]
"""Called with the section of the page and a sentence about what is missing there."""


class ProvenanceReader:
    """Collects provenances; the same step with the same settings is listed once.

    Attributes:
        notes: of all results read so far.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._damage: dict[DamagedSpan, None] = {}
        self._unreliable: dict[str, str] = {}
        self._config: dict[str, list[str]] = {}
        self._versions: dict[str, set[str]] = {}
        self._networks: set[tuple[str, str]] = set()
        self._inputs: dict[str, dict[str, str]] = {}  # name → sha256 → the first result that names it

    def gather(self, layout: StudyLayout, add_sentence: AddSentence) -> ProvenanceSummary:
        """The provenance of all results of a study.

        Args:
            layout: paths of the study.
            add_sentence: gets what is missing or cannot be read.

        Returns:
            Settings, inputs and networks of the results, each once.
        """
        tables = [layout.labels, *_files(layout.annotations_folder, "*.parquet")]
        self._tables([*tables, *_files(layout.predictions_folder, "*.parquet")], add_sentence)
        jsons = [*_files(layout.alignments_folder, "*.json"), layout.model_json, layout.scores]
        for path in jsons:
            self._attempt(path, _json_provenance, add_sentence)
        for path in _files(layout.features_folder, "*.safetensors"):
            self._attempt(path, _tensor_provenance, add_sentence)
        return self._summary(add_sentence)

    def of_tables(self, paths: Iterable[Path], add_sentence: AddSentence) -> ProvenanceSummary:
        """The provenance of some tables.

        Args:
            paths: Parquet files.
            add_sentence: gets what is missing or cannot be read.

        Returns:
            Settings, inputs and networks of the tables, each once.
        """
        self._tables(paths, add_sentence)
        return self._summary(add_sentence)

    def _tables(self, paths: Iterable[Path], add_sentence: AddSentence) -> None:
        for path in paths:
            self._attempt(path, read_provenance, add_sentence)

    def _attempt(self, path: Path, read: Callable[[Path], dict[str, object] | None], add_sentence: AddSentence) -> None:
        if not path.is_file():
            return
        try:
            provenance = read(path)
        except Exception as error:
            # a damaged file of any format: pyarrow and safetensors have error classes of their own
            add_sentence("made", f"{path.name} has no readable provenance: {type(error).__name__}")
            return
        if provenance is None:
            add_sentence("made", f"{path.name} has no provenance.")
        else:
            self._add(provenance, path.name)

    def _add(self, provenance: Mapping[str, object], result: str) -> None:
        step, config = str(provenance.get("made_by", "?")), provenance.get("config") or {}
        if config and (text := canonical(config)) not in self._config.setdefault(step, []):
            self._config[step].append(text)
        if isinstance(config, Mapping):
            self._unreliable.update(unreliable_expressions(config))
        for name, number in _texts(provenance.get("versions")).items():
            self._versions.setdefault(name, set()).add(number)
        self._networks.update(_texts(provenance.get("nets")).items())
        for name, key in _texts(provenance.get("inputs")).items():
            self._inputs.setdefault(name, {}).setdefault(key, result)
        damage = provenance.get("damage")
        for entry in damage if isinstance(damage, list) else ():
            if isinstance(entry, Mapping):
                self._damage.setdefault(DamagedSpan.from_entry(entry))
        notes = provenance.get("notes")
        self.notes.extend(str(note) for note in (notes if isinstance(notes, list) else ()))

    def _summary(self, add_sentence: AddSentence) -> ProvenanceSummary:
        if not (self._config or self._versions or self._networks or self._inputs):
            add_sentence("made", "No result records its provenance.")
        config = {
            step if len(texts) == 1 else f"{step} ({number})": json.dumps(
                parse_json(text), indent=1, ensure_ascii=False
            )
            for step, texts in sorted(self._config.items())
            for number, text in enumerate(texts, start=1)
        }
        networks = tuple(NetworkInfo(name, key, licence(name)) for name, key in sorted(self._networks))
        versions = {name: ", ".join(sorted(numbers)) for name, numbers in sorted(self._versions.items())}
        notes, damage = tuple(dict.fromkeys(self.notes)), tuple(self._damage)
        unreliable = dict(sorted(self._unreliable.items()))
        return ProvenanceSummary(config, versions, networks, self._named_inputs(), notes, damage, unreliable)

    def _named_inputs(self) -> dict[str, str]:
        """Input → sha256; where results use one name for different files, the name of the result is added."""
        inputs = {}
        for name, files in sorted(self._inputs.items()):
            for key, result in files.items():
                inputs[name if len(files) == 1 else f"{name} of {result}"] = key
        return inputs


def licence(name: str) -> str:
    """The licence of a network according to the catalogue."""
    from evoked.weights.catalogue import NETS  # imported here: a page without networks needs no catalogue

    known = NETS.get(name)
    return known.licence if known else "not in the catalogue"


def _files(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern)) if folder.is_dir() else []


def _texts(value: object) -> dict[str, str]:
    return {str(k): str(v) for k, v in value.items()} if isinstance(value, Mapping) else {}


def _json_provenance(path: Path) -> dict[str, object] | None:
    body = parse_json(path.read_text(encoding="utf-8"))
    return body.get("provenance") if isinstance(body, dict) else None


def _tensor_provenance(path: Path) -> dict[str, object] | None:
    with safe_open(path, framework="numpy") as file:
        raw = (file.metadata() or {}).get("evoked")
    return parse_json(raw) if raw else None
