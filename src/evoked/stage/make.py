"""A staged study on disk: contents, reactions, truth, credits. What is finished is kept.

FOLDER/.sample/made.json     what this folder is: size and seed
FOLDER/.sample/NAME.json     a finished file: the key of its plan and its sha256
"""

import json
import os
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from textwrap import wrap

from evoked.core.errors import OutputError, StudyError
from evoked.core.files import digest, sha256, write_text
from evoked.core.progress import Progress, silent
from evoked.media.play import sound
from evoked.stage.compose import write_content, write_reaction
from evoked.stage.footage import FILM, VIEWERS
from evoked.stage.plan import SIZES, Content, Plan, Reaction, Size, make_plan
from evoked.stage.rule import levels
from evoked.stage.sounds import HZ
from evoked.stage.truth import STAGED, truth_of, write_truth
from evoked.weights.cache import Cache
from evoked.weights.clips import clip

MAKER = 1  # raise it when the same plan gives other files
CONTENT_COST = 0.5  # seconds of content against seconds of reaction, in time taken


@dataclass(frozen=True)
class Made:
    """What came of it: the plan, and the names of the files that were made now and that were there."""

    plan: Plan
    made: tuple[str, ...]
    kept: tuple[str, ...]


@dataclass(frozen=True)
class Job:
    """One file to make: where, the key of its plan, how long it is."""

    path: Path
    key: str
    seconds: float


def make_sample(
    folder: Path,
    size: str | Size = "small",
    seed: int = 0,
    *,
    cache: Cache,
    progress: Progress = silent,
    workers: int | None = None,
) -> Made:
    """Make a study whose answer is known, or go on with one that was begun.

    Args:
        folder: new, empty, or begun by this function with the same size and seed.
        size: a name of SIZES, or a size of one's own.
        seed: everything drawn by lot follows from it.
        cache: where the real media come from.
        progress: told seconds of video, and how many there are.
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
    claim(folder, called, seed)
    film = cache.clip(FILM)
    clips = {name: cache.clip(VIEWERS[name].clip) for cast in wanted.casts for name in cast}
    heard = sound(film, HZ)
    plan = make_plan(levels(heard, HZ), wanted, seed, called=called)
    _write_papers(folder, plan)
    tell = _Tally(plan, progress)
    made: list[str] = []
    for content in plan.contents:
        job = _content_job(folder, content)
        if not _finished(job):
            write_content(film, content, heard, job.path)
            _seal(job)
            made.append(job.path.name)
        tell.done(job.path.name)
    del heard
    jobs = [(_reaction_job(folder, plan, reaction), reaction) for reaction in plan.reactions]
    todo = [(job, reaction) for job, reaction in jobs if not _finished(job)]
    for job, _ in jobs:
        if job not in [j for j, _ in todo]:
            tell.done(job.path.name)
    for job in _stage(folder, todo, clips, workers or os.cpu_count() or 1):
        made.append(job.path.name)
        tell.done(job.path.name)
    names = [c.name for c in plan.contents] + [r.name for r in plan.reactions]
    return Made(plan, tuple(made), tuple(n for n in names if n not in made))


def claim(folder: Path, size: str, seed: int) -> None:
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


def _stage(folder: Path, todo: list[tuple[Job, Reaction]], clips: dict[str, Path], workers: int) -> Iterator[Job]:
    """Make reactions, several at a time; each is handed out when it is whole. An error stops the rest."""
    if not todo:
        return
    if workers == 1 or len(todo) == 1:
        for job, reaction in todo:
            _one(folder, reaction, clips[reaction.viewer], job)
            yield job
        return
    with ProcessPoolExecutor(min(workers, len(todo)), mp_context=get_context("spawn")) as pool:
        waiting: dict[Future[None], Job] = {
            pool.submit(_one, folder, reaction, clips[reaction.viewer], job): job for job, reaction in todo
        }
        try:
            for future in as_completed(waiting):
                future.result()
                yield waiting[future]
        finally:
            for future in waiting:
                future.cancel()


def _one(folder: Path, reaction: Reaction, clip_path: Path, job: Job) -> None:
    write_reaction(folder / "contents" / reaction.content, clip_path, VIEWERS[reaction.viewer], reaction, job.path)
    _seal(job)


class _Tally:
    """Counts seconds of video as files are finished."""

    def __init__(self, plan: Plan, progress: Progress) -> None:
        self._progress = progress
        self._cost = {c.name: c.seconds * CONTENT_COST for c in plan.contents}
        self._cost |= {r.name: r.duration_ms / 1000 for r in plan.reactions}
        self._sum = 0.0
        progress(0, sum(self._cost.values()), "")

    def done(self, name: str) -> None:
        self._sum += self._cost[name]
        self._progress(self._sum, sum(self._cost.values()), name)


def _content_job(folder: Path, content: Content) -> Job:
    key = digest([MAKER, asdict(content), clip(FILM).sha256])
    return Job(folder / "contents" / content.name, key, content.seconds)


def _reaction_job(folder: Path, plan: Plan, reaction: Reaction) -> Job:
    viewer = VIEWERS[reaction.viewer]
    below = _content_job(folder, plan.content(reaction.content)).key
    key = digest([MAKER, asdict(reaction), asdict(viewer), clip(viewer.clip).sha256, below])
    return Job(folder / "reactions" / reaction.name, key, reaction.duration_ms / 1000)


def _note(job: Job) -> Path:
    return job.path.parent.parent / ".sample" / f"{job.path.name}.json"


def _finished(job: Job) -> bool:
    """Whether the file is there, made by this very plan, and unaltered since."""
    note = _note(job)
    if not job.path.is_file() or not note.is_file():
        return False
    try:
        found = json.loads(note.read_text(encoding="utf-8"))
    except ValueError:
        return False  # the note is made again with its file
    return bool(found == {"key": job.key, "sha256": sha256(job.path)})


def _seal(job: Job) -> None:
    write_text(_note(job), json.dumps({"key": job.key, "sha256": sha256(job.path)}) + "\n")


def _write_papers(folder: Path, plan: Plan) -> None:
    """truth.json, study.toml and README.txt, and the empty folders."""
    names = [FILM, *dict.fromkeys(VIEWERS[r.viewer].clip for r in plan.reactions)]
    sources = [
        {"name": c.name, "what": c.what, "sha256": c.sha256, "licence": c.licence, "credit": c.credit}
        for c in map(clip, names)
    ]
    write_truth(folder / "truth.json", truth_of(plan, sources))
    toml = folder / "study.toml"
    if not toml.is_file():  # a user's own settings are kept
        write_text(toml, f"# {STAGED}\nstaged = true\n")
    write_text(folder / "README.txt", _readme(plan, sources))


def _readme(plan: Plan, sources: list[dict[str, str]]) -> str:
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
