"""Blocks against moments, lines through sightings: each beside a plain formula."""

from dataclasses import replace

import numpy as np
import pytest

from evoked.reactions.alignment.video.block_matching import (
    BLOCK_FRAMES,
    BlockMatch,
    BlockMatcher,
    MatchedSpan,
    correlation,
    fit_lines,
    informative,
    match_blocks,
    refine_box,
    runs_along,
)
from evoked.reactions.alignment.video.region_search import (
    ENERGY_FLOOR,
    ENERGY_PRIOR,
    FRAME_STEP,
    SHAPE,
    SearchedContent,
    search_region,
)
from evoked.reactions.alignment.video.thumbnails import (
    FrameThumbnails,
    content_changes,
    crop_box,
    frame_changes,
    mirror,
    pool_cells,
)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 3, shape).astype(np.float32)


def thumbnails(count: int, rows: int = 12, columns: int = 16, seed: int = 0) -> FrameThumbnails:
    cells = np.random.default_rng(seed).integers(0, 255, (count, rows, columns)).astype(np.uint8)
    return FrameThumbnails(cells, 0.0, 0.04, 16 / 9)


def test_pooled_cells_are_means() -> None:
    cells = thumbnails(3).cells
    by_hand = cells.astype(np.float64).reshape(3, 3, 4, 4, 4).mean(axis=(2, 4))
    assert pool_cells(cells, (3, 4)) == pytest.approx(by_hand, abs=1e-4)
    assert pool_cells(cells, (5, 7)).mean(axis=(1, 2)) == pytest.approx(cells.mean(axis=(1, 2)), rel=1e-3)


def test_a_film_at_its_own_speed_is_its_own_changes() -> None:
    film = thumbnails(40)
    rows = content_changes(film, 1.0, (12, 16))
    own = frame_changes(film.cells.astype(np.float32)).reshape(39, -1)
    assert rows == pytest.approx(own - own.mean(axis=1, keepdims=True), abs=1e-3)
    assert mirror(rows, (12, 16)).reshape(39, 12, 16) == pytest.approx(rows.reshape(39, 12, 16)[:, :, ::-1])
    assert len(content_changes(film, 2.0, (3, 4))) == 19


def test_a_box_is_read_where_it_is() -> None:
    cells = thumbnails(5, 27, 48).cells
    whole = crop_box(cells, (8.0, 4.0, 16.0, 12.0), (12, 16))
    own = frame_changes(cells[:, 4:16, 8:24].astype(np.float32)).reshape(4, -1)
    assert whole == pytest.approx(own - own.mean(axis=1, keepdims=True), abs=1e-3)


def test_correlation_at_every_moment_equals_the_plain_formula() -> None:
    film, block = noise(120, 48), noise(BLOCK_FRAMES, 48, seed=1)
    moments = BlockMatcher(film, BLOCK_FRAMES)
    found = moments.correlations(block)
    for lag in (0, 7, 70):
        at = int(np.flatnonzero(moments.lags == lag)[0])
        assert found[at] == pytest.approx(correlation(block, film[lag : lag + BLOCK_FRAMES]), abs=1e-4)


def test_the_right_rectangle_and_moment_are_found() -> None:
    film = replace(thumbnails(300), cells=np.kron(thumbnails(300, 4, 4, seed=3).cells, np.ones((1, 3, 4), np.uint8)))
    frame = np.full((200, 27, 48), 40, np.uint8)
    frame[:, 3:21, 20:44] = pool_cells(film.cells[60:260], (18, 24)).round().astype(np.uint8)
    shown = FrameThumbnails(frame, 0.0, 0.04, 16 / 9)
    found = search_region(shown, 20, SearchedContent(film, 1.0, 60), 24 / 18)
    assert found is not None
    assert found.lag == 60
    assert found.score > 1.5 * found.rival
    assert refine_box(shown, content_changes(film, 1.0, (6, 8)), found) == pytest.approx((20, 3, 24, 18), abs=1.6)
    assert not found.mirrored
    assert (
        search_region(
            FrameThumbnails(np.full_like(frame, 9), 0.0, 0.04, 16 / 9), 0, SearchedContent(film, 1.0, 60), 1.5
        )
        is None
    )
    assert SHAPE[0] * SHAPE[1] == 12


def test_a_hypothesis_has_the_score_of_the_plain_formula() -> None:
    """Every moment of the film beside the rectangle that was guessed, in float64, product by product."""
    film = replace(thumbnails(260), cells=np.kron(thumbnails(260, 4, 4, seed=3).cells, np.ones((1, 3, 4), np.uint8)))
    frame = np.random.default_rng(1).integers(0, 40, (120, 27, 48)).astype(np.uint8)
    frame[:, 3:21, 20:44] += pool_cells(film.cells[100:220, :, ::-1], (18, 24)).astype(np.uint8) // 2
    shown = FrameThumbnails(frame, 0.0, 0.04, 16 / 9)
    found = search_region(shown, 10, SearchedContent(film, 1.0, 40), 24 / 18)
    assert found is not None
    assert (found.mirrored, found.lag) == (True, 100)

    x, y, wide, high = found.box
    across, down = wide / SHAPE[1], high / SHAPE[0]  # of a cell; halves of it are what the frame is pooled to
    halves = pool_cells(
        frame[10 : 10 + 40 * FRAME_STEP + 1 : FRAME_STEP], (round(54 / down), round(96 / across))
    ).astype(np.float64)
    top, left = round(2 * y / down), round(2 * x / across)
    assert min(top, left) >= 0  # the rectangle lies inside the frame
    cells = halves[:, top : top + 2 * SHAPE[0], left : left + 2 * SHAPE[1]]
    cells = cells.reshape(len(cells), SHAPE[0], 2, SHAPE[1], 2).mean(axis=(2, 4))
    ours = frame_changes(cells.astype(np.float32)).reshape(40, -1).astype(np.float64)
    ours -= ours.mean(axis=1, keepdims=True)
    theirs = mirror(content_changes(film, 1.0, SHAPE, FRAME_STEP), SHAPE).astype(np.float64)
    padded = np.pad(theirs, ((20, 40), (0, 0)))
    energy = np.array([(padded[k : k + 40] ** 2).sum() for k in range(len(theirs))])
    energy += ENERGY_PRIOR * np.median(energy[energy > 0])
    k = (found.lag + 10) // FRAME_STEP + 20  # counted from the block's start, in padded rows
    by_hand = (ours * padded[k : k + 40]).sum() / np.sqrt(((ours**2).sum() + ENERGY_FLOOR * 40) * energy[k])
    assert found.score == pytest.approx(by_hand, rel=1e-3)


@pytest.mark.parametrize("at_once", [1, 700])
def test_how_many_rectangles_are_compared_at_once_changes_nothing(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    film, shown = SearchedContent(thumbnails(200), 1.0, 30), thumbnails(120, 27, 48, seed=4)
    whole = search_region(shown, 5, film, 16 / 9)
    monkeypatch.setattr(
        "evoked.reactions.alignment.video.region_search.CHUNK_NUMBERS", at_once
    )  # of long films only some are: memory
    assert whole is not None
    assert search_region(shown, 5, film, 16 / 9) == whole


def matches_at(points: list[tuple[float, float]]) -> list[BlockMatch]:
    return [BlockMatch(at, there, 0.8, 0.1, 20.0) for at, there in points]


def test_lines_have_one_speed_and_their_own_offsets() -> None:
    rng = np.random.default_rng(5)
    at = np.arange(25, 700, 25)
    there = 1.043 * at + np.where(at < 350, 100, 160) + rng.normal(0, 0.2, len(at))
    speed, lines = fit_lines(matches_at(list(zip(at, there, strict=True))), 1.04, 0.02)
    assert speed == pytest.approx(1.043, abs=0.001)
    assert sorted(map(len, lines)) == [13, 14]


def test_a_speed_that_explains_nothing_more_is_the_films_own() -> None:
    rng = np.random.default_rng(6)
    at = np.arange(25, 300, 25)
    points = list(zip(at, at + 40 + rng.normal(0, 0.2, len(at)), strict=True))
    assert fit_lines(matches_at(points), 1.0, 0.02)[0] == 1.0
    assert fit_lines([], 1.03, 0.02) == (1.03, [])


def test_noise_gives_no_clear_match_and_the_content_gives_all() -> None:
    film = noise(900, 48)
    matches = list(match_blocks(film[300:600] + noise(300, 48, seed=2) * 0.5, film, 1.0))
    assert all(m.clear and m.content_at - m.at == pytest.approx(300, abs=0.1) for m in matches)
    assert not any(s.clear for s in match_blocks(noise(300, 48, seed=9), film, 1.0))


def test_cells_that_something_lies_on_weigh_nothing() -> None:
    film = noise(300, 48)
    ours = film[50:250].copy()
    ours[:, 30:] = noise(200, 18, seed=4)
    weight = informative(ours, film, [MatchedSpan(0, 200, 50)])
    assert weight[:30].min() == 1
    assert weight[30:].max() < 0.9


def test_a_run_ends_where_the_film_stands_still() -> None:
    film = noise(300, 48)
    ours = film.copy()
    ours[120:180] = 0  # paused, while the film beside it moves
    runs = runs_along(ours, film, 5.0, 30.0)
    assert [(r.start, r.end) for r in runs] == [(0, 121), (180, 301)]
    assert all(r.offset == 5.0 and r.level > 0.9 and r.weight > 500 for r in runs)
