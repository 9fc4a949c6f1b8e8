"""The audit: copies that were changed are found, others are not, and a leak is one that crosses parts."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.fft import dct

from evoked.core.errors import DatasetError
from evoked.core.provenance import Provenance
from evoked.dataset.audit_dataset import audit_dataset
from evoked.dataset.manifest import MANIFEST, VideoEntry, write_manifest
from evoked.dataset.near_duplicates import HashedVideo, find_similar
from evoked.dataset.perceptual_hash import VIEWS, perceptual_hashes
from staged_media import staged_folder

SECONDS = 24


def scenes(seed: int, seconds: int = SECONDS) -> np.ndarray:
    """A picture a second, uint8 (seconds, 96, 96): soft random patterns that change every two seconds."""
    random = np.random.default_rng(seed)
    grid = random.integers(30, 255, (seconds // 2, 9, 9)).repeat(2, axis=0).astype(np.float32)
    at = np.linspace(0, 7.999, 96)
    low, share = at.astype(int), at - at.astype(int)
    across = grid[:, :, low] * (1 - share) + grid[:, :, low + 1] * share
    down = across[:, low] * (1 - share)[:, None] + across[:, low + 1] * share[:, None]
    return down.astype(np.uint8)


def hashed(pictures: np.ndarray) -> HashedVideo:
    return HashedVideo(*perceptual_hashes(pictures))


def test_a_hash_is_the_signs_of_the_low_frequencies() -> None:
    picture = scenes(1)[:1]
    blocks = picture[0].reshape(32, 3, 32, 3).mean(axis=(1, 3))
    low = dct(dct(blocks, axis=0), axis=1)[:8, :8]
    expected = int("".join("1" if value else "0" for value in (low > np.median(low)).ravel()), 2)
    hashes, valid = perceptual_hashes(picture)
    assert (int(hashes[0, 0]), valid.tolist(), hashes.shape) == (expected, [True], (1, len(VIEWS)))
    assert perceptual_hashes(picture[:, :, ::-1])[0][0, 0] == hashes[0, VIEWS.index((1.0, True))]
    assert not perceptual_hashes(np.full((1, 96, 96), 130, np.uint8))[1][0]  # flat: nothing to be recognised by


def test_borders_are_cut_off() -> None:
    boxed = np.zeros((SECONDS, 96, 96), np.uint8)
    boxed[:, 12:84] = scenes(2)[:, ::4].repeat(3, axis=1)
    plain = scenes(2)[:, ::4].repeat(4, axis=1)
    distance = np.bitwise_count(perceptual_hashes(boxed)[0][:, 0] ^ perceptual_hashes(plain)[0][:, 0])
    assert distance.max() <= 4


def test_excerpts_mirrors_crops_and_other_speeds_are_found_and_nothing_else() -> None:
    one = scenes(3, 60)
    noise = np.random.default_rng(0).normal(0, 6, one.shape)
    videos = {
        "one": hashed(one),
        "coded": hashed(np.clip(one + noise, 0, 255).astype(np.uint8)),
        "mirrored": hashed(one[:, :, ::-1]),
        "cropped": hashed(one[:, 5:91, 5:91]),
        "excerpt": hashed(one[20:40]),
        "fast": hashed(one[np.round(np.arange(58) * 1.03).astype(int)]),
        **{f"other{i}": hashed(scenes(100 + i, 60)) for i in range(40)},
    }
    pairs = {(p.first, p.second): p for p in find_similar(videos)}
    copies = sorted(name for name in videos if not name.startswith("other"))
    assert set(pairs) == {(a, b) for i, a in enumerate(copies) for b in copies[i + 1 :]}
    found = pairs["excerpt", "one"]
    assert (found.second_s - found.first_s, found.seconds, found.share) == (20, 20, 1.0)
    assert pairs["mirrored", "one"].mirrored
    assert pairs["cropped", "one"].cropped
    assert not pairs["coded", "one"].mirrored


def test_a_still_picture_is_no_evidence() -> None:
    still = scenes(5, 2)[:1].repeat(60, axis=0)
    first, second = np.concatenate([still, scenes(6, 20)]), np.concatenate([still, scenes(7, 20)])
    assert find_similar({"a": hashed(first), "b": hashed(second)}) == []
    assert find_similar({}) == []


def render(folder: Path) -> None:
    source = "mandelbrot=s=160x120:r=5:end_scale=0.02"
    other = "testsrc2=s=160x120:r=5"
    for name, film, change in (
        ("film.mp4", source, "null"),
        ("copy.mp4", source, "hflip,scale=120:90"),
        ("other.mp4", other, "null"),
    ):
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", film, "-t", "16", "-vf", change, "-pix_fmt",
                        "yuv420p", "-c:v", "libx264", str(folder / name)], check=True)  # fmt: skip


@pytest.fixture(scope="module")
def media() -> Path:
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg renders these videos: install it")
    return staged_folder("audit", __file__, render)


def test_a_leak_crosses_parts(media: Path, tmp_path: Path) -> None:
    entries = [
        VideoEntry("film.mp4", "train", sha256="a", channel="c"),
        VideoEntry("copy.mp4", "test", sha256="b"),
        VideoEntry("other.mp4", "validate", sha256="a", channel="c"),
        VideoEntry("gone.mp4", "train", sha256="d"),
    ]
    write_manifest(tmp_path / MANIFEST, entries, Provenance("test"))
    listed = audit_dataset(tmp_path)
    assert [(f.kind, f.videos, f.leak) for f in listed.findings] == [
        ("same file", ("film.mp4", "other.mp4"), True),
        ("same channel", ("film.mp4", "other.mp4"), False),
    ]
    found = audit_dataset(tmp_path, media, by_channel=True)
    assert (found.leaks, found.compared) == (3, 3)
    pictures = next(f for f in found.findings if f.kind == "same pictures")
    assert (pictures.videos, pictures.parts) == (("copy.mp4", "film.mp4"), ("test", "train"))
    assert "mirrored" in pictures.detail
    assert found.notes == (f"1 of 4 videos are not in {media}: their pictures were not compared",)
    assert len(list((tmp_path / "hashes").iterdir())) == 3
    (tmp_path / "hashes").iterdir().__next__().write_bytes(b"cut off")
    assert audit_dataset(tmp_path, media, by_channel=True) == found

    write_manifest(tmp_path / MANIFEST, [replace(e, part="train", sha256=None) for e in entries], Provenance("test"))
    together = audit_dataset(tmp_path, media)
    assert (together.leaks, [f.kind for f in together.findings]) == (0, ["same pictures"])
    with pytest.raises(DatasetError, match="none of the dataset's 4 videos is in"):
        audit_dataset(tmp_path, tmp_path / "hashes")
