"""What was done already, by what key: the reason why a second run does nothing.

Each item (one step for one file) has a record of its own, written after its outputs are in place. A record holds the
key of everything the item depends on: digests of inputs, settings, networks, and the version of the code that made it;
and these parts themselves, so that a dry run can say what changed. The same key and untouched outputs: kept. Anything
else: done again. "A file exists" is never taken for "it is done". What is about to be replaced is cached under its key
(result_cache.py). A pair that does not fit has a record too, with the reason: searching for an hour's content where it
is not takes minutes, and would give the same.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from evoked.core.files import canonical, digest, sha256, write_text
from evoked.study.result_cache import ResultCache, file_name

__all__ = ["KINDS", "State", "StepKey", "StepOutcome", "StepRecords"]

State = Literal["done", "kept", "failed", "left out"]


@dataclass(frozen=True)
class StepOutcome:
    """How one step ended for one file.

    Attributes:
        step: e.g. "annotate".
        name: file name, or "" for a step over the whole study.
        state: done now, kept from before, failed, or left out: the study does not have what it needs, no failure.
        reason: why it failed or was left out, one line; of a done item what was wrong with its file, mostly nothing.
    """

    step: str
    name: str
    state: State
    reason: str = ""


class StepKey(str):
    """A key that knows what it was made of.

    Attributes:
        parts: name → plain values: digests of inputs, settings, networks, the code version.
    """

    parts: Mapping[str, object]


class StepRecords:
    """Records below a study's results.

    Args:
        results: the folder that outputs are named against; records go to its `state` folder.
        read_only: whether nothing may be written, not even digests that are remembered.
    """

    def __init__(self, results: Path, *, read_only: bool = False) -> None:
        self._results = results
        self._read_only = read_only
        self._state = results / "state"
        self._parked = ResultCache(results, self._state / "parked")
        self._digests = self._state / "digests.json"
        self._known: dict[str, Any] = _load(self._digests)

    def key(self, **parts: object) -> StepKey:
        """One key from plain values; equal values give equal keys."""
        key = StepKey(digest(parts))
        key.parts = parts
        return key

    def content_digest(self, path: Path) -> str:
        """sha256 of a file, remembered as long as its size and time of change stay the same."""
        stat = path.stat()
        stamp = [stat.st_size, stat.st_mtime_ns]
        known = self._known.get(str(path.resolve()))
        if known and known[:2] == stamp:
            return str(known[2])
        found = sha256(path)
        self._known[str(path.resolve())] = [*stamp, found]
        if not self._read_only:
            write_text(self._digests, canonical(self._known))
        return found

    def is_kept(self, step: str, name: str, key: str) -> bool:
        """True where the item was done under this key and its outputs are still what it wrote."""
        record = _load(self._record(step, name))
        if record.get("key") != key:
            return False
        return self._untouched(record.get("outputs"))

    def recall(self, step: str, name: str, key: str) -> bool:
        """Restore this item's result under this key from the archive, if it is there; the current one is archived."""
        self.archive(step, name, wanted=key)
        outputs = self._parked.take(step, name, key)
        if outputs is None:
            return False
        self.write(step, name, key, outputs)
        return True

    def can_recall(self, step: str, name: str, key: str) -> bool:
        """Whether `recall` would find what this item once came to under this key."""
        return self._parked.holds(step, name, key)

    def changes(self, step: str, name: str, key: StepKey) -> tuple[str, ...]:
        """Why an item is not kept under a key, one line for each difference from its record."""
        record = _load(self._record(step, name))
        if not record:
            return ("never done",)
        if record.get("key") == key:
            return ("its output was changed or is gone",) if "outputs" in record else ("it failed before",)
        before = record.get("parts")
        if not isinstance(before, dict):
            return ("unknown: the record does not say what its key was made of",)
        return tuple(_differences(_flat(before), _flat(json.loads(canonical(dict(key.parts))))))

    def archive(self, step: str, name: str, *, wanted: str = "") -> None:
        """Archive an item's current outputs, before they are replaced or taken away.

        What nobody recorded, or somebody changed since, is not: no run could ask for it again.

        Args:
            wanted: the key that will be asked for next: of what is archived, this one stays.

        Raises:
            OutputError: if it cannot be written.
        """
        record = _load(self._record(step, name))
        outputs = record.get("outputs")
        if outputs and self._untouched(outputs):
            self._parked.put(step, name, str(record["key"]), outputs, wanted=wanted)

    def forget_gone(self, there: Mapping[str, Collection[str]], whole: Collection[str], gone: bool) -> None:
        """Delete what is archived of files that are gone: what was learnt from a person's face goes with the recording.

        Args:
            there: step → names of the files that it could be done for today.
            whole: steps over the whole study, which hold something of every file.
            gone: whether a file is gone of which nothing was archived.
        """
        for step, names in there.items():
            for name in [n for n in self._parked.names(step) if n not in names]:
                self._parked.forget(step, name)
                gone = True
        for step in whole if gone else ():
            self._parked.forget(step, "")

    def write(self, step: str, name: str, key: str, outputs: Sequence[Path]) -> None:
        """Record that an item was done; its outputs must be in place."""
        sums = {str(o.relative_to(self._results)): self.content_digest(o) for o in outputs}
        write_text(self._record(step, name), canonical({"key": key, "outputs": sums, **_parts(key)}))

    def refuse(self, step: str, name: str, key: str, reason: str) -> None:
        """Record what was found instead of a result, one line; OutputError if it cannot be written."""
        there = str(self._results.resolve())  # the reason may name files by their places
        write_text(
            self._record(step, name), canonical({"key": key, "refused": reason, "results": there, **_parts(key)})
        )

    def refusal(self, step: str, name: str, key: str) -> str:
        """What was found under this key instead of a result; "" where nothing was, or the study stood elsewhere."""
        record = _load(self._record(step, name))
        same = record.get("key") == key and record.get("results") == str(self._results.resolve())
        return str(record.get("refused", "")) if same else ""

    def write_items(self, items: Sequence[StepOutcome]) -> None:
        """Write how the whole run ended to state/items.json, for the report and for people."""
        rows = [{"kind": i.step, "step": i.step, "name": i.name, "state": i.state, "reason": i.reason} for i in items]
        write_text(self._state / "items.json", json.dumps(rows, indent=1, ensure_ascii=False) + "\n")

    def _untouched(self, outputs: Any) -> bool:
        """Whether every output is unchanged since it was recorded."""
        if not isinstance(outputs, dict):
            return False
        places = {self._results / output: sha for output, sha in outputs.items()}
        return all(path.is_file() and self.content_digest(path) == sha for path, sha in places.items())

    def _record(self, step: str, name: str) -> Path:
        return self._state / step / f"{file_name(name)}.json"


def _parts(key: str) -> dict[str, object]:
    return {"parts": dict(key.parts)} if isinstance(key, StepKey) else {}


def _flat(value: object, path: str = "") -> dict[str, object]:
    """Every leaf of nested objects, by the names that lead to it."""
    if not isinstance(value, dict):
        return {path: value}
    return {k: v for name, own in value.items() for k, v in _flat(own, f"{path}/{name}".lstrip("/")).items()}


def _differences(before: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    """What changed, in words; digests are not shown."""
    lines = []
    for path in sorted({*before, *now}):
        old, new = before.get(path), now.get(path)
        kind, _, name = path.partition("/")
        if old == new:
            continue
        if kind == "code":
            lines.append(f"code version {old} -> {new}")
        elif kind in ("settings", "config"):
            lines.append(f"setting {name.replace('/', '.')}: {old} -> {new}")
        else:
            how = "is new" if path not in before else "is gone" if path not in now else "changed"
            lines.append(f"{KINDS.get(kind, kind)} {name.removeprefix('contents/')} {how}".replace("  ", " "))
    return list(dict.fromkeys(lines))


KINDS = {"of": "input", "inputs": "input", "source": "input", "parts": "input", "nets": "network", "map": "offset map"}
"""Part of a key → what people call it."""


def _load(path: Path) -> dict[str, Any]:
    """A JSON object, or an empty one where there is none or it is damaged: then the work is done again."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
