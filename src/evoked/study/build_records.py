"""Build records: which steps of a study are done, and under which key. A second run does only what has changed.

Each item (one step for one file) has its own record, written after its outputs are in place. A record holds the key
of everything the item depends on: digests of inputs, settings, pretrained networks, and the version of the code that
computed it; and these parts themselves, so that a dry run can report what changed. An item with the same key and
unchanged outputs is kept, any other is computed again: that a file exists never counts as done. Results that are
about to be replaced are cached under their key (result_cache.py). A reaction that does not match its content has a
record too, with the reason: searching an hour of content takes minutes and would give the same.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

from evoked.core.errors import OutputError
from evoked.core.files import canonical, digest, parse_json, sha256, write_text
from evoked.core.step_outcome import StepOutcome, write_outcomes
from evoked.study.own_results import OwnResults
from evoked.study.result_cache import WHOLE_STUDY, ResultCache, file_name

__all__ = ["KINDS", "MissingOutputError", "StepKey", "StepRecords"]


class MissingOutputError(OutputError):
    """A step ended without an error, but one of its outputs does not exist."""


class StepKey(str):
    """A key, together with the values it was computed from.

    Attributes:
        parts: name → plain values: digests of inputs, settings, networks, the code version.
    """

    parts: Mapping[str, object]


class StepRecords:
    """The records of a study, in the `state` folder below its results.

    Args:
        results: the results folder; records name outputs relative to it.
        read_only: write nothing, not even cached digests.

    Attributes:
        own: which of the results evoked wrote.
    """

    def __init__(self, results: Path, *, read_only: bool = False) -> None:
        self._results = results
        self._read_only = read_only
        self._state = results / "state"
        self.own = OwnResults(results, self._state)
        self._cache = ResultCache(results, self._state / "parked")
        self._digests_json = self._state / "digests.json"
        self._digests: dict[str, object] = _load(self._digests_json)

    def key(self, **parts: object) -> StepKey:
        """One key from plain values; equal values give equal keys."""
        key = StepKey(digest(parts))
        key.parts = parts
        return key

    def content_digest(self, path: Path) -> str:
        """The sha256 of a file, cached as long as its size and modification time stay the same."""
        stat = path.stat()
        stamp = [stat.st_size, stat.st_mtime_ns]
        cached = self._digests.get(str(path.resolve()))
        if isinstance(cached, list) and cached[:2] == stamp:
            return str(cached[2])
        computed = sha256(path)
        self._digests[str(path.resolve())] = [*stamp, computed]
        if not self._read_only:
            with suppress(OutputError):  # on a disk that cannot be written it is computed again by the next run
                write_text(self._digests_json, canonical(self._digests))
        return computed

    def is_kept(self, step: str, name: str, key: str) -> bool:
        """Whether the item was done under this key and its outputs have not changed since.

        Args:
            step: e.g. "annotate".
            name: file name, or "" for a step over the whole study.
            key: from `key`.

        Returns:
            True where nothing has to be done.
        """
        record = _load(self._record(step, name))
        if record.get("key") != key:
            return False
        return self._unchanged(record.get("outputs"))

    def recall(self, step: str, name: str, key: str) -> bool:
        """Restore an item's result under a key from the cache, where it is cached; the current one is cached.

        Args:
            step, name: of the item.
            key: from `key`.

        Returns:
            Whether the result was cached and its outputs are in place now.

        Raises:
            OutputError: if a file cannot be written.
        """
        self.archive(step, name, wanted=key)
        outputs = self._cache.take(step, name, key)
        if outputs is None:
            return False
        self.write(step, name, key, outputs)
        return True

    def can_recall(self, step: str, name: str, key: str) -> bool:
        """Whether `recall` would restore a result.

        Args:
            step, name: of the item.
            key: from `key`.

        Returns:
            True where the outputs are in the cache.
        """
        return self._cache.holds(step, name, key)

    def changes(self, step: str, name: str, key: StepKey) -> tuple[str, ...]:
        """Why an item is not kept under a key.

        Args:
            step, name: of the item.
            key: from `key`.

        Returns:
            One line for each difference between the key and the item's record.
        """
        record = _load(self._record(step, name))
        if not record:
            return ("never done",)
        if record.get("key") == key:
            return ("its output was changed or is gone",) if "outputs" in record else ("it failed before",)
        before = record.get("parts")
        if not isinstance(before, dict):
            return ("unknown: the record does not say what its key was made of",)
        return tuple(_differences(_flat(before), _flat(json.loads(canonical(dict(key.parts))))))

    def is_recorded(self, step: str, name: str) -> bool:
        """Whether an earlier run ended an item, under whichever key.

        Args:
            step, name: of the item.

        Returns:
            True where it has a record.
        """
        return self._record(step, name).is_file()

    def archive(self, step: str, name: str, *, wanted: str = "") -> None:
        """Cache an item's current outputs before they are replaced or removed.

        Outputs that have no record, or were changed since, are not cached: no run could ask for them again.

        Args:
            step, name: of the item.
            wanted: the key that will be asked for next; what is cached under it is not evicted.

        Raises:
            OutputError: if a file cannot be written.
        """
        record = _load(self._record(step, name))
        outputs = record.get("outputs")
        if isinstance(outputs, dict) and outputs and self._unchanged(outputs):
            self._cache.put(step, name, str(record["key"]), outputs, wanted=wanted)

    def names(self, step: str) -> list[str]:
        """Names of the files that have a record of a step; not the record of a step over the whole study."""
        stems = sorted(path.stem for path in (self._state / step).glob("*.json"))
        return [unquote(stem) for stem in stems if stem != WHOLE_STUDY]

    def forget_gone(self, present: Mapping[str, Collection[str]], study_steps: Collection[str], gone: bool) -> None:
        """Delete cached results of files that are gone: data derived from a face is deleted with its recording.

        Args:
            present: step → names of the files that are in the study today.
            study_steps: steps whose results contain something of every file.
            gone: whether a file is gone of which nothing was cached.
        """
        for step, names in present.items():
            gone = self._cache.forget_others(step, names) or gone
        for step in study_steps if gone else ():
            self._cache.forget_others(step, ())

    def write(self, step: str, name: str, key: str, outputs: Sequence[Path]) -> None:
        """Record that an item was done.

        Args:
            step, name: of the item.
            key: from `key`.
            outputs: its files, in place, below the results folder.

        Raises:
            MissingOutputError: if an output does not exist.
            OutputError: if the record cannot be written.
        """
        for output in outputs:
            if not output.is_file():
                raise MissingOutputError(
                    f"{step} ended, but {output} does not exist. Run it again and leave the results alone meanwhile; "
                    "if it fails again, report it as a bug"
                )
        sums = {str(o.relative_to(self._results)): self.content_digest(o) for o in outputs}
        write_text(self._record(step, name), canonical({"key": key, "outputs": sums, **_parts(key)}))

    def refuse(self, step: str, name: str, key: str, reason: str) -> None:
        """Record that an item failed for a reason that depends only on its key.

        Args:
            step, name: of the item.
            key: from `key`.
            reason: one line.

        Raises:
            OutputError: if the record cannot be written.
        """
        results = str(self._results.resolve())  # the reason may contain paths
        write_text(
            self._record(step, name), canonical({"key": key, "refused": reason, "results": results, **_parts(key)})
        )

    def refusal(self, step: str, name: str, key: str) -> str:
        """The reason that `refuse` recorded under a key.

        Args:
            step, name: of the item.
            key: from `key`.

        Returns:
            The reason; "" where there is none, or the study folder was moved since.
        """
        record = _load(self._record(step, name))
        same = record.get("key") == key and record.get("results") == str(self._results.resolve())
        return str(record.get("refused", "")) if same else ""

    def write_items(self, items: Sequence[StepOutcome]) -> None:
        """Write how every item of the run ended to state/items.json, for the report and for people."""
        write_outcomes(self._state / "items.json", items)

    def _unchanged(self, outputs: object) -> bool:
        """Whether every output is as it was recorded."""
        if not isinstance(outputs, dict):
            return False
        recorded = {self._results / output: sha for output, sha in outputs.items()}
        return all(path.is_file() and self.content_digest(path) == sha for path, sha in recorded.items())

    def _record(self, step: str, name: str) -> Path:
        return self._state / step / f"{file_name(name)}.json"


def _parts(key: str) -> dict[str, object]:
    return {"parts": dict(key.parts)} if isinstance(key, StepKey) else {}


def _flat(value: object, path: str = "") -> dict[str, object]:
    """Every leaf of nested objects, under the names that lead to it, joined by "/"."""
    if not isinstance(value, dict):
        return {path: value}
    return {k: v for name, leaf in value.items() for k, v in _flat(leaf, f"{path}/{name}".lstrip("/")).items()}


def _differences(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    """What changed, in words; digests are not shown."""
    lines = []
    for path in sorted({*before, *after}):
        old, new = before.get(path), after.get(path)
        group, _, name = path.partition("/")
        if old == new:
            continue
        if group == "code":
            lines.append(f"code version {old} -> {new}")
        elif group in ("settings", "config"):
            lines.append(f"setting {name.replace('/', '.')}: {old} -> {new}")
        else:
            how = "is new" if path not in before else "is gone" if path not in after else "changed"
            lines.append(f"{KINDS.get(group, group)} {name.removeprefix('contents/')} {how}".replace("  ", " "))
    return list(dict.fromkeys(lines))


KINDS = {"of": "input", "inputs": "input", "source": "input", "parts": "input", "nets": "network", "map": "offset map"}
"""Part of a key → its name in messages."""


def _load(path: Path) -> dict[str, object]:
    """A JSON object; empty where there is no such file or it is damaged: the work is then done again."""
    try:
        body = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return body if isinstance(body, dict) else {}
