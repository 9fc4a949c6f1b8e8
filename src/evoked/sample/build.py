"""Write a staged study to disk: contents, reactions, ground truth, credits. Finished files are reused.

FOLDER/.sample/made.json     size and seed of the sample in this folder
FOLDER/.sample/levels.json   loudness of the source video, so that a second call need not decode it
FOLDER/.sample/NAME.json     a finished file: the key of its plan and its sha256
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from textwrap import wrap
from typing import NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import OutputError, StudyError
from evoked.core.files import digest, parse_json, sha256, write_text
from evoked.core.locks import locked
from evoked.core.progress import Progress, silent
from evoked.media.decode import read_audio
from evoked.parallel.pool import Failed, Pool, SerialPool
from evoked.parallel.processes import ProcessPool
from evoked.sample.ground_truth import STAGED, truth_of, write_truth
from evoked.sample.label_rule import smile_levels
from evoked.sample.plan import SIZES, PlannedContent, PlannedReaction, SamplePlan, SampleSize, make_plan
from evoked.sample.render import write_content, write_reaction
from evoked.sample.soundtrack import HZ, Sound
from evoked.sample.source_clips import SOURCE_VIDEO, VIEWERS
from evoked.weights.cache import Cache
from evoked.weights.clips import clip

__all__ = ["MadeFile", "RenderJob", "claim_folder", "make_sample"]

MAKER = 1  # increase it when the same plan gives other files
CONTENT_COST = 0.5  # time to render a second of content, relative to a second of reaction


@dataclass(frozen=True)
class MadeFile:
    """The result of make_sample.

    Attributes:
        plan: what the study holds.
        made: names of the files that were rendered now.
        kept: names of the files that were finished before.
    """

    plan: SamplePlan
    made: tuple[str, ...]
    kept: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class RenderJob:
    """A file to render.

    Attributes:
        path: the file.
        key: digest of everything that shapes it.
    """

    path: Path
    key: str


@dataclass(frozen=True, eq=False)
class _ContentJob(RenderJob):
    content: PlannedContent
    source_video: Path
    audio: Sound

    def make(self) -> None:
        write_content(self.source_video, self.content, self.audio, self.path)


@dataclass(frozen=True, eq=False)
class _ReactionJob(RenderJob):
    reaction: PlannedReaction
    content: Path
    clip: Path

    def make(self) -> None:
        write_reaction(self.content, self.clip, VIEWERS[self.reaction.viewer], self.reaction, self.path)


def make_sample(
    folder: Path,
    size: str | SampleSize = "small",
    seed: int = 0,
    *,
    cache: Cache,
    progress: Progress = silent,
    workers: int | None = None,
) -> MadeFile:
    """Make a study with a known ground truth, or continue an interrupted one.

    Args:
        folder: new, empty, or started by this function with the same size and seed.
        size: a name of SIZES, or a custom size.
        seed: seed of the random generator.
        cache: provides the real media.
        progress: called with the seconds of video done and their total.
        workers: number of processes; by default the number of cores.

    Returns:
        The plan and the names of the files. The same size and seed give the same ground truth.

    Raises:
        StudyError: if the folder holds something else.
        BusyError: if another process works in the folder.
        OutputError: if it cannot be written.
        WeightsError: if the real media are not available.
        ValueError: if there is no such size.
    """
    if isinstance(size, str) and size not in SIZES:
        raise ValueError(f"no size {size!r}; there are: {', '.join(SIZES)}")
    size_name, size_spec = (size, SIZES[size]) if isinstance(size, str) else ("custom", size)
    claim_folder(folder, size_name, seed)
    with locked(folder, "evoked sample"):
        return _make_sample(folder, (size_name, size_spec, seed), cache, progress, workers)


def _make_sample(
    folder: Path, recipe: tuple[str, SampleSize, int], cache: Cache, progress: Progress, workers: int | None
) -> MadeFile:
    size_name, size_spec, seed = recipe
    _remove_partial_files(folder)
    source_video = cache.clip(SOURCE_VIDEO)
    clips = {name: cache.clip(VIEWERS[name].clip) for cast in size_spec.casts for name in cast}
    level_db, audio = _levels(folder, source_video)
    plan = make_plan(level_db, size_spec, seed, size_name=size_name)
    _write_documents(folder, plan)
    pool = _pool(workers or os.cpu_count() or 1)
    tally = _Tally(plan, progress)
    targets = [(c, _target(folder, c)) for c in plan.contents]
    if audio is None and not all(_finished(RenderJob(*target)) for _, target in targets):
        audio = read_audio(source_video, HZ)
    contents = [_ContentJob(*target, c, source_video, _audio_of(audio, c)) for c, target in targets]
    del audio
    rendered = list(_render(pool, contents, tally))
    reactions = [
        _ReactionJob(*_target(folder, r, plan), r, folder / "contents" / r.content, clips[r.viewer])
        for r in plan.reactions
    ]
    rendered += _render(pool, reactions, tally)
    names = [job.path.name for job in (*contents, *reactions)]
    return MadeFile(plan, tuple(n for n in names if n in rendered), tuple(n for n in names if n not in rendered))


def claim_folder(folder: Path, size: str, seed: int) -> None:
    """Mark a folder as a sample, or check that it is one already.

    Args:
        folder: the study folder; created where it does not exist.
        size: name of the size.
        seed: seed of the random generator.

    Raises:
        StudyError: if it is a file, holds something else, or a sample of another size or seed.
        OutputError: if it cannot be created.
    """
    if folder.exists() and not folder.is_dir():
        raise StudyError(f"{folder} is a file, not a folder: name a new folder for the sample")
    marker = folder / ".sample" / "made.json"
    identity = {"maker": MAKER, "size": size, "seed": seed}
    if marker.is_file():
        try:
            recorded = parse_json(marker.read_text(encoding="utf-8"))
        except ValueError as error:
            raise StudyError(f"{marker} cannot be read: {error}. Remove {folder} and make the sample again") from error
        if recorded != identity:
            raise StudyError(
                f"{folder} holds a sample of size {recorded.get('size')} with seed {recorded.get('seed')} (maker "
                f"{recorded.get('maker')}), not of size {size} with seed {seed}: choose another folder or "
                "remove this one"
            )
        return
    try:
        names = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise OutputError(f"cannot look into {folder}: {error.strerror}. Choose another folder") from error
    if names:
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        raise StudyError(
            f"{folder} is not empty ({', '.join(names[:3])}{more}) and was not made by evoked sample: "
            "name a new or an empty folder"
        )
    write_text(marker, json.dumps(identity) + "\n")


def _remove_partial_files(folder: Path) -> None:
    """Remove the partial files of a process that was killed: they end in .mp4 and would count as videos."""
    for path in (*folder.glob("contents/.*.part.mp4"), *folder.glob("reactions/.*.part.mp4")):
        path.unlink()


def _render(pool: Pool, jobs: Sequence["_ContentJob | _ReactionJob"], tally: "_Tally") -> Iterator[str]:
    """Render the files that are not finished, several at a time; yields their names. The first error stops it."""
    pending = []
    for job in jobs:
        if _finished(job):
            tally.done(job.path.name)
        else:
            pending.append(job)
    for outcome in pool.run(_make, pending):
        if isinstance(outcome, Failed):
            raise outcome.error
        tally.done(outcome.item.path.name)
        yield outcome.item.path.name


def _make(job: "_ContentJob | _ReactionJob") -> None:
    job.make()
    _record_finished(job)


def _pool(workers: int) -> Pool:
    return SerialPool() if workers == 1 else ProcessPool(workers)


class _Tally:
    """Counts seconds of video as files are finished."""

    def __init__(self, plan: SamplePlan, progress: Progress) -> None:
        self._progress = progress
        self._cost = {c.name: c.seconds * CONTENT_COST for c in plan.contents}
        self._cost |= {r.name: r.duration_ms / 1000 for r in plan.reactions}
        self._done_s = 0.0
        progress(0, sum(self._cost.values()), "")

    def done(self, name: str) -> None:
        self._done_s += self._cost[name]
        self._progress(self._done_s, sum(self._cost.values()), name)


class _Target(NamedTuple):
    """Where a planned file goes, and the key of everything that shapes it."""

    path: Path
    key: str


def _target(folder: Path, planned: PlannedContent | PlannedReaction, plan: SamplePlan | None = None) -> _Target:
    if isinstance(planned, PlannedContent):
        content_key = digest([MAKER, asdict(planned), clip(SOURCE_VIDEO).sha256])
        return _Target(folder / "contents" / planned.name, content_key)
    assert plan is not None
    viewer = VIEWERS[planned.viewer]
    content_key = _target(folder, plan.content(planned.content)).key
    key = digest([MAKER, asdict(planned), asdict(viewer), clip(viewer.clip).sha256, content_key])
    return _Target(folder / "reactions" / planned.name, key)


def _levels(folder: Path, source_video: Path) -> tuple[NDArray[np.float64], Sound | None]:
    """Loudness of each second of the source video, and its audio where that had to be decoded."""
    path, key = folder / ".sample" / "levels.json", [MAKER, HZ, clip(SOURCE_VIDEO).sha256]
    if path.is_file():
        cached = parse_json(path.read_text(encoding="utf-8"))
        if cached["key"] == key:
            return np.array(cached["level_db"]), None
    audio = read_audio(source_video, HZ)
    level_db = smile_levels(audio, HZ)
    write_text(path, json.dumps({"key": key, "level_db": level_db.tolist()}) + "\n")
    return level_db, audio


def _audio_of(audio: Sound | None, content: PlannedContent) -> Sound:
    """A content's audio, as a copy, so that the source video's can be freed; empty where none is needed."""
    if audio is None:
        return np.zeros(0, dtype=np.float32)
    return audio[content.source_start_s * HZ : (content.source_start_s + content.seconds) * HZ].copy()


def _record_path(job: RenderJob) -> Path:
    return job.path.parent.parent / ".sample" / f"{job.path.name}.json"


def _finished(job: RenderJob) -> bool:
    """Whether the file exists, was made by the same plan, and is unaltered since."""
    record = _record_path(job)
    if not job.path.is_file() or not record.is_file():
        return False
    try:
        recorded = parse_json(record.read_text(encoding="utf-8"))
    except ValueError:
        return False  # the record is written again with its file
    return bool(recorded == {"key": job.key, "sha256": sha256(job.path)})


def _record_finished(job: RenderJob) -> None:
    write_text(_record_path(job), json.dumps({"key": job.key, "sha256": sha256(job.path)}) + "\n")


def _write_documents(folder: Path, plan: SamplePlan) -> None:
    """Write truth.json, study.toml and README.txt."""
    names = [SOURCE_VIDEO, *dict.fromkeys(VIEWERS[r.viewer].clip for r in plan.reactions)]
    sources: list[_Source] = [
        {"name": c.name, "what": c.what, "sha256": c.sha256, "licence": c.licence, "credit": c.credit}
        for c in map(clip, names)
    ]
    write_truth(folder / "truth.json", truth_of(plan, sources))
    toml = folder / "study.toml"
    if not toml.is_file():  # the user's settings are kept
        write_text(toml, f'name = "Sample ({plan.size})"\nnote = "{STAGED}"\nstaged = true\n')
    write_text(folder / "README.txt", _readme(plan, sources))


class _Source(TypedDict):
    """One real clip, as truth.json and README.txt credit it."""

    name: str
    what: str
    sha256: str
    licence: str
    credit: str


def _readme(plan: SamplePlan, sources: Sequence[_Source]) -> str:
    introduction = (
        f"{len(plan.contents)} segments of a video, and {len(plan.reactions)} recordings composed of that video "
        "and real people's clips that are unrelated to it. The viewers smile by a planted rule: where the video "
        f"was loud ({plan.threshold_db:.1f} dB or more) in the last {plan.rule.memory_s} seconds. truth.json holds the "
        "rule and the label of every second; docs/sample.md of the project explains it."
    )
    lines = [f"A sample study, {STAGED}.", "", *wrap(introduction, 100), ""]
    lines += ["Sources, fetched by package name, not part of the project:"]
    for source in sources:
        lines.append(f"- {source['name']}: {source['what']}. {source['credit']}. Licence: {source['licence']}.")
    lines += [
        "",
        "The segments of the video are re-encoded. Do not redistribute the viewers' clips beyond their own terms.",
        "",
    ]
    return "\n".join(lines)
