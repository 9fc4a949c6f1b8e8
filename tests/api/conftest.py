"""A small study of real videos, in a folder that the examples of docs/api.md run in."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))  # for odd_media, which is also a script

import odd_media

from staged_media import staged_folder
from staging.eev_release import ReleaseShape, write_release

matplotlib.use("Agg")  # no window

RATINGS = """\
video,start_s,end_s,viewer,rater,amusement,surprise
anna.mp4,0,3,v1,r1,1,0
anna.mp4,0,3,v1,r2,1,0
anna.mp4,3,6,v1,r1,1,0
anna.mp4,3,6,v1,r2,0,0
ben.mp4,0,3,v1,r1,0,0
ben.mp4,0,3,v1,r2,0,1
ben.mp4,3,6,v1,r1,1,0
ben.mp4,3,6,v1,r2,1,0
"""
STUDY = """\
[model]
image_units = 8
face_units = 4
audio_units = 4
window_s = 3
[train]
epochs = 2
threads = 1
[evaluate]
resamples = 50
[report]
preview_height = 72
"""


def render(folder: Path) -> None:
    """Two contents, two recordings, and a stream."""
    for start_s, content, reaction in (
        (odd_media.CONTENT_START_S, "trailer.mp4", "anna.mp4"),
        (odd_media.FOREIGN_START_S, "lesson.mp4", "ben.mp4"),
    ):
        source = odd_media.master(folder, "master.mkv", start_s)
        codecs = (*odd_media.X264, *odd_media.AAC)
        odd_media.run("-i", source, *codecs, folder / reaction)
        odd_media.run("-i", source, "-vf", "crop=256:144:0:0", *codecs, folder / content)
        source.unlink()
    odd_media.run("-i", folder / "trailer.mp4", *odd_media.X264, "-c:a", "mp2", folder / "stream.ts")


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with contents/, reactions/, ratings.csv and mystudy/."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg renders these videos: install it")
    media = staged_folder("api", __file__, render, Path(odd_media.__file__).read_bytes())
    root = tmp_path_factory.mktemp("api")
    for folder, names in (("contents", ("trailer.mp4", "lesson.mp4")), ("reactions", ("anna.mp4", "ben.mp4"))):
        for place in (root / folder, root / "mystudy" / folder):
            place.mkdir(parents=True)
            for name in names:
                (place / name).symlink_to(media / name)
    shutil.copy(media / "stream.ts", root / "contents" / "stream.ts")
    (root / "mystudy" / "study.toml").write_text(STUDY)
    (root / "ratings.csv").write_text(RATINGS)
    (root / "themes.csv").write_text("video,themes\ntrailer.mp4,film; comedy\n")
    write_release(root / "EEV", ReleaseShape({"train": [60], "val": [30], "test": [30]}), names=["-2bjRa1cFfY"])
    return root


@pytest.fixture
def in_workplace(workplace: Path) -> Iterator[Path]:
    """The folder, as working directory."""
    before = Path.cwd()
    os.chdir(workplace)
    yield workplace
    os.chdir(before)
