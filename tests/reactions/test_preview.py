"""Previews: the drawing shows the annotation, and blurred faces are not detected again."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from evoked.core.time_grid import TimeGrid
from evoked.faces.detect import DetectConfig, FaceDetector
from evoked.faces.mesh import FaceMesh
from evoked.media.decode import VideoFrame, read_audio, read_media
from evoked.media.images import blur, read_image, resize
from evoked.media.probe import probe
from evoked.media.write import VideoWriter
from evoked.reactions.viewers import preview
from evoked.reactions.viewers.annotation import Annotation
from evoked.reactions.viewers.annotator import Annotator
from evoked.reactions.viewers.face_detections import CONTENT_FACE, UNNAMED, DetectionLog
from evoked.reactions.viewers.preview import draw_detections, write_preview
from evoked.weights.cache import Cache

pytestmark = pytest.mark.nets
RATE, SECONDS, SIZE, HZ = Fraction(12), 2, (640, 272), 44100
Rgb = np.ndarray


def clip(cache: Cache, name: str, start_s: int) -> list[Rgb]:
    grid = TimeGrid(RATE, SECONDS * int(RATE), Fraction(start_s))
    return [p.rgb() for p in read_media(cache.clip(name), frames=grid) if isinstance(p, VideoFrame)]


@pytest.fixture(scope="module")
def reaction(cache: Cache, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A man beside a woman, who comes after a second; and a tone."""
    path = tmp_path_factory.mktemp("preview") / "two.mp4"
    man, woman = clip(cache, "single_face.mp4", 0), clip(cache, "WolfgangLanger_Pexels.mp4", 13)
    tone = (0.3 * np.sin(np.arange(SECONDS * HZ) * 2 * np.pi * 440 / HZ)).astype(np.float32)
    tone[: HZ // 2] = 0
    with VideoWriter(path, SIZE, RATE, HZ, quality=18) as writer:
        writer.sound(tone)
        for step, (left, right) in enumerate(zip(man, woman, strict=True)):
            rgb = np.full((SIZE[1], SIZE[0], 3), 120, np.uint8)
            rgb[:, :320] = resize(np.ascontiguousarray(left[:, 80:500]), (320, 272))
            if step >= RATE:
                rgb[:, 320:] = resize(np.ascontiguousarray(right[:, 220:640]), (320, 272))
            writer.picture(rgb)
    return path


@pytest.fixture(scope="module")
def annotator(cache: Cache) -> Annotator:
    return Annotator(cache=cache)


@pytest.fixture(scope="module")
def found(annotator: Annotator, reaction: Path) -> Annotation:
    return annotator(reaction)


def pictures(path: Path) -> list[Rgb]:
    return [p.rgb() for p in read_media(path, frames=probe(path).grid(RATE)) if isinstance(p, VideoFrame)]


def faces(cache: Cache, path: Path) -> int:
    detect = FaceDetector(cache=cache)
    return sum(len(detect(rgb)) for rgb in pictures(path)[::2])


def test_the_detections_are_the_viewers_boxes(found: Annotation) -> None:
    assert list(found.viewers) == ["v1", "v2"]
    for step, seen in found.detections.at.items():
        for one in seen:
            np.testing.assert_array_equal(found.viewers[one.name].boxes.values[step], one.box)
    assert sum(map(len, found.detections.at.values())) == sum(int(v.boxes.valid.sum()) for v in found.viewers.values())


def test_a_preview_is_the_video_with_boxes_and_sound(found: Annotation, reaction: Path, tmp_path: Path) -> None:
    out = tmp_path / "preview.mp4"
    write_preview(reaction, found, out, hide=False)
    ours, theirs = probe(out), probe(reaction)
    assert ours.picture is not None
    assert (ours.picture.width, ours.picture.height, ours.picture.average_rate) == (*SIZE, RATE)
    assert float(abs(ours.duration_s - theirs.duration_s)) < 0.1
    heard, played = read_audio(out, 8000)[:15000], read_audio(reaction, 8000)[:15000]
    assert np.corrcoef(np.abs(heard), np.abs(played))[0, 1] > 0.9
    green = [(rgb[..., 1].astype(int) - rgb[..., 0] > 60).sum() for rgb in pictures(out)]
    assert min(green) > 100
    assert max((rgb[..., 1].astype(int) - rgb[..., 0] > 60).sum() for rgb in pictures(reaction)) < 50


def test_in_a_blurred_preview_the_detector_finds_nobody(
    cache: Cache, found: Annotation, reaction: Path, tmp_path: Path
) -> None:
    out = tmp_path / "blurred.mp4"
    write_preview(reaction, found, out, hide=True)
    assert faces(cache, reaction) >= 16
    assert faces(cache, out) == 0
    before, after = pictures(reaction)[0], pictures(out)[0]
    assert np.abs(before[:, :8].astype(int) - after[:, :8]).mean() < 4  # beside the faces it is the same


def blurred_in_full(rgb: Rgb, box: np.ndarray) -> None:
    """The definition: six cells across, enlarged, and a Gaussian of a twelfth of the patch over every pixel."""
    x, y, width, height = (float(v) for v in box)
    left, top = round(x - width / 4), round(y - height / 4)
    face = rgb[top : round(y + 1.25 * height), left : round(x + 1.25 * width)]
    size = (face.shape[1], face.shape[0])
    cells = cv2.resize(np.ascontiguousarray(face), (6, 6), interpolation=cv2.INTER_AREA)
    face[...] = cv2.GaussianBlur(cv2.resize(cells, size), (0, 0), max(size) / 12)


def detail(rgb: Rgb, box: np.ndarray) -> float:
    """Power above three cycles across a box, as a share of the variance; the box is tapered to its edges."""
    x, y, width, height = (int(v) for v in box)
    grey = rgb[y : y + height, x : x + width].mean(axis=2)
    tapered = (grey - grey.mean()) * np.outer(np.hanning(height), np.hanning(width))
    power = np.abs(np.fft.fft2(tapered)) ** 2
    cycles = [np.abs(np.fft.fftfreq(n)) * n for n in tapered.shape]
    return float(power[np.maximum.outer(*cycles) > 3].sum() / power.sum())


@pytest.mark.parametrize("width", [60, 200, 500])
def test_a_blurred_face_is_as_by_a_gaussian_over_every_pixel_from_few_of_them(
    cache: Cache, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rgb = resize(read_image(cache.clip("single_face.jpg")), (1280, 1260))
    box = np.array([390, 260, width, 1.2 * width], np.float32)
    expected, ours, pixels = rgb.copy(), rgb.copy(), []

    def counted(image: Rgb, sigma: float) -> Rgb:
        pixels.append(image.shape[0] * image.shape[1])
        return blur(image, sigma)

    monkeypatch.setattr(preview, "blur", counted)
    blurred_in_full(expected, box)
    annotation = Annotation(TimeGrid(Fraction(6), 1), {}, 0, 0, 0.0, detections=DetectionLog())
    annotation.detections.append(0, box, -1)
    draw_detections(ours, annotation, 0.0, hide=True)
    x, y = int(box[0]) + 4, int(box[1]) + 4  # the box's line is drawn on its edge
    inside = np.s_[y : y + int(box[3]) - 8, x : x + int(box[2]) - 8]
    assert np.abs(ours[inside].astype(int) - expected[inside]).max() <= 2
    assert max(pixels) <= 100 * 100
    inner = np.array([x, y, box[2] - 8, box[3] - 8])
    assert detail(rgb, inner) > 0.005
    assert detail(ours, inner) < 2 * detail(expected, inner) < 0.001


@pytest.mark.parametrize("width", [120, 620])
def test_neither_detector_nor_mesh_finds_a_blurred_face(cache: Cache, width: int) -> None:
    """Also with a low threshold, and with the place of the face known."""
    portrait = read_image(cache.clip("single_face.jpg"))
    rgb = resize(portrait, (2 * width, 2 * width))
    detect = FaceDetector(DetectConfig(min_score=0.3), cache)
    face = detect(rgb)[0]
    annotation = Annotation(TimeGrid(Fraction(6), 1), {}, 0, 0, 0.0, detections=DetectionLog())
    annotation.detections.append(0, face.box, -1)
    hidden = rgb.copy()
    draw_detections(hidden, annotation, 0.0, hide=True)
    mesh = FaceMesh(cache)
    assert mesh(rgb, face).presence > 0.9
    assert detect(hidden) == []
    assert mesh(hidden, face).presence < 0.1


def test_the_films_faces_are_hidden_too(cache: Cache, annotator: Annotator, reaction: Path, tmp_path: Path) -> None:
    class Whole:
        def is_content_face(self, picture: VideoFrame, rgb: np.ndarray, box: np.ndarray) -> bool:
            return True

    found = annotator(reaction, Whole())
    assert found.viewers == {}
    assert {one.name for seen in found.detections.at.values() for one in seen} == {CONTENT_FACE}
    write_preview(reaction, found, tmp_path / "content.mp4", hide=True)
    assert faces(cache, tmp_path / "content.mp4") == 0


def test_an_interruption_leaves_no_file(found: Annotation, reaction: Path, tmp_path: Path) -> None:
    def stop(done: float, total: float | None, note: str = "") -> None:
        if done > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_preview(reaction, found, tmp_path / "half.mp4", hide=True, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_boxes_move_evenly_and_newcomers_are_hidden_before_they_are_found() -> None:
    seen = DetectionLog()
    at = [np.array([10 * step, 0, 20, 20], np.float32) for step in range(12)]
    for step in range(5, 8):
        seen.append(step, at[step], 3)
    seen.append(6, np.array([300, 300, 9, 9], np.float32), -1)
    named = seen.with_identities({3: "v1"})
    (one,) = named.between(5.5)
    assert (one.name, one.box.tolist()) == ("v1", [55, 0, 20, 20])
    assert [(s.name, s.box[0]) for s in named.between(6.25)] == [("v1", 62.5), (UNNAMED, 300)]
    assert list(named.between(8.5)) == []
    hidden = {t: {round(float(b[0])) for b in named.boxes_to_blur(t)} for t in (0.9, 1.5, 4.5, 6.5, 9.5, 10.5, 11.5)}
    assert hidden[0.9] == hidden[11.5] == set()  # longer before and after than a whole look takes to come round
    assert hidden[1.5] == {50}
    assert {50} < hidden[4.5]
    assert {60, 70, 300} <= hidden[6.5]
    assert 70 in hidden[9.5]
    assert hidden[10.5] == {70}
