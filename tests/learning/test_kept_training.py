"""An interrupted training continues with an identical result; a cache of other clips or settings is not used."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from planted_rated import WORLD, rated_of

from evoked.core.errors import OutputError
from evoked.core.progress import Progress
from evoked.core.provenance import Provenance
from evoked.learning.recognition.config import RecogniserConfig
from evoked.learning.recognition.train_recogniser import train_recogniser
from evoked.model.recognition_checkpoint import Recognition

QUICK = RecogniserConfig(hidden_units=8, epochs=3, folds=3, batch_size=32)
RATED = rated_of(WORLD.clips(120, 12, 3))
ASKED = Provenance("test", {})


def learn(state: Path | None, config: RecogniserConfig = QUICK, progress: Progress | None = None) -> Recognition:
    reports: list[float] = []
    return train_recogniser(RATED, config, ASKED, progress or (lambda d, t, n="": reports.append(d)), state=state)[0]


@pytest.fixture(scope="module")
def uninterrupted() -> Recognition:
    return learn(None)


def same(first: Recognition, second: Recognition) -> bool:
    arrays = all(np.array_equal(first.arrays[name], second.arrays[name]) for name in first.arrays)
    return arrays and (first.training, first.held_out) == (second.training, second.held_out)


class Cut(Exception):
    """Stands for a process that is killed."""


@pytest.mark.parametrize("after", [1.4, 3.5])
def test_resuming_equals_not_stopping(after: float, uninterrupted: Recognition, tmp_path: Path) -> None:
    def cut(done: float, _: float | None, __: str = "") -> None:
        if done >= after:
            raise Cut

    with pytest.raises(Cut):
        learn(tmp_path, progress=cut)
    cached = {p.name: p.stat().st_mtime_ns for p in tmp_path.iterdir()}
    assert set(cached) == {f"turn-{n}.safetensors" for n in range(int(after))}

    assert same(learn(tmp_path), uninterrupted)

    assert {name: (tmp_path / name).stat().st_mtime_ns for name in cached} == cached, "what was done is not done again"
    assert len(list(tmp_path.iterdir())) == 4


def test_other_settings_or_damage_are_learnt_again(tmp_path: Path) -> None:
    learn(tmp_path)
    other_settings = replace(QUICK, dropout=0.5)
    assert same(learn(tmp_path, other_settings), learn(None, other_settings))
    written = (tmp_path / "turn-1.safetensors").read_bytes()
    (tmp_path / "turn-1.safetensors").write_bytes(written[: len(written) // 2])
    learn(tmp_path, other_settings)
    assert (tmp_path / "turn-1.safetensors").read_bytes() == written
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        learn(tmp_path / "file")


def test_another_operating_point_needs_no_other_training(tmp_path: Path) -> None:
    first = learn(tmp_path)
    cached = {p.name: p.stat().st_mtime_ns for p in tmp_path.iterdir()}

    other = learn(tmp_path, replace(QUICK, target_precision=0.99, precision_confidence=0.99))

    assert {p.name: p.stat().st_mtime_ns for p in tmp_path.iterdir()} == cached
    assert all(np.array_equal(first.arrays[name], other.arrays[name]) for name in first.arrays)
    assert [point.rule for point in other.points] == ["f0.5"] * 3
