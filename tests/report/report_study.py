"""A small study's results, written with the real writers, and a real short video."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from evoked.core.expressions import EEV5
from evoked.core.files import write_text
from evoked.core.provenance import Provenance
from evoked.core.tables import write_table
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.dataset.viewers import ViewerSeries, write_viewers
from evoked.learning.evaluation import scores
from evoked.learning.evaluation.scores import MeanScore, ScoreRow, Scores

SECONDS = 40
NASTY = "</script><script>document.title='owned'</script> \"quo'tes\" ünï & <u>.mp4"
STAGED = "staged: these people did not watch this film"


def origin(step: str, **more: object) -> Provenance:
    return Provenance(step, {"window_s": 3, "step": step}, {"a.mp4": "ab" * 32}, {"yunet": "cd" * 32}, (STAGED,))


def labels_of(video: str, seconds: int, seed: int) -> dict[str, list[object]]:
    """Labels that come and go in runs; seconds 10–13 have no valid label."""
    rng = np.random.default_rng(seed)
    valid = [not 10 <= t < 14 for t in range(seconds)]
    columns: dict[str, list[object]] = {
        "video": [video] * seconds,
        "second": list(range(seconds)),
        "valid": list(valid),
        "viewers": [2 if v else 0 for v in valid],
    }
    for k, name in enumerate(EEV5):
        on = np.repeat(rng.random(seconds // 5 + 1) < (0.0 if name == "surprise" else 0.2 + 0.1 * k), 5)[:seconds]
        columns[name] = [int(o) if v else None for o, v in zip(on, valid, strict=True)]
    return columns


def write_labels(results: Path, videos: list[str], seconds: int = SECONDS) -> dict[str, dict[str, list[object]]]:
    every = {video: labels_of(video, seconds, seed) for seed, video in enumerate(videos)}
    merged = {n: [v for c in every.values() for v in c[n]] for n in next(iter(every.values()))}
    write_table(results / "labels.parquet", merged, origin("votes"))
    return every


def write_predictions(results: Path, video: str, seconds: int = SECONDS) -> None:
    t = np.arange(seconds)
    valid = t != 20
    columns = {"time_s": t.astype(float), "valid": valid}
    for k, name in enumerate(EEV5):
        columns[name] = np.where(valid, 0.5 + 0.45 * np.sin(t / (3 + k)), np.nan)
    write_table(results / "predictions" / f"{video}.parquet", columns, origin("predict"))


def watchers(video: str, seconds: int, people: int = 4) -> list[ViewerSeries]:
    """Participants P1, P2, …, half of them in group "a": all smile at second 12, the others half as much."""
    rng = np.random.default_rng(len(video))
    t = np.arange(seconds)
    series = []
    for number in range(people):
        size = (0.8 if number < people / 2 else 0.4) - 0.02 * number
        values = np.repeat((size * np.exp(-(((t - 12) / 3) ** 2)))[:, None], len(EEV5), axis=1)
        values[:, 1:] = 0.05 * rng.random((seconds, len(EEV5) - 1))
        track = Track.masked(TimeGrid(Fraction(1), seconds), EEV5, values, t != 30 + number)
        about = {"group": "a" if number < people / 2 else "b", "age": str(20 + number)}
        series.append(ViewerSeries(video, f"P{number + 1} {video}", "v1", f"P{number + 1}", track, about))
    return series


def write_watchers(results: Path, videos: list[str], seconds: int = SECONDS, people: int = 4) -> list[ViewerSeries]:
    series = [one for video in videos for one in watchers(video, seconds, people)]
    write_viewers(results / "viewers.parquet", series, EEV5, origin("label"))
    return series


def write_scores(results: Path) -> None:
    rows = tuple(
        ScoreRow(n, 72, 0, 0.0, None, None, None, None)
        if n == "surprise"
        else ScoreRow(n, 72, 20, 0.28, 0.5, 0.4, 0.6, None)
        for n in EEV5
    )
    mean = MeanScore(0.5, 0.41, 0.58, 0.28, None, None, None)
    found = Scores(EEV5, rows, mean, ("first.mp4", "second.mp4"), (("first.mp4",), ("second.mp4",)))
    scores.write_scores(results / "scores.json", found, origin("evaluate"))


def write_reaction(
    results: Path, name: str, viewers: tuple[str, ...] = ("1", "2"), ticks: int = 6 * (SECONDS + 7)
) -> None:
    """Viewers seen at all ticks but those of seconds 8 to 12; a pause of 4 s at content second 25."""
    columns: dict[str, list[object]] = {"viewer": [], "time_s": [], "valid": []}
    for viewer in viewers:
        columns["viewer"] += [viewer] * ticks
        columns["time_s"] += [float(Fraction(i, 6)) for i in range(ticks)]
        columns["valid"] += [not 48 <= i < 72 for i in range(ticks)]
    for expression in EEV5:
        columns[expression] = [0.25 if v else None for v in columns["valid"]]
    write_table(results / "annotations" / f"{name}.parquet", columns, origin("annotate"))
    segments = [
        {"content_start_s": 0.0, "content_end_s": 25.0, "reaction_start_s": 3.2, "score": 18.0},
        {"content_start_s": 25.0, "content_end_s": 36.0, "reaction_start_s": 32.2, "score": 15.5},
    ]
    body = {"score": 17.4, "segments": segments, "provenance": origin("align").as_dict()}
    write_text(results / "alignments" / f"{name}.json", json.dumps(body))


def write_items(results: Path, rows: list[dict[str, str]]) -> None:
    write_text(results / "state" / "items.json", json.dumps(rows))


def write_features(results: Path, video: str) -> None:
    path = results / "features" / f"{video}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    made = Provenance("features", {}, {}, {"yamnet": "ef" * 32})
    save_file({"image": np.zeros((2, 4), np.float16)}, path, {"evoked": made.as_json()})
