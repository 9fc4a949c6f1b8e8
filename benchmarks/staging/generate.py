"""Make the recordings of a grid: contents, takes, and grid.json with all that is known of them.

    from staging.generate import shoot
    folder = shoot(Path("grid"), "small", seed=0, cache=default_cache())   # some three minutes on two cores
    FOLDER/contents/*.mp4  FOLDER/takes/*.mp4  FOLDER/grid.json  FOLDER/.made

Staged: these people did not watch this film. What is finished is kept; another size or seed is refused.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evoked.core.errors import StudyError
from evoked.core.files import digest, write_text
from evoked.core.progress import Progress, silent
from evoked.faces.detect import FaceDetector
from evoked.media.decode import read_audio
from evoked.parallel.pool import Failed, Pool, SerialPool
from evoked.parallel.processes import ProcessPool
from evoked.sample.soundtrack import HZ, Sound
from evoked.sample.source_clips import SOURCE_VIDEO, VIEWERS
from evoked.weights.cache import Cache
from evoked.weights.clips import clip
from staging.face_placement import Boxes, found_boxes
from staging.false_faces import POSTERS, poster_boxes
from staging.ground_truth import known_of, write_known
from staging.recording_plan import TAKE_SIZES, Clipping, Take, TakeSize, plan_takes
from staging.render import write_clipping, write_take

MAKER = 3  # raise it when the same plan gives other files


@dataclass(frozen=True, eq=False)
class _Cut:
    content: Clipping
    film: Path
    heard: Sound
    actor: Path | None
    path: Path

    def make(self) -> None:
        write_clipping(self.film, self.content, self.heard, self.actor, self.path)


@dataclass(frozen=True, eq=False)
class _Shot:
    take: Take
    content: Path
    clips: dict[str, Path]
    boxes: Boxes
    path: Path

    def make(self) -> None:
        write_take(self.take, self.content, self.clips, self.boxes, self.path)


def shoot(
    folder: Path,
    size: str | TakeSize = "small",
    seed: int = 0,
    *,
    cache: Cache,
    workers: int | None = None,
    progress: Progress = silent,
) -> tuple[Take, ...]:
    """Make a grid's files, or those that are missing.

    Args:
        folder: new, empty, or begun by this function with the same size and seed.
        size: a name of TAKE_SIZES, or a size of one's own.
        seed: everything drawn by lot follows from it.
        cache: where the real media and the face detector come from.
        workers: processes; as many as there are cores if not given.
        progress: told files.

    Returns:
        The takes, all of them in FOLDER/takes.

    Raises:
        StudyError: if the folder holds something else.
        OutputError, WeightsError: if it cannot be written, or the media cannot be had.
        ValueError: if there is no such size.
    """
    if isinstance(size, str) and size not in TAKE_SIZES:
        raise ValueError(f"no size {size!r}; there are: {', '.join(TAKE_SIZES)}")
    called, wanted = (size, TAKE_SIZES[size]) if isinstance(size, str) else ("custom", size)
    takes = plan_takes(wanted, seed)
    film = cache.clip(SOURCE_VIDEO)
    clips = {name: cache.clip(viewer.clip) for name, viewer in VIEWERS.items()}
    sources = {name: clip(name).sha256 for name in (SOURCE_VIDEO, *(v.clip for v in VIEWERS.values()), *POSTERS)}
    _claim(folder, digest([MAKER, repr(takes), sources]))
    detect, posters = FaceDetector(cache=cache, threads=1), {name: cache.clip(name) for name in POSTERS}
    boxes = found_boxes(clips, detect) | poster_boxes(posters, detect)
    write_known(folder, known_of(takes, boxes, {"size": called, "seed": seed, "sources": sources}))
    contents = {t.content.name: t.content for t in takes}
    cuts = [(c, folder / "contents" / name) for name, c in sorted(contents.items())]
    heard = read_audio(film, HZ) if any(not path.is_file() for _, path in cuts) else None
    jobs: list[_Cut | _Shot] = [
        _Cut(c, film, _part(heard, c), clips[c.actor] if c.actor else None, path)
        for c, path in cuts
        if heard is not None and not path.is_file()
    ]
    del heard
    pool: Pool = SerialPool() if workers == 1 else ProcessPool(workers or os.cpu_count() or 1)
    shots: list[_Cut | _Shot] = [
        _Shot(t, folder / "contents" / t.content.name, clips | posters, boxes, folder / "takes" / t.name)
        for t in takes
        if not (folder / "takes" / t.name).is_file()
    ]
    _all(pool, jobs, progress, (0, len(jobs) + len(shots)))
    _all(pool, shots, progress, (len(jobs), len(jobs) + len(shots)))
    return takes


def _claim(folder: Path, key: str) -> None:
    """Take a folder for a grid, or find that it is this one already."""
    marker = folder / ".made"
    if marker.is_file():
        if marker.read_text(encoding="utf-8").strip() != key:
            raise StudyError(f"{folder} holds another grid (size, seed or version): choose another folder or remove it")
        for part in (*folder.glob("contents/.*.part.mp4"), *folder.glob("takes/.*.part.mp4")):
            part.unlink()  # what a killed process left
        return
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise StudyError(f"{folder} is not empty and holds no staged grid: name a new or an empty folder")
    write_text(marker, key + "\n")


def _all(pool: Pool, jobs: Sequence[_Cut | _Shot], progress: Progress, count: tuple[int, int]) -> None:
    done = count[0]
    for outcome in pool.run(_make, jobs):
        if isinstance(outcome, Failed):
            raise outcome.error
        done += 1
        progress(done, count[1], outcome.item.path.name)


def _make(job: _Cut | _Shot) -> None:
    job.make()


def _part(heard: Sound | None, content: Clipping) -> Sound:
    """A content's own sound, as a copy, so that the whole film's can be let go."""
    assert heard is not None
    return heard[content.film_start_s * HZ : (content.film_start_s + content.seconds) * HZ].copy()
