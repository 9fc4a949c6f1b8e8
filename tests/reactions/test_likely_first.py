"""What is likely is tried first, and nothing twice: the work is counted, not timed."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from evoked.core.errors import AlignmentError
from evoked.parallel import processes
from evoked.parallel.thread_map import thread_map
from evoked.reactions.alignment.audio.speed_pitch import resample_speed
from evoked.reactions.alignment.library import identify, inverted_index
from evoked.reactions.alignment.library.identify import MemoryLibrary
from evoked.reactions.alignment.video import align as by_video
from evoked.reactions.alignment.video.thumbnails import FrameThumbnails

HZ = 8000


def modulated(seed: int, seconds: int = 30) -> NDArray[np.float32]:
    """Noise whose loudness jumps twenty times a second."""
    rng = np.random.default_rng(seed)
    loud = np.repeat(rng.uniform(0.02, 1, seconds * 20), HZ // 20)
    return (0.2 * loud * rng.standard_normal(len(loud))).clip(-1, 1).astype(np.float32)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Callable[[object, str], Counter[str]]:
    """Counts the calls of a module's function, which still does its work."""

    def count(module: object, name: str) -> Counter[str]:
        calls: Counter[str] = Counter()
        real = getattr(module, name)

        def counting(*words: object, **named: object) -> object:
            calls[name] += 1
            return real(*words, **named)

        monkeypatch.setattr(module, name, counting)
        return calls

    return count


FILM = modulated(1)
CONTENTS = {"film": FILM, "longer cut": np.concatenate([FILM, modulated(2, 5)]), "unrelated": modulated(3)}


@pytest.fixture
def library() -> MemoryLibrary:
    """Two cuts of one film: the votes of neither are clear of the other's."""
    return MemoryLibrary(tuple(CONTENTS), CONTENTS.__getitem__, HZ)


def test_no_other_speed_is_tried_where_a_content_matches_at_its_own(
    library: MemoryLibrary, counted: Callable[[object, str], Counter[str]]
) -> None:
    changed, aligned = counted(inverted_index, "stretch_peaks"), counted(identify, "align")
    match = library.identify(FILM + 0.2 * modulated(7))
    assert match.content in ("film", "longer cut")
    assert match.offsets.segments[0].rate == 1
    assert changed["stretch_peaks"] == 0
    assert aligned["align"] <= 3


def test_other_speeds_are_tried_where_none_does_and_no_alignment_twice(
    library: MemoryLibrary, counted: Callable[[object, str], Counter[str]]
) -> None:
    changed, aligned = counted(inverted_index, "stretch_peaks"), counted(identify, "align")
    match = library.identify(resample_speed(FILM, 1.04))
    assert match.content in ("film", "longer cut")
    assert match.offsets.segments[0].rate == pytest.approx(1 / 1.04, abs=1e-4)
    assert changed["stretch_peaks"] > 0
    assert aligned["align"] <= 2 * len(CONTENTS)


def pictures(seed: int, shape: tuple[int, int], frames: int = 900) -> FrameThumbnails:
    """Cuts to random pictures, and noise that moves in them."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(8, 60, frames // 8)
    shots = np.repeat(rng.uniform(30, 220, (len(lengths), *shape)), lengths, axis=0)[:frames]
    cells = shots + np.cumsum(rng.normal(0, 2, (frames, *shape)), axis=0)
    return FrameThumbnails(cells.clip(0, 255).round().astype(np.uint8), 0.0, 0.04, 16 / 9)


def test_blocks_are_matched_once_for_each_speed_before_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    speeds: list[list[float]] = []
    follow, match = by_video.follow_region, by_video.match_blocks

    def following(*words: object) -> object:
        speeds.append([])
        return follow(*words)  # type: ignore[arg-type]

    def matching(rows: object, content_rows: object, speed: float, hop: int) -> Iterator[object]:
        speeds[-1].append(speed)
        return match(rows, content_rows, speed, hop)  # type: ignore[arg-type]

    monkeypatch.setattr(by_video, "follow_region", following)
    monkeypatch.setattr(by_video, "match_blocks", matching)
    with pytest.raises(AlignmentError, match="not clearly visible"):
        by_video.align_by_video(pictures(1, (27, 48)), pictures(2, (12, 16)))
    assert len(speeds) == 2 * by_video.MAX_FOLLOWED
    assert all(len(tried) == len(set(tried)) for tried in speeds)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_change_no_result(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    reaction, content = pictures(1, (27, 48), 450), pictures(2, (12, 16), 450)
    monkeypatch.setattr(processes, "_threads", 1)
    expected = list(by_video.region_hypotheses(reaction, content, 0.06))
    monkeypatch.setattr(processes, "_threads", threads)
    assert list(by_video.region_hypotheses(reaction, content, 0.06)) == expected
    assert list(thread_map(abs, range(-50, 0))) == list(range(50, 0, -1))


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_in_a_thread_is_raised_in_its_place(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    monkeypatch.setattr(processes, "_threads", threads)
    results: list[float] = []

    def halves(items: Iterable[int]) -> None:
        for result in thread_map(lambda n: 1 / n, items):
            results.append(result)

    with pytest.raises(ZeroDivisionError):
        halves([2, 4, 0, 5])
    assert results == [0.5, 0.25]
