"""A recording of the grid, frame by frame."""

from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.core.time_grid import TimeGrid
from evoked.media.decode import VideoFrame, prefetch, read_audio, read_media
from evoked.media.images import blur, draw_text, resize
from evoked.media.write import VideoWriter
from evoked.sample.plan import AWAY, FRAME_MS, NEUTRAL, SMILE
from evoked.sample.render import CAPTION, CONTENT_RATE, CONTENT_SIZE, REACTION_RATE, ScreenContent
from evoked.sample.soundtrack import HZ, Sound
from evoked.sample.source_clips import VIEWERS, Box, ViewerClip
from staging.acoustics import recorded
from staging.face_placement import Boxes, Placed, clip_frames, to_and_fro
from staging.false_faces import moved, poster, sway
from staging.recording_plan import COVERED, Clipping, Take, seat_of

Rgb = NDArray[np.uint8]
DIM = (0.35, 6.0)  # low light: what brightness is multiplied by, and the noise added then, in grey levels
WIDER = 0.15  # a hand or a cushion reaches so far beyond the face's box, as a share of it


def actor_crop(actor: ViewerClip) -> Box:
    """The part of an actor's clip that fills the film's frame in their scene."""
    return actor.person(CONTENT_SIZE[0] / CONTENT_SIZE[1])


def write_clipping(film: Path, content: Clipping, heard: Sound, actor_clip: Path | None, path: Path) -> None:
    """Cut a stretch of the film, with an actor's scene in it where one is planned.

    Args:
        film: the whole film.
        content: which stretch, and which scene.
        heard: its own sound at HZ; the scene changes the picture only.
        actor_clip: the actor's clip; None where there is no actor.
        path: the MP4 to write.
    """
    scene: list[Rgb] = []
    if content.actor and actor_clip:
        actor = VIEWERS[content.actor]
        scene = [
            resize(_cut(f, actor_crop(actor)), CONTENT_SIZE)
            for f in clip_frames(actor_clip, actor.neutral_s, actor.size)
        ]
    rate = int(CONTENT_RATE)
    grid = TimeGrid(CONTENT_RATE, content.seconds * rate, Fraction(content.film_start_s))
    with VideoWriter(path, CONTENT_SIZE, CONTENT_RATE, HZ, preset="ultrafast") as writer:
        for picture in prefetch(read_media(film, frames=grid)):
            assert isinstance(picture, VideoFrame)
            if picture.step % rate == 0:
                writer.sound(heard[picture.step // rate * HZ :][:HZ])
            at = actor_frame(content, picture.step, len(scene))
            writer.picture(picture.rgb(CONTENT_SIZE) if at is None else scene[at])


def actor_frame(content: Clipping, step: int, frames: int) -> int | None:
    """Which of the actor's frames a step of the content (at CONTENT_RATE) shows; None outside the scene."""
    first, past = (s * int(CONTENT_RATE) for s in content.scene_s)
    return to_and_fro(step - first, frames) if content.actor and first <= step < past else None


class Seat:
    """A viewer as the recording shows them.

    Args:
        viewer: who.
        clip: their clip.
        placed: from the clip into the frame.
        boxes: state → boxes of their face in the clip, as `found_boxes` gives them.
        dim: whether the light is low.
        poster: on the wall beside the viewer: its picture, and its left upper corner in the seat; None: none.
    """

    def __init__(
        self,
        viewer: ViewerClip,
        clip: Path,
        placed: Placed,
        boxes: dict[str, list[list[float]]],
        dim: bool,
        poster: tuple[Rgb, tuple[int, int]] | None = None,
    ) -> None:
        self._placed, self._dim, self._poster = placed, dim, poster
        size = placed.seat[2:]
        nobody = viewer.nobody(size[0] / size[1])
        plain = clip_frames(clip, viewer.neutral_s, viewer.size)
        covered = [_covered(f, box) for f, box in zip(plain, boxes[NEUTRAL], strict=True)]
        self._frames: dict[str, list[Rgb]] = {
            NEUTRAL: [_cut(f, placed.crop) for f in plain],
            COVERED: [_cut(f, placed.crop) for f in covered],
            AWAY: [_cut(f, nobody) for f in plain],
            SMILE: [_cut(f, placed.crop) for f in clip_frames(clip, viewer.smile_s, viewer.size)]
            if viewer.smile_s
            else [],
        }
        self._grain = np.random.default_rng(0).normal(0, DIM[1], (*size[::-1], 1)).astype(np.float32)
        self._last: tuple[tuple[str, int], Rgb] | None = None

    def picture(self, state: str, tick: int) -> Rgb:
        """The picture of a state at a tick of REACTION_RATE, as large as the seat."""
        frames = self._frames[state]
        key = (state, to_and_fro(tick, len(frames)))
        if self._last is None or self._last[0] != key:
            shown = resize(frames[key[1]], self._placed.seat[2:])
            shown = shown[:, ::-1] if self._placed.mirrored else shown
            if self._poster:
                (hung, (x, y)), shown = self._poster, shown.copy()
                shown[y : y + hung.shape[0], x : x + hung.shape[1]] = hung
            if self._dim:
                shown = np.clip(shown * np.float32(DIM[0]) + np.roll(self._grain, 7 * tick), 0, 255).astype(np.uint8)
            self._last = (key, shown)
        return self._last[1]


def seat_in(take: Take, number: int) -> Placed:
    """Where a viewer of a take is put."""
    return seat_of(take.viewers[number], take.scene.seats[number], take.condition)


def write_take(take: Take, content: Path, clips: dict[str, Path], boxes: Boxes, path: Path) -> None:
    """Stage a recording.

    Args:
        take: what is planned.
        content: the file that is watched.
        clips: viewer → their clip, and poster → its picture.
        boxes: where the faces are in the clips.
        path: the MP4 to write.
    """
    scene = take.scene
    dim = take.condition.light == "dim"
    hung = [_poster_in(take, i, clips) for i in range(len(take.viewers))]
    seats = [Seat(VIEWERS[v], clips[v], seat_in(take, i), boxes[v], dim, hung[i]) for i, v in enumerate(take.viewers)]
    heard = recorded(take, read_audio(content, HZ))
    screen = _Replayed(content, scene.film[2:]) if scene.film else None
    film: Rgb | None = None
    per_frame = HZ * FRAME_MS // 1000
    with VideoWriter(path, scene.frame, REACTION_RATE, HZ, quality=25, preset="ultrafast") as writer:
        for tick in range(take.duration_ms // FRAME_MS):
            ms = Fraction(tick * FRAME_MS)
            at = take.content_ms(ms)
            if screen and at is not None:
                film = screen.at(at)
                film = film[:, ::-1] if take.condition.film_mirrored else film
            elif ms >= take.parts[-1].reaction_end_ms:
                film = None
            still = [seat.picture(take.state(i, ms), tick) for i, seat in enumerate(seats)]
            shown = [moved(rgb, sway(take.condition, tick, rgb.shape[0])) for rgb in still]
            if tick % REACTION_RATE == 0:
                writer.sound(heard[tick * per_frame :][:HZ])
            writer.picture(_frame(take, film, shown))


def _frame(take: Take, film: Rgb | None, shown: list[Rgb]) -> Rgb:
    """One frame: film and viewers in their boxes, the word "staged" in the first seat's lower left corner."""
    scene = take.scene
    canvas = np.zeros((scene.frame[1], scene.frame[0], 3), dtype=np.uint8)
    parts = list(zip(scene.seats, shown, strict=True))
    if scene.film and film is not None:
        parts.insert(len(parts) if scene.film_on_top else 0, (scene.film, film))
    for (x, y, w, h), picture in parts:
        canvas[y : y + h, x : x + w] = picture
    if take.false_face and take.false_face.kind == "copy":
        x, y, w, h = take.false_face.box
        copy = resize(np.ascontiguousarray(shown[take.false_face.viewer]), (w, h))
        canvas[y : y + h, x : x + w] = copy[:, ::-1] if take.false_face.mirrored else copy
    x, y, _, h = scene.seats[0]
    draw_text(canvas, CAPTION, (x + 4, y + h - 4), (235, 235, 235), height=10)
    return canvas


def _poster_in(take: Take, viewer: int, pictures: dict[str, Path]) -> tuple[Rgb, tuple[int, int]] | None:
    """The poster beside a viewer, and its corner in their seat."""
    face = take.false_face
    if face is None or face.kind != "poster" or face.viewer != viewer:
        return None
    seat = take.scene.seats[viewer]
    return poster(pictures[face.source], face.box[2:]), (face.box[0] - seat[0], face.box[1] - seat[1])


class _Replayed:
    """A Screen that can be wound back: it opens the content anew."""

    def __init__(self, content: Path, size: tuple[int, int]) -> None:
        self._content, self._size = content, size
        self._screen = ScreenContent(content, size)
        self._at = Fraction(0)

    def at(self, content_ms: Fraction) -> Rgb:
        if content_ms < self._at:
            self._screen = ScreenContent(self._content, self._size)
        self._at = content_ms
        return self._screen.at(int(content_ms))


def _covered(rgb: Rgb, box: list[float]) -> Rgb:
    """Something soft and of one colour held before a face: what is left of the picture there is its mean."""
    x, y, w, h = box
    left, top = max(0, round(x - WIDER * w)), max(0, round(y - WIDER * h))
    right, bottom = round(x + (1 + WIDER) * w), round(y + (1 + WIDER) * h)
    out = rgb.copy()
    out[top:bottom, left:right] = (70, 95, 120)
    return blur(out, 2.0)


def _cut(rgb: Rgb, box: Box) -> Rgb:
    x, y, w, h = box
    return rgb[y : y + h, x : x + w].copy()
