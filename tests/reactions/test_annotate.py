"""Real people, really annotated: who is seen when, and whether a smile is one."""

import gc
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from evoked.core.errors import EvokedError, MissingMedia, NoPictureError
from evoked.core.provenance import Provenance
from evoked.core.tables import read_table, write_table
from evoked.faces.detect import Face, FaceDetector
from evoked.faces.landmarks import BLENDSHAPES
from evoked.faces.mesh import FaceMesh, Mesh
from evoked.faces.video_detector import VideoFaceDetector
from evoked.media.decode import VideoFrame, read_media
from evoked.media.images import read_image
from evoked.media.write import VideoWriter
from evoked.reactions.expressions.prototype import PrototypeRecogniser
from evoked.reactions.viewers.annotation import AnnotateConfig, Annotation
from evoked.reactions.viewers.annotation_table import annotation_to_table, table_to_tracks
from evoked.reactions.viewers.annotator import Annotator
from evoked.weights.cache import Cache

pytestmark = pytest.mark.nets


@pytest.fixture(scope="module")
def annotator(cache: Cache) -> Annotator:
    return Annotator(cache=cache)


@pytest.fixture(scope="module")
def smiling(cache: Cache, annotator: Annotator) -> Annotation:
    return annotator(cache.clip("single_face.mp4"))


def shares(result: Annotation, viewer: str, expression: str, start_s: float, end_s: float) -> float:
    scores = result.viewers[viewer].scores
    at = (result.grid.seconds >= start_s) & (result.grid.seconds < end_s) & scores.valid
    return float((scores.values[at, scores.names.index(expression)] > 0.5).mean())


def test_a_neutral_face_that_begins_to_smile(smiling: Annotation) -> None:
    assert list(smiling.viewers) == ["v1"]
    assert smiling.viewers["v1"].scores.valid.all()
    assert shares(smiling, "v1", "amusement", 0, 0.6) == 0
    assert shares(smiling, "v1", "amusement", 1.2, 2.4) == 1


def test_ticks_are_a_sixth_of_a_second(smiling: Annotation) -> None:
    assert smiling.grid.rate == Fraction(6)
    assert smiling.grid.start == 0


def test_who_leaves_is_absent_not_zero(cache: Cache, annotator: Annotator) -> None:
    result = annotator(cache.clip("face_noface.mov"))
    (viewer,) = result.viewers.values()
    gone = result.grid.seconds > 3
    assert viewer.scores.valid[result.grid.seconds < 2].all()
    assert not viewer.scores.valid[gone].any()
    assert np.isnan(viewer.scores.values[gone]).all()


def test_where_nobody_is_there_are_no_viewers(cache: Cache, annotator: Annotator) -> None:
    result = annotator(cache.clip("no_face.mp4"))
    assert result.viewers == {}
    assert [len(c) for c in annotation_to_table(result, ("amusement",)).values()] == [0, 0, 0, 0]


def test_several_people_in_one_picture(cache: Cache, annotator: Annotator) -> None:
    result = annotator(cache.clip("multi_face.jpg"))
    assert result.viewers == {}  # one frame: too short for a viewer


def test_faces_of_the_content_are_left_out(cache: Cache, annotator: Annotator) -> None:
    class Whole:
        def is_content_face(self, picture: VideoFrame, rgb: np.ndarray, box: np.ndarray) -> bool:
            return True

    result = annotator(cache.clip("single_face.mp4"), Whole())
    assert result.viewers == {}
    assert result.content_faces == 1


def test_a_table_of_viewers_comes_back_as_it_was(smiling: Annotation, tmp_path: Path) -> None:
    names = smiling.viewers["v1"].scores.names
    write_table(tmp_path / "a.parquet", annotation_to_table(smiling, names), Provenance("annotate"))
    back = table_to_tracks(read_table(tmp_path / "a.parquet"), names)
    assert list(back) == ["v1"]
    np.testing.assert_allclose(back["v1"].values, smiling.viewers["v1"].scores.values, atol=1e-6)


def test_a_table_off_the_grid_is_refused(smiling: Annotation) -> None:
    table = {k: list(v) for k, v in annotation_to_table(smiling, smiling.viewers["v1"].scores.names).items()}
    table["time_s"] = [t + 0.05 for t in table["time_s"]]
    with pytest.raises(ValueError, match="must run from 0 in steps of 1/6 s"):
        table_to_tracks(table, smiling.viewers["v1"].scores.names)


def test_the_same_video_gives_the_same_numbers(cache: Cache, annotator: Annotator, smiling: Annotation) -> None:
    again = Annotator(cache=cache)(cache.clip("single_face.mp4"))
    np.testing.assert_array_equal(again.viewers["v1"].blendshapes.values, smiling.viewers["v1"].blendshapes.values)
    assert again.viewers["v1"].blendshapes.names == BLENDSHAPES


def test_a_still_shown_for_three_seconds_is_scored(cache: Cache, annotator: Annotator, tmp_path: Path) -> None:
    picture = read_image(cache.clip("0-f15-hao-ph.jpg"))  # laughing, posed
    with VideoWriter(tmp_path / "still.mp4", (picture.shape[1], picture.shape[0]), Fraction(25)) as video:
        for _ in range(75):
            video.picture(picture)
    result = annotator(tmp_path / "still.mp4")
    assert shares(result, "v1", "amusement", 0, 3) == 1
    assert result.viewers["v1"].scores.valid.all()


def test_three_threads_say_what_one_would(cache: Cache, smiling: Annotation) -> None:
    path = cache.clip("single_face.mp4")
    watch, mesh = VideoFaceDetector(FaceDetector(cache=cache), AnnotateConfig().detect_every), FaceMesh(cache)
    before: tuple[Face, Mesh] | None = None
    viewer = smiling.viewers["v1"]
    for picture in read_media(path, frames=smiling.grid):
        assert isinstance(picture, VideoFrame)
        rgb = picture.rgb()
        (face,) = watch.detect(rgb).faces
        seen = mesh(rgb, face, before)
        np.testing.assert_array_equal(viewer.boxes.values[picture.step], face.box)
        np.testing.assert_array_equal(viewer.blendshapes.values[picture.step], seen.blendshapes)
        before = (face, seen)


def test_a_frame_that_stays_is_looked_at_once(cache: Cache, annotator: Annotator, tmp_path: Path) -> None:
    class Outside:
        asked = 0

        def is_content_face(self, picture: VideoFrame, rgb: np.ndarray, box: np.ndarray) -> bool:
            self.asked += 1
            return False

    picture = read_image(cache.clip("single_face.jpg"))
    with VideoWriter(tmp_path / "slow.mp4", (picture.shape[1], picture.shape[0]), Fraction(1)) as video:
        for _ in range(4):
            video.picture(picture)
    outside = Outside()
    result = annotator(tmp_path / "slow.mp4", outside)
    assert outside.asked == 4
    assert result.viewers["v1"].scores.valid.sum() == 24


def test_what_goes_wrong_midway_is_told_and_leaves_nothing_open(cache: Cache, annotator: Annotator) -> None:
    class Broken:
        def is_content_face(self, picture: VideoFrame, rgb: np.ndarray, box: np.ndarray) -> bool:
            if picture.step == 3:
                raise OSError("the content cannot be read any more")
            return False

    path = cache.clip("single_face.mp4")
    with pytest.raises(OSError, match="cannot be read any more"):
        annotator(path, Broken())
    gc.collect()
    assert not any(link.exists() and link.samefile(path) for link in Path("/proc/self/fd").iterdir())
    assert not [t for t in threading.enumerate() if t.name == "prefetch"]


def test_bad_files_are_named(annotator: Annotator, tmp_path: Path) -> None:
    with pytest.raises(MissingMedia, match=r"nowhere\.mp4"):
        annotator(tmp_path / "nowhere.mp4")


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="min_mesh_score must be at most 1"):
        AnnotateConfig(min_mesh_score=2)


def test_sound_alone_shows_nobody(annotator: Annotator, tmp_path: Path) -> None:
    import av

    with av.open(str(tmp_path / "a.wav"), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.int16), format="s16", layout="mono")
        frame.sample_rate = 16000
        for packet in (*stream.encode(frame), *stream.encode(None)):
            out.mux(packet)
    with pytest.raises(NoPictureError, match="no picture"):
        annotator(tmp_path / "a.wav")


def test_a_recogniser_in_the_config_is_used_or_refused(tmp_path: Path) -> None:
    with pytest.raises(EvokedError, match="no recogniser in"):
        Annotator(config=AnnotateConfig(recogniser=str(tmp_path)))
    with pytest.raises(ValueError, match="not both"):
        Annotator(PrototypeRecogniser(), AnnotateConfig(recogniser=str(tmp_path)))
