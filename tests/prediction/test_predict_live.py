"""A video that comes bit by bit is predicted as the finished file is, second by second."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from evoked.core.errors import MediaError
from evoked.features.extract import Extractor
from evoked.features.live import LiveRows
from evoked.media.live import LiveReader
from evoked.prediction.live import LivePredictor, collect_live
from evoked.prediction.predictor import Predictor, load_model, predict_features
from evoked.prediction.writers import read_predictions

pytestmark = [
    pytest.mark.nets,
    pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg: apt-get install ffmpeg"),
]
HZ = 16_000


def streamed(video: Path, place: Path, *words: str) -> Path:
    """The video in a container that can be read from front to back."""
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", str(video), *words, "-f", "mpegts", str(place)], check=True)
    return place


@pytest.fixture(scope="module")
def stream(video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return streamed(video, tmp_path_factory.mktemp("live") / "video.ts", "-c", "copy")


def test_rows_are_those_of_the_finished_file(stream: Path) -> None:
    finished = Extractor()(stream).filled()
    seconds = list(LiveRows(Extractor(batch=1), LiveReader(stream, HZ, patience_s=0.05)))
    assert [s.step for s in seconds] == list(range(len(finished["image"])))
    for name, rows in finished.items():
        live = np.concatenate([s.rows[name] for s in seconds]).astype(np.float32)
        collected = rows.astype(np.float16).astype(np.float32)
        assert np.abs(live - collected).max() <= 2e-3 * max(1.0, np.abs(collected).max()), (
            name
        )  # a last place of float16
        assert np.abs(collected).max() > 0 or name == "face"


def test_predictions_are_those_of_the_finished_file(stream: Path, model_folder: Path) -> None:
    model = load_model(model_folder)
    expected = Predictor(model)(stream)
    live = LivePredictor(model)
    track = collect_live(list(live(stream, patience_s=0.05)), model.expressions)
    assert track.grid == expected.grid
    np.testing.assert_allclose(track.values, expected.values, atol=2e-4)
    assert np.ptp(expected.values) > 1e-3
    assert live.provenance().inputs["video.ts"] == Predictor(model).provenance(stream).inputs["video.ts"]


@pytest.mark.parametrize("words", [("-an", "-c:v", "copy"), ("-c:v", "copy", "-af", "atrim=end=2", "-c:a", "aac")])
def test_no_sound_and_sound_that_is_over(video: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    path = streamed(video, tmp_path / "video.ts", *words)
    finished = Extractor()(path)
    seconds = list(LiveRows(Extractor(batch=1), LiveReader(path, HZ, patience_s=0.05)))
    assert len(seconds) == finished.grid.steps
    heard = np.array([bool(s.rows["audio"].any()) for s in seconds])
    assert heard.tolist() == finished.audio.valid.tolist()


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "evoked.cli.main", "predict", "--live", *map(str, words)]


def test_standard_input_a_line_a_second(stream: Path, model_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    with stream.open("rb") as file:
        ended = subprocess.run(
            command("-", "--model", model_folder, "--json", "-o", out), stdin=file, capture_output=True, text=True
        )
    assert ended.returncode == 0, ended.stderr
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [line["time_s"] for line in lines] == list(range(len(lines)))
    assert "from the last input of a second to its prediction: median" in ended.stderr
    saved = read_predictions(out)
    np.testing.assert_allclose(saved.values[:, 0], [line[saved.names[0]] for line in lines], atol=1e-5)


def interruptible() -> None:
    """Whoever started the tests in the background told them to ignore Ctrl-C; a child inherits that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_interrupted_it_keeps_what_was_predicted(video: Path, model_folder: Path, tmp_path: Path) -> None:
    """Three times the video: libav reads some five seconds before it gives the first."""
    looped = tmp_path / "looped.ts"
    looping = [
        "ffmpeg",
        "-v",
        "error",
        "-stream_loop",
        "2",
        "-i",
        str(video),
        "-c",
        "copy",
        "-f",
        "mpegts",
        str(looped),
    ]
    subprocess.run(looping, check=True)
    out, pipe = tmp_path / "out.csv", tmp_path / "pipe"
    os.mkfifo(pipe)
    with (
        subprocess.Popen(
            command(pipe, "--model", model_folder, "-o", out),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=interruptible,
        ) as running,
        pipe.open("wb") as feed,
    ):
        feed.write(looped.read_bytes())
        feed.flush()
        assert running.stdout is not None
        first = running.stdout.readline()  # the video is not over: nobody has closed the pipe
        running.send_signal(signal.SIGINT)
        running.wait(timeout=60)
    assert first.startswith("0:00")
    assert running.returncode == 130
    assert read_predictions(out).grid.steps >= 1


def test_what_cannot_be_followed_is_one_line(model_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "text.ts").write_text("no video " * 50)
    for words, code, line in (
        ((tmp_path / "none.ts", "--model", model_folder), 1, "no media at"),
        ((tmp_path / "text.ts", tmp_path / "none.ts", "--model", model_folder), 2, "--live takes one VIDEO"),
        ((tmp_path, "--model", model_folder), 1, "is a folder"),
    ):
        ended = subprocess.run(command(*words), capture_output=True, text=True)
        assert ended.returncode == code
        assert line in ended.stderr
        assert "Traceback" not in ended.stderr


def test_another_audio_track_is_followed_as_in_the_finished_file(
    stream: Path, model_folder: Path, tmp_path: Path
) -> None:
    two = tmp_path / "two.ts"
    making = ["ffmpeg", "-v", "error", "-i", str(stream), "-f", "lavfi", "-i", "anoisesrc=a=.3:r=48000:seed=1"]
    making += ["-map", "0:v", "-map", "0:a", "-map", "1:a", "-c:v", "copy", "-c:a", "mp2", "-shortest", str(two)]
    subprocess.run(making, check=True)
    model = load_model(model_folder)
    predictor, live = Predictor(model), LivePredictor(model)
    rows = {
        track: collect_live(list(live(two, patience_s=0.05, audio_track=track)), model.expressions).values
        for track in (1, 2)
    }
    assert np.abs(rows[1] - rows[2]).max() > 1e-3
    for track, values in rows.items():
        expected = predict_features(model, predictor.features(two, audio_track=track)).values
        np.testing.assert_allclose(values, expected, atol=2e-4)
    with two.open("rb") as file:  # as a pipe: its end is known, a file's is waited for
        told = subprocess.run(
            command("-", "--model", model_folder, "--audio-track", 2, "-o", tmp_path / "p.csv"),
            stdin=file,
            capture_output=True,
            text=True,
        )
    assert told.returncode == 0, told.stderr
    assert ": 2 audio tracks: track 2 is used, not track 1" in told.stderr
    with pytest.raises(MediaError, match="has no audio track 3"):
        next(live(two, patience_s=0.05, audio_track=3))
