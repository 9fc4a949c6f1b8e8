"""TensorBoard event files, read back record by record as its own reader does; written by public names alone."""

import struct
from dataclasses import replace
from pathlib import Path

import pytest
from planted import World, videos
from tensorboardX.proto.event_pb2 import Event

from evoked.core.errors import OutputError
from evoked.learning.training import tensorboard
from evoked.learning.training.config import TrainConfig
from evoked.learning.training.resume import Epoch
from evoked.learning.training.tensorboard import FOLDER, TensorBoardLog
from evoked.learning.training.train import train
from evoked.model.config import ModelSettings
from import_graph import imports

SMALL = ModelSettings(image_units=8, face_units=6, audio_units=8, window_s=6)
CONFIG = TrainConfig(epochs=2, threads=1, learning_rate=3e-3, tensorboard=True)


def points(folder: Path) -> dict[str, dict[int, float]]:
    """Name → step → value. A record is length (8 bytes), its checksum (4), an Event, its checksum (4); points of
    earlier files from the step at which a later file starts no longer count."""
    series: dict[str, dict[int, float]] = {}
    for file in sorted((folder / FOLDER).iterdir()):
        raw, at = file.read_bytes(), 0
        while at < len(raw):
            (length,) = struct.unpack_from("<Q", raw, at)
            event = Event.FromString(raw[at + 12 : at + 12 + length])
            at += 12 + length + 4
            if event.HasField("session_log"):
                series = {name: {s: v for s, v in row.items() if s < event.step} for name, row in series.items()}
            for value in event.summary.value:
                series.setdefault(value.tag, {})[event.step] = value.simple_value
    return series


def test_every_epoch_is_a_point_and_going_on_adds_to_it(tmp_path: Path) -> None:
    examples, held_out = videos(World(), 4, 40), videos(World(), 2, 40, seed=4)

    train(examples, SMALL, CONFIG, validation=held_out, state=tmp_path)
    longer = train(examples, SMALL, replace(CONFIG, epochs=4), validation=held_out, state=tmp_path)

    series = points(tmp_path)
    assert series.keys() == {"loss/train", "loss/validation", "map/validation"}
    assert list(series["loss/train"].values()) == pytest.approx([epoch.loss for epoch in longer.history])
    assert list(series["map/validation"].values()) == pytest.approx([epoch.validation_map for epoch in longer.history])
    assert list(series["loss/train"]) == sorted(series["loss/train"])


def test_points_that_are_trained_again_count_once(tmp_path: Path) -> None:
    first = TensorBoardLog(tmp_path, 0)
    for number in (1, 2, 3):
        first.epoch(Epoch(number, 1 / number), 10 * number)
    first.close()
    again = TensorBoardLog(tmp_path, 15)  # resumed after step 15, in the middle of epoch 2
    again.epoch(Epoch(2, 0.75, 0.5), 20)
    again.close()

    assert points(tmp_path) == {"loss/train": {10: 1.0, 20: 0.75}, "loss/validation": {20: 0.5}}


def test_the_writer_is_the_public_one() -> None:
    names = {(line.module, line.name) for line in imports(Path(tensorboard.__file__)) if "tensorboardX" in line.module}
    assert names == {("tensorboardX", "SummaryWriter")}


def test_nothing_is_written_unless_asked(tmp_path: Path) -> None:
    train(videos(World(), 2, 30), SMALL, replace(CONFIG, tensorboard=False), state=tmp_path)

    assert not (tmp_path / FOLDER).exists()


def test_nowhere_to_write_is_said(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("I am a file")

    with pytest.raises(OutputError, match=r"cannot write .*tensorboard"):
        TensorBoardLog(tmp_path)


def test_a_full_disk_is_one_error_and_no_thread_tells_of_it(tmp_path: Path) -> None:
    resource, signal = pytest.importorskip("resource"), pytest.importorskip("signal")
    metrics = TensorBoardLog(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))  # no file may grow beyond 2000 bytes
    try:
        with pytest.raises(OutputError, match=r"cannot write .*tensorboard: .*Free disk space and train again"):
            metrics.epoch(Epoch(1, 0.5, 0.5, 0.5), 1)
        metrics.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
