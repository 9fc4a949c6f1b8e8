"""A fuzzing campaign: one damaged file per case, read by one command, drawn by the seed."""

import json
import pickle
import shutil
from collections.abc import Iterable, Sequence
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np

from campaigns.limited import Limits, Outcome, load_everything, run_limited
from campaigns.mutations import Mutation, apply_mutation, draw_mutation
from campaigns.prepared import prepare
from campaigns.records import Records, code_digest, revision
from campaigns.sources import SOURCES, Source, render_sources
from campaigns.verbs import VERBS, Scene, verbs_for
from campaigns.verdict import NOTICEABLE, difference, ffmpeg_lines, told_by

__all__ = ["Campaign", "draw_case"]


def draw_case(
    seed: int, case: int, sizes: dict[tuple[str, str], tuple[int, int]], verbs: Sequence[str] | None = None
) -> tuple[str, str, Mutation]:
    """Draw a case; it depends on its numbers and on the sizes of the files only.

    Args:
        seed: of the campaign.
        case: number of the case.
        sizes: ("reaction" or "content", source) → bytes of its file and of the other in its format.
        verbs: those to draw from; None: all.

    Returns:
        Name of the source, name of the verb, and what is done to the file.
    """
    rng = np.random.default_rng([seed, case])
    name = str(rng.choice(list(SOURCES)))
    names, probabilities = verbs_for(name, verbs)
    verb = str(rng.choice(names, p=probabilities))
    return name, verb, draw_mutation(rng, *sizes["content" if VERBS[verb].is_content else "reaction", name])


class Campaign:
    """Runs cases, each in a forked child, and keeps what failed.

    Args:
        root: folder of all campaigns; sources and prepared files are shared there.
        seed: of this campaign.
        verbs: those to draw from; None: all.
        limits: of a case.
    """

    def __init__(self, root: Path, seed: int, verbs: Sequence[str] | None = None, limits: Limits | None = None) -> None:
        load_everything()
        self._limits, self._seed, self._verbs = limits or Limits(), seed, verbs
        self._revision, code = revision(), code_digest()[:12]
        self._sources = render_sources(root)
        self._whole = root / f"whole-{self._sources.folder.name}-{code}"
        needed = {part for verb in verbs or VERBS for part in VERBS[verb].needs}
        self._prepared = prepare(root / f"prepared-{self._sources.folder.name}-{code}", self._sources, needed)
        self._folder = root / f"seed-{seed}"
        self._work = self._folder / "work-0"
        self.records = Records(self._folder, "cases-0")
        self._sizes = {
            (role, name): (path.stat().st_size, source.other.stat().st_size)
            for name, source in self._sources.by_name.items()
            for role, path in (("reaction", source.path), ("content", source.content))
        }

    def in_process(self, process: int) -> "Campaign":
        """The same campaign for another process, which has its own records and its own working folder.

        Args:
            process: its number.

        Returns:
            A copy.
        """
        other = copy(self)
        other._work = self._folder / f"work-{process}"
        other.records = Records(self._folder, f"cases-{process}")
        return other

    def run(self, cases: Iterable[int]) -> None:
        """Run the cases that have no record yet, in order.

        Args:
            cases: their numbers.
        """
        done = {row["case"] for row in self.records.all()}
        for case in cases:
            if case not in done:
                self.records.add(self.run_case(case))

    def run_case(self, case: int) -> dict[str, Any]:
        """Run one case; a failure is kept in the folder `kept/CASE` of the campaign.

        Args:
            case: its number.

        Returns:
            Its record.
        """
        name, verb, mutation = draw_case(self._seed, case, self._sizes, self._verbs)
        source = self._sources.by_name[name]
        body = apply_mutation(_whole(verb, source).read_bytes(), source.other.read_bytes(), mutation)
        shutil.rmtree(self._work, ignore_errors=True)
        outcome = self._command(verb, source, body)
        whole = self._whole_result(verb, source)
        row: dict[str, Any] = {
            "case": case,
            "seed": self._seed,
            "revision": self._revision,
            "source": name,
            "verb": verb,
            "mutation": mutation.as_dict(),
            "code": outcome.code,
            "cpu_s": outcome.cpu_s,
            "peak_mb": outcome.peak_mb,
            "fault": outcome.fault,
        }
        if not outcome.fault:
            row |= self._judged(verb, source, outcome, whole)
        if row["fault"] or (row["differs"] and not row["told"]):
            self._keep(case, row)
        shutil.rmtree(self._work)
        return row

    def _judged(self, verb: str, source: Source, outcome: Outcome, whole: dict[str, Any]) -> dict[str, Any]:
        """Whether the result differs, what is told, and what ffmpeg says where nothing is."""
        told = told_by(outcome, VERBS[verb], self._work)
        new = {
            "stderr": sorted(told.stderr - whole["told"].stderr),
            "file": sorted(told.recorded - whole["told"].recorded),
        }
        result, unreadable = None, ""
        if outcome.code == whole["code"] or outcome.code == 0:
            try:
                result = VERBS[verb].result(self._work) if outcome.code == 0 else {}
            except Exception as error:  # whatever the command wrote cannot be read: that is the finding
                unreadable = f"{type(error).__name__}: {error}"
        apart = float("inf") if result is None else difference(whole["result"], result)
        row: dict[str, Any] = {
            "fault": "unreadable result" if unreadable else "",
            "unreadable": unreadable,
            "apart": apart if np.isfinite(apart) else "inf",
            "differs": outcome.code != whole["code"] or apart > NOTICEABLE,
            "told": bool(new["stderr"] or new["file"]),
            "lines": new["stderr"][:4],
            "recorded": bool(new["file"]),
        }
        if row["differs"] and not row["told"]:
            row["ffmpeg"] = ffmpeg_lines(next(self._work.glob("damaged.*")), _whole(verb, source))
        return row

    def _command(self, verb: str, source: Source, body: bytes) -> Outcome:
        """Run a verb on these bytes, in the working folder."""
        self._work.mkdir(parents=True)
        video = self._work / f"damaged{source.path.suffix}"
        video.write_bytes(body)
        words = VERBS[verb].words(Scene(self._work, video, self._sources, self._prepared))
        return run_limited(words, self._work, self._limits, video if VERBS[verb].live else None)

    def _whole_result(self, verb: str, source: Source) -> dict[str, Any]:
        """Result and lines of a verb on the whole file; computed once, in a folder that all campaigns share."""
        path = self._whole / f"{verb} {source.name}.pickle"
        if not path.is_file():
            damaged = self._work.with_name(f"{self._work.name}-damaged")
            shutil.rmtree(damaged, ignore_errors=True)
            self._work.rename(damaged)
            outcome = self._command(verb, source, _whole(verb, source).read_bytes())
            if outcome.fault:
                raise RuntimeError(f"{verb} of the whole file {source.name}: {outcome.fault}\n{outcome.err}")
            result = VERBS[verb].result(self._work) if outcome.code == 0 else {}
            whole = {"code": outcome.code, "result": result, "told": told_by(outcome, VERBS[verb], self._work)}
            self._whole.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(f".{self._work.name}")
            part.write_bytes(pickle.dumps(whole))
            part.replace(path)
            shutil.rmtree(self._work)
            damaged.rename(self._work)
        whole = pickle.loads(path.read_bytes())
        assert isinstance(whole, dict)
        return whole

    def _keep(self, case: int, row: dict[str, Any]) -> None:
        kept = self._folder / "kept" / str(case)
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(parents=True)
        (kept / "case.json").write_text(json.dumps(row, indent=1, ensure_ascii=False))
        for path in (*self._work.glob("damaged.*"), self._work / "out.txt", self._work / "err.txt"):
            shutil.copy(path, kept)


def _whole(verb: str, source: Source) -> Path:
    """The whole file that a verb reads."""
    return source.content if VERBS[verb].is_content else source.path
