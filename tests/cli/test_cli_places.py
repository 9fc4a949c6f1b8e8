"""Outputs that cannot be written, a full disk, a cache that is corrupt, unwritable or empty."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from evoked.features import jobs as features_jobs
from evoked.features.extract import FeatureConfig
from evoked.prediction import jobs
from evoked.reactions.viewers.annotator import MODELS as ANNOTATION_MODELS
from evoked.weights.cache import default_cache
from evoked.weights.catalogue import NETS

pytestmark = pytest.mark.nets

COMMANDS = ("annotate", "labels", "align", "features", "predict")
NETWORK_COMMANDS = ("annotate", "features", "predict")


def command_line(command: str, media: dict[str, Path], model: Path, out: Path) -> list[object]:
    """A valid command line with the output `out`, to which a suffix is added."""
    video = media["one_frame"]
    return {
        "annotate": ["annotate", video, "-o", f"{out}.csv"],
        "labels": ["annotate", video, "--labels", "-o", f"{out}.parquet"],
        "align": ["align", media["plain"], media["content"], "-o", f"{out}.json"],
        "features": ["features", video, "-o", f"{out}.safetensors"],
        "predict": ["predict", video, "--model", model, "-o", f"{out}.vtt"],
    }[command]


def assert_one_line(result, *phrases: str) -> None:  # type: ignore[no-untyped-def]
    assert (result.code, result.out) == (1, "")
    errors = [line for line in result.lines if not line.startswith("note: ")]
    assert len(errors) == 1, result.err
    assert errors[0].startswith("evoked: ")
    for phrase in phrases:
        assert phrase in errors[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_in_place_of_the_folder(evoked, media, model, tmp_path: Path, command: str) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "out").write_text("mine")

    result = evoked(*command_line(command, media, model, tmp_path / "out" / "deeper" / "x"))

    assert_one_line(result, "cannot write", "/out is a file, not a folder. Move it or choose another place")
    assert (tmp_path / "out").read_text() == "mine"


def test_it_is_reported_before_the_work(evoked, media, model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "out").write_text("mine")
    monkeypatch.setenv("EVOKED_CACHE", str(tmp_path / "empty"))  # loading a network first would fail differently
    monkeypatch.setenv("EVOKED_OFFLINE", "1")
    for command in COMMANDS:
        assert_one_line(
            evoked(*command_line(command, media, model, tmp_path / "out" / "x")), "/out is a file, not a folder"
        )


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_in_place_of_the_file(evoked, media, model, tmp_path: Path, command: str) -> None:  # type: ignore[no-untyped-def]
    line = command_line(command, media, model, tmp_path / "x")
    (Path(str(line[-1])) / "mine").mkdir(parents=True)

    result = evoked(*line)

    assert result.code == 0, result.err  # the file goes into it
    assert len(list(Path(str(line[-1])).iterdir())) == 2


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A disk of 16 kB."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a disk that is full")
    folder = tmp_path_factory.mktemp("tiny")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"cannot mount a small disk here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk(evoked, media, model, tiny: Path, command: str) -> None:  # type: ignore[no-untyped-def]
    (tiny / "full").write_bytes(bytes(shutil.disk_usage(tiny).total))

    result = evoked(*command_line(command, media, model, tiny / "x"))

    assert_one_line(result, f"cannot write {tiny}/x.", "No space left on device", "Free some space")
    assert [p.name for p in tiny.iterdir()] == ["full"]  # no partial file is left


@pytest.fixture
def no_loaded_networks() -> Iterator[None]:
    """Drop the networks that features and predict keep for the next video of a process."""
    jobs._predictor.cache_clear()
    features_jobs._extractor.cache_clear()
    yield
    jobs._predictor.cache_clear()
    features_jobs._extractor.cache_clear()


@pytest.fixture
def filled_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A cache with copies of the networks that the commands use; offline."""
    source, root = default_cache(), tmp_path / "cache"
    (root / "nets").mkdir(parents=True)
    for name in (*FeatureConfig().chosen.nets, *ANNOTATION_MODELS):
        source.ready(name)
        shutil.copy(source.path(name), root / "nets")
    shutil.copytree(source.root / "ready", root / "ready")
    monkeypatch.setenv("EVOKED_CACHE", str(root))
    monkeypatch.setenv("EVOKED_OFFLINE", "1")
    return root


@pytest.mark.usefixtures("no_loaded_networks")
@pytest.mark.parametrize(
    ("command", "network"), [("annotate", "face-mesh"), ("features", "yamnet"), ("predict", "efficientnet-lite2")]
)
def test_a_corrupt_network(
    evoked, media, model, tmp_path: Path, filled_cache: Path, command: str, network: str
) -> None:  # type: ignore[no-untyped-def]
    path = filled_cache / "nets" / NETS[network].file
    intact = path.read_bytes()
    path.write_bytes(intact[: len(intact) // 2] + bytes(8) + intact[len(intact) // 2 + 8 :])

    line = command_line(command, media, model, tmp_path / "x")

    assert_one_line(evoked(*line), f"weights '{network}'", str(path), f"run: evoked weights fetch {network}")
    path.write_bytes(intact)
    assert evoked(*line).code == 0  # the corrupt file was the only fault


@pytest.mark.usefixtures("no_loaded_networks")
def test_a_corrupt_converted_network_is_converted_again(
    evoked, media, model, tmp_path: Path, filled_cache: Path
) -> None:  # type: ignore[no-untyped-def]
    (converted,) = (
        p for p in (filled_cache / "ready").glob("yunet-*.onnx") if (p.with_name(p.name + ".sha256")).exists()
    )
    intact = converted.read_bytes()
    converted.write_bytes(b"corrupt" + intact[7:])

    result = evoked(*command_line("annotate", media, model, tmp_path / "x"))

    assert result.code == 0
    assert "is not as it was made: making it again" in result.err
    assert converted.read_bytes() == intact


@pytest.mark.usefixtures("no_loaded_networks")
@pytest.mark.parametrize("command", NETWORK_COMMANDS)
def test_an_unwritable_cache(evoked, media, model, tmp_path: Path, monkeypatch, command: str) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EVOKED_CACHE", str(tmp_path / "file" / "cache"))

    result = evoked(*command_line(command, media, model, tmp_path / "x"))

    assert_one_line(
        result, f"cannot write the cache {tmp_path / 'file' / 'cache'}", "Set EVOKED_CACHE to a folder that can be"
    )


@pytest.mark.usefixtures("no_loaded_networks")
@pytest.mark.parametrize("command", NETWORK_COMMANDS)
def test_offline_with_an_empty_cache(evoked, media, model, tmp_path: Path, monkeypatch, command: str) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("EVOKED_CACHE", str(tmp_path / "empty"))
    monkeypatch.setenv("EVOKED_OFFLINE", "1")
    line = command_line(command, media, model, tmp_path / "x")

    assert_one_line(
        evoked(*line), "is not in the cache", "and we are offline. Run once with a network: evoked weights fetch"
    )

    # several videos: the missing network is reported once
    several = [line[0], media["silent"], *line[1:-1], tmp_path / "folder"]
    assert_one_line(evoked(*several), "and we are offline")


@pytest.mark.usefixtures("no_loaded_networks")
@pytest.mark.parametrize("command", NETWORK_COMMANDS)
def test_offline_by_the_option(evoked, media, model, tmp_path: Path, monkeypatch, command: str) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("EVOKED_CACHE", str(tmp_path / "empty"))
    monkeypatch.delenv("EVOKED_OFFLINE", raising=False)

    assert_one_line(
        evoked(*command_line(command, media, model, tmp_path / "x"), "--offline"),
        "is not in the cache",
        "we are offline",
    )
