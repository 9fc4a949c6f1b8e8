"""Command by command equals the study: the same files and settings give the same numbers, to the byte."""

from pathlib import Path

import pytest
from safetensors.numpy import load_file

from evoked.core.tables import read_provenance, read_table

pytestmark = pytest.mark.nets
TOML = """\
[align]
max_bridge_s = 20.0
min_score = 10.0
[window]
frame_pairs = 24
min_score = 0.3
[detect]
min_score = 0.55
[votes]
quorum = 7
[model]
image_units = 8
face_units = 4
audio_units = 4
window_s = 3
[train]
epochs = 2
threads = 1
[report]
preview_height = 72
"""
REACTIONS = ("rotated", "late_clock")
SECTIONS = ("window", "detect", "annotate")
TYPED = ("--max-bridge-s", 20, "--align-min-score", 10, "--frame-pairs", 24, "--region-min-score", 0.3)
TYPED += ("--min-score", 0.55, "--quorum", 7)


@pytest.fixture(scope="module")
def study(evoked, media, tmp_path_factory: pytest.TempPathFactory) -> Path:  # type: ignore[no-untyped-def]
    """A study of one content, after one run; its settings are not the defaults."""
    root = tmp_path_factory.mktemp("same") / "study"
    for part, names in (("contents", ("content",)), ("reactions", REACTIONS)):
        (root / part).mkdir(parents=True)
        for name in names:
            (root / part / media[name].name).symlink_to(media[name])
    (root / "study.toml").write_text(TOML)
    ran = evoked("run", root)
    assert ran.code == 0, ran.err
    return root


@pytest.mark.parametrize("how", ["the study's file", "typed"])
def test_annotations_and_labels_are_the_study_s(evoked, media, study: Path, tmp_path: Path, how: str) -> None:  # type: ignore[no-untyped-def]
    paths = [media[name] for name in sorted(REACTIONS, key=lambda n: media[n].name)]
    content = study / "contents" / media["content"].name
    settings = ("--config", study / "study.toml") if how == "the study's file" else TYPED
    call = ("annotate", *paths, "--content", content, *settings)

    ran = evoked(*call, "-o", tmp_path / "annotations")
    assert ran.code == 0, ran.err
    ran = evoked(*call, "--labels", "-o", tmp_path / "labels.parquet")
    assert ran.code == 0, ran.err

    results = study / "results"
    for path in paths:
        ours, theirs = (f / "annotations" / f"{path.name}.parquet" for f in (tmp_path, results))
        assert read_table(ours) == read_table(theirs)
        told, known = ((read_provenance(p) or {})["config"] for p in (ours, theirs))
        assert {s: told[s] for s in SECTIONS} == {s: known[s] for s in SECTIONS}
        assert told["align"]["max_bridge_s"] == 20
    assert read_table(tmp_path / "labels.parquet") == read_table(results / "labels.parquet")


def test_features_and_model_are_the_study_s(evoked, media, study: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    made, results = tmp_path / "features" / "content.mp4.safetensors", study / "results"
    made.parent.mkdir()
    sizes = ("--image-units", 8, "--face-units", 4, "--audio-units", 4, "--window-s", 3, "--epochs", 2, "--threads", 1)
    given = ("--features", made.parent, "--labels", results / "labels.parquet")
    for words in (
        ("features", study / "contents" / "content.mp4", "-o", made),
        ("train", *given, "-o", tmp_path / "model", *sizes),
        ("predict", media["plain"], "--model", tmp_path / "model", "-o", tmp_path / "ours.parquet"),
        ("predict", media["plain"], "--model", results / "model", "-o", tmp_path / "theirs.parquet"),
    ):
        ran = evoked(*words)
        assert ran.code == 0, ran.err

    assert made.read_bytes() == (results / "features" / "content.mp4.safetensors").read_bytes()
    ours, theirs = (load_file(folder / "model" / "model.safetensors") for folder in (tmp_path, results))
    assert {n: a.tobytes() for n, a in ours.items()} == {n: a.tobytes() for n, a in theirs.items()}
    assert read_table(tmp_path / "ours.parquet") == read_table(tmp_path / "theirs.parquet")


@pytest.mark.parametrize(
    ("text", "message"),
    [("[aligns]\n", "study.toml: no section [aligns]; there are: align"), ("x", "cannot be read")],
)
def test_a_config_with_a_mistake(evoked, media, tmp_path: Path, text: str, message: str) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "own.toml").write_text(text)
    ran = evoked("annotate", media["plain"], "--config", tmp_path / "own.toml")
    assert (ran.code, len(ran.lines)) == (1, 1), ran.err
    assert message in ran.err
