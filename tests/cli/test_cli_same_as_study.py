"""Single commands and a study run give byte-identical results for the same files and settings."""

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
OPTIONS = ("--max-bridge-s", 20, "--align-min-score", 10, "--frame-pairs", 24, "--region-min-score", 0.3)
OPTIONS += ("--min-score", 0.55)
VOTE_OPTIONS = ("--quorum", 7)


@pytest.fixture(scope="module")
def study(evoked, media, tmp_path_factory: pytest.TempPathFactory) -> Path:  # type: ignore[no-untyped-def]
    """A study of one content, after a run, with settings that are not the defaults."""
    root = tmp_path_factory.mktemp("same") / "study"
    for folder, names in (("contents", ("content",)), ("reactions", REACTIONS)):
        (root / folder).mkdir(parents=True)
        for name in names:
            (root / folder / media[name].name).symlink_to(media[name])
    (root / "study.toml").write_text(TOML)
    result = evoked("run", root)
    assert result.code == 0, result.err
    return root


@pytest.mark.parametrize("source", ["study.toml", "options"])
def test_annotations_and_labels_equal_those_of_the_study(
    evoked, media, study: Path, tmp_path: Path, source: str
) -> None:  # type: ignore[no-untyped-def]
    paths = [media[name] for name in sorted(REACTIONS, key=lambda n: media[n].name)]
    content = study / "contents" / media["content"].name
    settings = ("--config", study / "study.toml") if source == "study.toml" else OPTIONS
    command = ("annotate", *paths, "--content", content, *settings)

    result = evoked(*command, "-o", tmp_path / "annotations")
    assert result.code == 0, result.err
    vote = () if source == "study.toml" else VOTE_OPTIONS
    result = evoked(*command, *vote, "--labels", "-o", tmp_path / "labels.parquet")
    assert result.code == 0, result.err

    results = study / "results"
    for path in paths:
        from_command, from_study = (f / "annotations" / f"{path.name}.parquet" for f in (tmp_path, results))
        assert read_table(from_command) == read_table(from_study)
        command_config, study_config = ((read_provenance(p) or {})["config"] for p in (from_command, from_study))
        assert {s: command_config[s] for s in SECTIONS} == {s: study_config[s] for s in SECTIONS}
        assert command_config["align"]["max_bridge_s"] == 20
    assert read_table(tmp_path / "labels.parquet") == read_table(results / "labels.parquet")


def test_features_and_model_equal_those_of_the_study(evoked, media, study: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    features, results = tmp_path / "features" / "content.mp4.safetensors", study / "results"
    features.parent.mkdir()
    sizes = ("--image-units", 8, "--face-units", 4, "--audio-units", 4, "--window-s", 3, "--epochs", 2, "--threads", 1)
    inputs = ("--features", features.parent, "--labels", results / "labels.parquet")
    for arguments in (
        ("features", study / "contents" / "content.mp4", "-o", features),
        ("train", *inputs, "-o", tmp_path / "model", *sizes),
        ("predict", media["plain"], "--model", tmp_path / "model", "-o", tmp_path / "command.parquet"),
        ("predict", media["plain"], "--model", results / "model", "-o", tmp_path / "study.parquet"),
    ):
        result = evoked(*arguments)
        assert result.code == 0, result.err

    assert features.read_bytes() == (results / "features" / "content.mp4.safetensors").read_bytes()
    from_command, from_study = (load_file(folder / "model" / "model.safetensors") for folder in (tmp_path, results))
    assert {n: a.tobytes() for n, a in from_command.items()} == {n: a.tobytes() for n, a in from_study.items()}
    assert read_table(tmp_path / "command.parquet") == read_table(tmp_path / "study.parquet")


@pytest.mark.parametrize(
    ("text", "message"),
    [("[aligns]\n", "study.toml: no section [aligns]; there are: align"), ("x", "cannot be read")],
)
def test_a_config_with_a_mistake(evoked, media, tmp_path: Path, text: str, message: str) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "own.toml").write_text(text)
    result = evoked("annotate", media["plain"], "--config", tmp_path / "own.toml")
    assert (result.code, len(result.lines)) == (1, 1), result.err
    assert message in result.err
