"""A staged study on disk: contents, reactions, truth, credits. What is finished is kept.

FOLDER/.sample/made.json     what this folder is: size and seed
FOLDER/.sample/levels.json   the film's loudness, so that a second call need not decode the film
FOLDER/.sample/NAME.json     a finished file: the key of its plan and its sha256
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from textwrap import wrap

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import OutputError, StudyError
from evoked.core.files import digest, sha256, write_text
from evoked.core.progress import Progress, silent
from evoked.media.decode import read_audio
from evoked.parallel.pool import Failed, Pool, SerialPool
from evoked.parallel.processes import ProcessPool
from evoked.sample.ground_truth import STAGED, truth_of, write_truth
from evoked.sample.label_rule import smile_levels
from evoked.sample.plan import SIZES, PlannedContent, PlannedReaction, SamplePlan, SampleSize, make_plan
from evoked.sample.render import write_content, write_reaction
from evoked.sample.soundtrack import HZ, Sound
from evoked.sample.source_clips import FILM, VIEWERS
from evoked.weights.cache import Cache
from evoked.weights.clips import clip

__all__ = ["MadeFile", "RenderJob", "claim_folder", "make_sample"]

MAKER = 1  # raise it when the same plan gives other files
CONTENT_COST = 0.5  # seconds of content against seconds of reaction, in time taken


@dataclass(frozen=True)
class MadeFile:
    """Result: the plan, and the names of the files that were made now and that existed."""

    plan: SamplePlan
    made: tuple[str, ...]
    kept: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class RenderJob:
    """One file to make: where, and the key of its plan."""

    path: Path
    key: str


@dataclass(frozen=True, eq=False)
class _ContentJob(RenderJob):
    content: PlannedContent
    film: Path
    heard: Sound

    def make(self) -> None:
        write_content(self.film, self.content, self.heard, self.path)


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
    """Make a study whose answer is known, or go on with one that was begun.

    Args:
        folder: new, empty, or begun by this function with the same size and seed.
        size: a name of SIZES, or a size of one's own.
        seed: seed of the random generator.
        cache: where the real media come from.
        progress: counts seconds of video, of their total.
        workers: processes; as many as there are cores if not given.

    Returns:
        What was made. The same size and seed give the same truth.

    Raises:
        StudyError: if the folder holds something else.
        OutputError: if it cannot be written.
        WeightsError: if the real media cannot be had.
        ValueError: if there is no such size.
    """
    if isinstance(size, str) and size not in SIZES:
        raise ValueError(f"no size {size!r}; there are: {', '.join(SIZES)}")
    called, wanted = (size, SIZES[size]) if isinstance(size, str) else ("custom", size)
    claim_folder(folder, called, seed)
    _clear(folder)
    film = cache.clip(FILM)
    clips = {name: cache.clip(VIEWERS[name].clip) for cast in wanted.casts for name in cast}
    level_db, heard = _levels(folder, film)
    plan = make_plan(level_db, wanted, seed, called=called)
    _write_papers(folder, plan)
    pool = _pool(workers or os.cpu_count() or 1)
    tell = _Tally(plan, progress)
    places = [(c, *_place(folder, c)) for c in plan.contents]
    if heard is None and not all(_finished(RenderJob(path, key)) for _, path, key in places):
        heard = read_audio(film, HZ)
    contents = [_ContentJob(path, key, c, film, _part(heard, c)) for c, path, key in places]
    del heard
    made = list(_work(pool, contents, tell))
    reactions = [
        _ReactionJob(*_place(folder, r, plan), r, folder / "contents" / r.content, clips[r.viewer])
        for r in plan.reactions
    ]
    made += _work(pool, reactions, tell)
    names = [job.path.name for job in (*contents, *reactions)]
    return MadeFile(plan, tuple(n for n in names if n in made), tuple(n for n in names if n not in made))


def claim_folder(folder: Path, size: str, seed: int) -> None:
    """Take a folder for a sample, or find that it is one already.

    Raises:
        StudyError: if it is a file, holds something else, or a sample of another size or seed.
        OutputError: if it cannot be made.
    """
    if folder.exists() and not folder.is_dir():
        raise StudyError(f"{folder} is a file, not a folder: name a new folder for the sample")
    marker = folder / ".sample" / "made.json"
    own = {"maker": MAKER, "size": size, "seed": seed}
    if marker.is_file():
        try:
            found = json.loads(marker.read_text(encoding="utf-8"))
        except ValueError as error:
            raise StudyError(f"{marker} cannot be read: {error}. Remove {folder} and make the sample again") from error
        if found != own:
            raise StudyError(
                f"{folder} holds a sample of size {found.get('size')} with seed {found.get('seed')} (maker "
                f"{found.get('maker')}), not of size {size} with seed {seed}: choose another folder or remove this one"
            )
        return
    try:
        others = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise OutputError(f"cannot look into {folder}: {error.strerror}. Choose another folder") from error
    if others:
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        raise StudyError(
            f"{folder} is not empty ({', '.join(others[:3])}{more}) and was not made by evoked sample: "
            "name a new or an empty folder"
        )
    write_text(marker, json.dumps(own) + "\n")


def _clear(folder: Path) -> None:
    """Remove the half-written files of a process that was killed: they end in .mp4 and would pass for videos."""
    for part in (*folder.glob("contents/.*.part.mp4"), *folder.glob("reactions/.*.part.mp4")):
        part.unlink()


def _work(pool: Pool, jobs: Sequence["_ContentJob | _ReactionJob"], tell: "_Tally") -> Iterator[str]:
    """Make what is not finished, several at a time; the names of what was made. The first error stops the rest."""
    todo = []
    for job in jobs:
        if _finished(job):
            tell.done(job.path.name)
        else:
            todo.append(job)
    for outcome in pool.run(_make, todo):
        if isinstance(outcome, Failed):
            raise outcome.error
        tell.done(outcome.item.path.name)
        yield outcome.item.path.name


def _make(job: "_ContentJob | _ReactionJob") -> None:
    job.make()
    _seal(job)


def _pool(workers: int) -> Pool:
    return SerialPool() if workers == 1 else ProcessPool(workers)


class _Tally:
    """Counts seconds of video as files are finished."""

    def __init__(self, plan: SamplePlan, progress: Progress) -> None:
        self._progress = progress
        self._cost = {c.name: c.seconds * CONTENT_COST for c in plan.contents}
        self._cost |= {r.name: r.duration_ms / 1000 for r in plan.reactions}
        self._sum = 0.0
        progress(0, sum(self._cost.values()), "")

    def done(self, name: str) -> None:
        self._sum += self._cost[name]
        self._progress(self._sum, sum(self._cost.values()), name)


def _place(folder: Path, planned: PlannedContent | PlannedReaction, plan: SamplePlan | None = None) -> tuple[Path, str]:
    """Where a planned file goes, and the key of all that shapes it."""
    if isinstance(planned, PlannedContent):
        return folder / "contents" / planned.name, digest([MAKER, asdict(planned), clip(FILM).sha256])
    assert plan is not None
    viewer = VIEWERS[planned.viewer]
    below = _place(folder, plan.content(planned.content))[1]
    key = digest([MAKER, asdict(planned), asdict(viewer), clip(viewer.clip).sha256, below])
    return folder / "reactions" / planned.name, key


def _levels(folder: Path, film: Path) -> tuple[NDArray[np.float64], Sound | None]:
    """The film's loudness, second by second, and its whole sound where that had to be decoded to know."""
    path, key = folder / ".sample" / "levels.json", [MAKER, HZ, clip(FILM).sha256]
    if path.is_file():
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["key"] == key:
            return np.array(kept["level_db"]), None
    heard = read_audio(film, HZ)
    level_db = smile_levels(heard, HZ)
    write_text(path, json.dumps({"key": key, "level_db": level_db.tolist()}) + "\n")
    return level_db, heard


def _part(heard: Sound | None, content: PlannedContent) -> Sound:
    """A content's own sound, as a copy, so that the whole film's can be let go; empty where none is needed."""
    if heard is None:
        return np.zeros(0, dtype=np.float32)
    return heard[content.film_start_s * HZ : (content.film_start_s + content.seconds) * HZ].copy()


def _note(job: RenderJob) -> Path:
    return job.path.parent.parent / ".sample" / f"{job.path.name}.json"


def _finished(job: RenderJob) -> bool:
    """Whether the file is there, made by this very plan, and unaltered since."""
    note = _note(job)
    if not job.path.is_file() or not note.is_file():
        return False
    try:
        found = json.loads(note.read_text(encoding="utf-8"))
    except ValueError:
        return False  # the note is made again with its file
    return bool(found == {"key": job.key, "sha256": sha256(job.path)})


def _seal(job: RenderJob) -> None:
    write_text(_note(job), json.dumps({"key": job.key, "sha256": sha256(job.path)}) + "\n")


def _write_papers(folder: Path, plan: SamplePlan) -> None:
    """truth.json, study.toml and README.txt, and the empty folders."""
    names = [FILM, *dict.fromkeys(VIEWERS[r.viewer].clip for r in plan.reactions)]
    sources = [
        {"name": c.name, "what": c.what, "sha256": c.sha256, "licence": c.licence, "credit": c.credit}
        for c in map(clip, names)
    ]
    write_truth(folder / "truth.json", truth_of(plan, sources))
    toml = folder / "study.toml"
    if not toml.is_file():  # a user's own settings are kept
        write_text(toml, f'name = "Sample ({plan.size})"\nnote = "{STAGED}"\nstaged = true\n')
    write_text(folder / "README.txt", _readme(plan, sources))


def _readme(plan: SamplePlan, sources: list[dict[str, str]]) -> str:
    rule = (
        f"{len(plan.contents)} stretches of a film, and {len(plan.reactions)} recordings put together from that film "
        "and real people's clips that have nothing to do with it. The viewers smile by a planted rule: where the film "
        f"was loud ({plan.threshold_db:.1f} dB or more) in the last {plan.rule.memory_s} seconds. truth.json holds the "
        "rule and the answer for every second; docs/sample.md of the project explains it."
    )
    lines = [f"A sample study, {STAGED}.", "", *wrap(rule, 100), ""]
    lines += ["Sources, fetched by package name, not part of the project:"]
    for source in sources:
        lines.append(f"- {source['name']}: {source['what']}. {source['credit']}. Licence: {source['licence']}.")
    lines += [
        "",
        "The stretches of the film are re-encoded. Do not pass the viewers' clips on beyond their own terms.",
        "",
    ]
    return "\n".join(lines)
