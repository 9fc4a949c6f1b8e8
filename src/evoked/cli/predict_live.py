"""evoked predict --live: a line per second while a video is being written."""

import json
from pathlib import Path

import click
import numpy as np

from evoked.cli.failures import print_note
from evoked.cli.messages import tell
from evoked.cli.outputs import claim, file_in
from evoked.core.damage import damage_texts
from evoked.prediction.live import LivePredictor, LiveSecond, collect_live
from evoked.prediction.predictor import load_model
from evoked.prediction.writers import FORMATS, write_predictions
from evoked.report.formats import clock
from evoked.weights.cache import default_cache

__all__ = ["print_live_predictions"]


def print_live_predictions(
    video: Path,
    model_folder: Path,
    output: Path | None,
    *,
    threshold: float,
    threads: int,
    offline: bool,
    as_json: bool,
    audio_track: int = 0,
) -> None:
    """Predict and print each second of a video as it arrives; at the end write all seconds to a file.

    Args:
        video: a growing file or a pipe; `-` for standard input.
        model_folder: of the trained model.
        output: file of all seconds, written at the end or on an interruption; None: not written.
        threshold: probability in (0, 1] from which an expression is shown in .vtt and marked in the lines.
        threads: of the networks; 0: as many as are available.
        offline: use only networks that are in the cache.
        as_json: print a JSON object per line instead of text.
        audio_track: which of its audio tracks, from 1; 0: the one that a player plays.

    Raises:
        EvokedError: if the video, the model, a network or the output cannot be used.
    """
    if output:
        output = file_in(output, "live.csv", FORMATS)
        claim(output, "predict", dict, [video])  # a live video does not come twice: an existing file is of another one
    model = load_model(model_folder, threads)
    predictor = LivePredictor(model, default_cache(offline=offline), threads)
    seconds: list[LiveSecond] = []
    try:
        for second in predictor(None if str(video) == "-" else video, audio_track=audio_track):
            seconds.append(second)
            click.echo(_line(second, model.expressions, threshold, as_json))
    finally:
        for line in (*damage_texts(predictor.damage), *predictor.notes):
            print_note(video, line)
        if seconds:
            work = np.array(
                [s.work_s for s in seconds[1:] or seconds]
            )  # the first includes the warm-up of the networks
            latency = f"median {np.median(work):.2f} s, 95th percentile {np.quantile(work, 0.95):.2f} s"
            tell(f"{len(seconds)} seconds; from the last input of a second to its prediction: {latency}")
        if seconds and output:
            track = collect_live(seconds, model.expressions)
            write_predictions(output, track, predictor.provenance(), threshold=threshold)
            tell(str(output))


def _line(second: LiveSecond, names: tuple[str, ...], threshold: float, as_json: bool) -> str:
    scores = {name: round(float(value), 6) for name, value in zip(names, second.values, strict=True)}
    if as_json:
        return json.dumps({"time_s": float(second.second), "valid": True} | scores)
    columns = "  ".join(
        f"{' '.join(name.split())} {value:.2f}{'*' if value >= threshold else ' '}" for name, value in scores.items()
    )
    return f"{clock(second.second)}  {columns}".rstrip()
