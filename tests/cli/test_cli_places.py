"""Places: outputs that cannot be written, a full disk, a cache that is corrupt, unwritable or empty."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from evoked.features import jobs as features_jobs
from evoked.features.extract import FeatureConfig
from evoked.predict import jobs
from evoked.reactions.viewers.annotator import MODELS as LOOKED_WITH
from evoked.weights.cache import default_cache
from evoked.weights.catalogue import NETS

pytestmark = pytest.mark.nets

VERBS = ("annotate", "labels", "align", "features", "predict")
NET_VERBS = ("annotate", "features", "predict")


def words(verb: str, media: dict[str, Path], model: Path, out: Path) -> list[object]:
    """A command line that would do, were it not for the place; `out` has no suffix yet."""
    one = media["one_frame"]
    return {
        "annotate": ["annotate", one, "-o", f"{out}.csv"],
        "labels": ["annotate", one, "--labels", "-o", f"{out}.parquet"],
        "align": ["align", media["plain"], media["content"], "-o", f"{out}.json"],
        "features": ["features", one, "-o", f"{out}.safetensors"],
        "predict": ["predict", one, "--model", model, "-o", f"{out}.vtt"],
    }[verb]


def one_line(ran, *parts: str) -> None:  # type: ignore[no-untyped-def]
    assert (ran.code, ran.out) == (1, "")
    told = [line for line in ran.lines if not line.startswith("note: ")]
    assert len(told) == 1, ran.err
    assert told[0].startswith("evoked: ")
    for part in parts:
        assert part in told[0]


@pytest.mark.parametrize("verb", VERBS)
def test_a_file_in_place_of_the_folder(evoked, media, model, tmp_path: Path, verb: str) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "out").write_text("mine")

    ran = evoked(*words(verb, media, model, tmp_path / "out" / "deeper" / "x"))

    one_line(ran, "cannot write", "/out is a file, not a folder. Move it or choose another place")
    assert (tmp_path / "out").read_text() == "mine"


def test_it_is_said_before_the_work(evoked, media, model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "out").write_text("mine")
    monkeypatch.setenv("EVOKED_CACHE", str(tmp_path / "empty"))  # whoever loads a net first complains of it
    monkeypatch.setenv("EVOKED_OFFLINE", "1")
    for verb in VERBS:
        one_line(evoked(*words(verb, media, model, tmp_path / "out" / "x")), "/out is a file, not a folder")


@pytest.mark.parametrize("verb", VERBS)
def test_a_folder_in_place_of_the_file(evoked, media, model, tmp_path: Path, verb: str) -> None:  # type: ignore[no-untyped-def]
    line = words(verb, media, model, tmp_path / "x")
    (Path(str(line[-1])) / "mine").mkdir(parents=True)

    ran = evoked(*line)

    if verb in NET_VERBS:  # they take a folder for several; so one film goes into it, too
        assert ran.code == 0
        assert ran.out.startswith(str(line[-1]))
    else:
        one_line(ran, "it is a folder. Name a file in it")


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


@pytest.mark.parametrize("verb", VERBS)
def test_a_full_disk(evoked, media, model, tiny: Path, verb: str) -> None:  # type: ignore[no-untyped-def]
    (tiny / "full").write_bytes(bytes(shutil.disk_usage(tiny).total))

    ran = evoked(*words(verb, media, model, tiny / "x"))

    one_line(ran, f"cannot write {tiny}/x.", "No space left on device", "Free some space")
    assert [p.name for p in tiny.iterdir()] == ["full"]  # no half of a file is left


@pytest.fixture
def no_net_yet() -> Iterator[None]:
    """`predict` keeps its nets for the next video of a process."""
    jobs._predictor.cache_clear()
    features_jobs._extractor.cache_clear()
    yield
    jobs._predictor.cache_clear()
    features_jobs._extractor.cache_clear()


@pytest.fixture
def at_hand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A cache of one's own, with copies of the nets that the verbs use; no network."""
    there, root = default_cache(), tmp_path / "cache"
    (root / "nets").mkdir(parents=True)
    for name in (*FeatureConfig().chosen.nets, *LOOKED_WITH):
        there.ready(name)
        shutil.copy(there.path(name), root / "nets")
    shutil.copytree(there.root / "ready", root / "ready")
    monkeypatch.setenv("EVOKED_CACHE", str(root))
    monkeypatch.setenv("EVOKED_OFFLINE", "1")
    return root


@pytest.mark.usefixtures("no_net_yet")
@pytest.mark.parametrize(
    ("verb", "net"), [("annotate", "face-mesh"), ("features", "yamnet"), ("predict", "efficientnet-lite2")]
)
def test_a_corrupt_net(evoked, media, model, tmp_path: Path, at_hand: Path, verb: str, net: str) -> None:  # type: ignore[no-untyped-def]
    place = at_hand / "nets" / NETS[net].file
    whole = place.read_bytes()
    place.write_bytes(whole[: len(whole) // 2] + bytes(8) + whole[len(whole) // 2 + 8 :])

    line = words(verb, media, model, tmp_path / "x")

    one_line(evoked(*line), f"weights '{net}'", str(place), f"run: evoked weights fetch {net}")
    place.write_bytes(whole)
    assert evoked(*line).code == 0  # it was that and nothing else


@pytest.mark.usefixtures("no_net_yet")
def test_what_was_made_of_a_net_is_made_again(evoked, media, model, tmp_path: Path, at_hand: Path) -> None:  # type: ignore[no-untyped-def]
    (made,) = (p for p in (at_hand / "ready").glob("yunet-*.onnx") if (p.with_name(p.name + ".sha256")).exists())
    whole = made.read_bytes()
    made.write_bytes(b"corrupt" + whole[7:])

    ran = evoked(*words("annotate", media, model, tmp_path / "x"))

    assert ran.code == 0
    assert "is not as it was made: making it again" in ran.err
    assert made.read_bytes() == whole


@pytest.mark.usefixtures("no_net_yet")
@pytest.mark.parametrize("verb", NET_VERBS)
def test_an_unwritable_cache(evoked, media, model, tmp_path: Path, monkeypatch, verb: str) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EVOKED_CACHE", str(tmp_path / "file" / "cache"))

    ran = evoked(*words(verb, media, model, tmp_path / "x"))

    one_line(ran, f"cannot write the cache {tmp_path / 'file' / 'cache'}", "Set EVOKED_CACHE to a folder that can be")


@pytest.mark.usefixtures("no_net_yet")
@pytest.mark.parametrize("verb", NET_VERBS)
def test_offline_with_an_empty_cache(evoked, media, model, tmp_path: Path, monkeypatch, verb: str) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("EVOKED_CACHE", str(tmp_path / "empty"))
    monkeypatch.setenv("EVOKED_OFFLINE", "1")
    line = words(verb, media, model, tmp_path / "x")

    one_line(evoked(*line), "is not in the cache", "and we are offline. Run once with a network: evoked weights fetch")

    # several films: the net is told once, not once for each
    more = [line[0], media["silent"], *line[1:-1], tmp_path / "folder"]
    one_line(evoked(*more), "and we are offline")


@pytest.mark.usefixtures("no_net_yet")
@pytest.mark.parametrize("verb", NET_VERBS)
def test_offline_by_the_option(evoked, media, model, tmp_path: Path, monkeypatch, verb: str) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("EVOKED_CACHE", str(tmp_path / "empty"))
    monkeypatch.delenv("EVOKED_OFFLINE", raising=False)

    one_line(evoked(*words(verb, media, model, tmp_path / "x"), "--offline"), "is not in the cache", "we are offline")
