"""What `evoked predict --live` shows while a video plays: a line per second."""

import json
from pathlib import Path

import click
import numpy as np

from evoked.core.files import check_writable
from evoked.predict.live import LivePredictor, LiveSecond, collect_live
from evoked.predict.predictor import load_model
from evoked.predict.writers import check_format, write_predictions
from evoked.report.formats import clock
from evoked.weights.cache import default_cache


def follow(
    video: Path, model_folder: Path, output: Path | None, threshold: float, nets: tuple[int, bool], as_json: bool
) -> None:
    """Predict each second of a video as it comes, print it, and at the end write what there is.

    Args:
        video: a file that grows or a pipe; `-` for standard input.
        model_folder: of the trained model.
        output: where all seconds go at the end, or when it is interrupted; None: nowhere.
        threshold: for .vtt, and from where on an expression is named in the line.
        nets: their threads, and whether only those of the cache may be used.
        as_json: a JSON object a line instead of text.
    """
    if output:
        check_format(output)
        check_writable(output)
    model, (threads, offline) = load_model(model_folder, nets[0]), nets
    predictor = LivePredictor(model, default_cache(offline=offline), threads)
    seconds: list[LiveSecond] = []
    try:
        for second in predictor(None if str(video) == "-" else video):
            seconds.append(second)
            click.echo(_line(second, model.expressions, threshold, as_json))
    finally:
        if seconds:
            work = np.array([s.work_s for s in seconds[1:] or seconds])  # the first second warms the nets up
            told = f"median {np.median(work):.2f} s, 95 of 100 within {np.quantile(work, 0.95):.2f} s"
            click.echo(f"{len(seconds)} seconds; from a second's last piece to its prediction: {told}", err=True)
        if seconds and output:
            track = collect_live(seconds, model.expressions)
            write_predictions(output, track, predictor.provenance(), threshold=threshold)
            click.echo(str(output), err=True)


def _line(second: LiveSecond, names: tuple[str, ...], threshold: float, as_json: bool) -> str:
    found = {name: round(float(value), 6) for name, value in zip(names, second.values, strict=True)}
    if as_json:
        return json.dumps({"time_s": float(second.second), "valid": True} | found)
    shown = "  ".join(f"{name} {value:.2f}{'*' if value >= threshold else ' '}" for name, value in found.items())
    return f"{clock(second.second)}  {shown}".rstrip()
