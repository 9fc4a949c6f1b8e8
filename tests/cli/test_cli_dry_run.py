"""--dry-run of annotate, features and predict: every file is checked, nothing is computed, nothing is written."""

import json
from pathlib import Path

import pytest

from evoked.features.extract import FeatureConfig

pytestmark = pytest.mark.nets


def test_features_and_annotate_say_what_would_be_written(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    video, text = media["plain"], tmp_path / "notes.mp4"
    text.write_text("no video")
    out = tmp_path / "made" / "here"
    code, stdout, err = evoked("features", video, text, "-o", out, "--dry-run")
    assert (code, stdout) == (1, f"to do: {video}: 6 s -> {out / 'plain.safetensors'}\n")
    assert f"failed: {text} is no media file" in err
    code, stdout, err = evoked(
        "annotate", video, "-o", out / "v.parquet", "--blur", out / "b.mp4", "--dry-run", "--json"
    )
    assert (code, json.loads(stdout)) == (
        0,
        [{"video": str(video), "state": "to do", "seconds": 6, "files": [str(out / "v.parquet"), str(out / "b.mp4")]}],
    )
    code, stdout, _ = evoked("features", video, "-o", f"{out}/", "--dry-run")
    assert (code, stdout) == (0, f"to do: {video}: 6 s -> {out / 'plain.safetensors'}\n")
    code, stdout, _ = evoked("annotate", video, "--labels", "-o", out / "labels.parquet", "--dry-run")
    assert (code, stdout) == (0, f"to do: {video}: 6 s -> {out / 'labels.parquet'}\n")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["notes.mp4"]


def test_a_file_that_would_be_refused_is_refused(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    mine = tmp_path / "mine.safetensors"
    mine.write_bytes(b"mine")
    code, _, err = evoked("features", media["plain"], "-o", mine, "--dry-run")
    assert code == 1
    assert "evoked did not write it" in err


def test_networks_that_would_be_fetched_are_named(
    evoked, media, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("EVOKED_CACHE", str(tmp_path / "empty"))
    words = ("features", media["plain"], "-o", tmp_path / "f.safetensors", "--dry-run")
    code, _, err = evoked(*words)
    assert (code, err.count("would be downloaded")) == (0, len(FeatureConfig().chosen.nets))
    assert "and --offline forbids its download" in evoked(*words, "--offline").err
    assert "network nn2 is yours to provide, see docs/weights.md" in evoked(*words, "--preset", "paper").err
    assert not (tmp_path / "empty").exists()


def test_predict_says_what_would_be_predicted(evoked, media, model: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    code, stdout, _ = evoked("predict", media["plain"], "--model", model, "-o", tmp_path / "p.csv", "--dry-run")
    assert (code, stdout) == (0, f"to do: {media['plain']}: 6 s -> {tmp_path / 'p.csv'}\n")
    (tmp_path / "list.txt").write_text(f"{media['plain']}\nabsent.mp4\n")
    words = ("predict", "--from", tmp_path / "list.txt", "--model", model, "-o", tmp_path / "d", "--dry-run")
    code, stdout, err = evoked(*words)
    assert (code, stdout) == (1, f"to do: {tmp_path / 'd' / 'part-00000.parquet'}: 2 videos\n")
    assert f"failed: {tmp_path / 'absent.mp4'}: no such file" in err
    assert [p.name for p in tmp_path.iterdir()] == ["list.txt"]
