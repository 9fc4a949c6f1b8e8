"""evoked ablate: on a planted world, through the command line; kept, gone on with, and told apart."""

import csv
import json
import sys
from pathlib import Path

import pytest

from evoked.cli.main import main
from evoked.core.errors import DatasetError
from evoked.dataset.labels import read_labels
from evoked.dataset.load_examples import load_examples
from evoked.learning.evaluation.comparison import CHANCE, MAP
from evoked.learning.experiments.ablation import FULL, AblateConfig, Variant, run_variants, split_videos, variants
from evoked.learning.training.config import TrainConfig
from evoked.model.config import ModelSettings
from staging.planted_features import World
from staging.planted_files import write_world

MODEL = ModelSettings(image_units=6, face_units=4, audio_units=6, window_s=6)
QUICK = TrainConfig(epochs=1, learning_rate=5e-3, threads=1)
WORDS = "--image-units 6 --face-units 4 --audio-units 6 --window-s 6 --epochs 1 --learning-rate 0.005 --threads 1"
OPTIONS = [*WORDS.split(), "--seeds", "2", "--resamples", "50"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    write_world(folder, World(image=24, face=32, audio=16, seconds=60), 12)
    return folder


def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: object) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["evoked", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    told = capsys.readouterr()
    return int(ended.value.code or 0), told.out, told.err


def command(world: Path, out: Path) -> list[object]:
    return ["ablate", "--features", world / "features", "--labels", world / "labels.parquet", "-o", out, *OPTIONS]


def test_a_table_of_every_variant_against_machine_and_people(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = command(world, tmp_path / "out")
    code, text, err = run(capsys, monkeypatch, *words, "--human", world / "truth.parquet")

    assert code == 0, err
    ways = [FULL, "image+audio", "image", "no gating", "no output gate", "no experts"]
    first = [line.rsplit("  ", 6)[0].strip() for line in text.split("\n\n")[0].splitlines()[1:]]
    expected = [f"{way}, {labels}" for labels in ("machine", "human") for way in (CHANCE, *ways)]
    assert [line.split("  ")[0] for line in first] == expected
    assert "note: planted: no video" in err
    assert "one split: 7 videos to train, 2 videos to validate, 3 videos to test" in err
    assert "note: split at random, seed 0" in err
    told = json.loads((tmp_path / "out/ablation.json").read_text())
    with (tmp_path / "out/ablation.csv").open() as file:
        assert len(list(csv.DictReader(file))) == len(told["rows"]) == 2 * 7 * 6
    made = told["provenance"]
    assert sorted(set(made["config"]["split"].values())) == ["test", "train", "validate"]
    assert len(made["inputs"]) == 14
    people = [r for r in told["rows"] if r["labels"] == "human" and r["way"] == CHANCE and r["expression"] == MAP]
    assert people[0]["value"] > 0.2  # the truth has far more than the machine saw


def test_a_second_call_keeps_every_run_and_says_the_same(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [*command(world, tmp_path), "--only", "image", "--json"]
    code, first, _ = run(capsys, monkeypatch, *words)
    models = {p: p.stat().st_mtime_ns for p in (tmp_path / "runs").glob("*/model.safetensors")}
    next(iter(sorted(models))).write_bytes(b"cut off")

    again, second, _ = run(capsys, monkeypatch, *words)

    assert code == again == 0
    assert sorted(p.parent.name for p in models) == ["full-0", "full-1", "image-0", "image-1"]
    assert json.loads(first) == json.loads(second)
    changed = [p.parent.name for p, when in models.items() if p.stat().st_mtime_ns != when]
    assert changed == ["full-0"]  # the damaged one alone was made again


def test_a_given_split_is_kept_to(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    split = tmp_path / "split.csv"
    rows = [f"planted-0-{n:04d}.mp4,{'train' if n < 2 else 'validate' if n < 3 else 'test'}" for n in range(4)]
    split.write_text("\n".join(["video,part", *rows]))
    words = [*command(world, tmp_path / "out"), "--only", "image", "--seeds", "1", "--split", split]

    code, _, err = run(capsys, monkeypatch, *words)

    assert code == 0
    assert "2 videos to train, 1 video to validate, 1 video to test" in err
    split.write_text("video,part\nplanted-0-0000.mp4,learn\n")
    code, _, err = run(capsys, monkeypatch, *words)
    assert code == 1
    assert "row 1: need a video and one of train, validate, test, got 'planted-0-0000.mp4', 'learn'" in err
    split.write_text("video,part\na,train\na,test\n")
    assert run(capsys, monkeypatch, *words)[2].strip().endswith("a is listed twice; a video is in one part")


def test_what_is_asked_wrongly_is_refused(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = run(capsys, monkeypatch, *command(world, tmp_path), "--only", "smell")
    assert (code, "unknown variant smell" in err) == (2, True)
    other = tmp_path / "human.csv"
    other.write_text("video,second,valid,joy\nplanted-0-0000.mp4,0,true,1\n")
    code, _, err = run(capsys, monkeypatch, *command(world, tmp_path), "--only", "image", "--human", other)
    assert (code, "labels of none of the test videos" in err or "has labels of joy" in err) == (1, True)


def test_each_variant_lacks_what_it_says() -> None:
    made = {way.name: way.model for way in variants(MODEL, QUICK)}
    assert made[FULL] == MODEL
    assert made["image"].modalities == ("image",)
    assert not made["no gating"].input_gate
    assert not made["no gating"].output_gate
    assert made["no output gate"].input_gate
    assert made["no experts"].experts == 0
    blind = ModelSettings(modalities=("audio",), experts=0)
    assert [way.name for way in variants(blind, QUICK)] == [FULL, "no gating", "no output gate"]


def test_the_lot_does_not_go_by_the_order_and_no_part_is_empty(world: Path) -> None:
    examples = load_examples(read_labels(world / "labels.parquet"), world / "features").examples

    one, two = split_videos(examples), split_videos(examples[::-1])

    for part, videos in one.parts.items():
        assert {e.video for e in videos} == {e.video for e in two.parts[part]}
        assert videos
    assert {e.video for e in split_videos(examples, seed=1).test} != {e.video for e in one.test}
    with pytest.raises(DatasetError, match="2 videos leave none to train and none to validate and none to test"):
        split_videos(examples[:2])


def test_seeds_differ_and_the_test_videos_choose_nothing(world: Path, tmp_path: Path) -> None:
    examples = load_examples(read_labels(world / "labels.parquet"), world / "features").examples
    split, way, told = split_videos(examples), Variant("tiny", MODEL, QUICK), []

    runs = run_variants(
        [way], split, 2, tmp_path, progress=lambda done, total, note="": told.append((done, total, note))
    )

    video = split.test[0].video
    assert (runs["tiny"][0][video] != runs["tiny"][1][video]).any()
    assert set(runs["tiny"][0]) == {e.video for e in split.test}
    assert told[-1] == (2, 2, "tiny, run 2 of 2 done")
    assert [d for d, _, _ in told] == sorted(d for d, _, _ in told)
    with pytest.raises(ValueError, match="seeds must be at least 1"):
        AblateConfig(seeds=0)
