"""Extract image, face and audio features of a content video, one row per second.

One pass over the file feeds all three modalities. Decoding and scaling run in a separate thread, ahead of
the networks; apart from the rows (10 kB a second), memory does not depend on the length of the video.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evoked.core.damage import Damage
from evoked.core.errors import NoPictureError
from evoked.core.files import sha256
from evoked.core.progress import Progress, silent
from evoked.core.provenance import Provenance
from evoked.core.settings import setting, settings
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.faces.descriptors import open_descriptors, width_of
from evoked.faces.detect import DetectConfig, FaceDetector
from evoked.features import audio, face, image
from evoked.features.sets import SETS, FeatureSet
from evoked.media.decode import AudioChunk, MediaReader, VideoFrame, damage_lines, prefetch, read_media
from evoked.media.probe import Media, probe
from evoked.parallel.processes import worker_threads
from evoked.weights.cache import Cache, default_cache
from evoked.weights.catalogue import NETS
from evoked.weights.session import open_net

__all__ = ["MODALITIES", "Extractor", "FeatureConfig", "Features", "ModalityRows", "digests", "extract"]

MODALITIES = ("image", "face", "audio")
BATCH = 8  # frames: larger batches are not faster, and 1.2 s of work is not far behind the decoder


@settings
class FeatureConfig:
    """Settings of feature extraction."""

    features: str = setting("open", f"set of networks: {', '.join(SETS)} (docs/weights.md says where each comes from)")
    face_net: str = setting(
        "", 'describes the faces; "": as the set has it; nn2: the paper\'s, with weights that you provide'
    )
    precision: Literal["f32", "bf16"] = setting(
        "f32", "of the image network: f32, or bf16 where the CPU supports it (slightly different features)"
    )
    threads: int = setting(0, "threads of the networks; 0: as many as the process may use", ge=0)
    detector_size: int = setting(480, "longest side at which frames are searched for faces, pixels")
    min_score: float = setting(0.6, "faces less certain than this are left out", gt=0, lt=1)
    audio_track: int = setting(0, "which audio track is described, from 1; 0: the one that a player plays", ge=0)

    def __post_init__(self) -> None:
        if self.features not in SETS:
            raise ValueError(f"features must be one of {', '.join(SETS)}, got {self.features!r}")
        _ = self.chosen  # raises if there is no such face_net
        DetectConfig(detector_size=self.detector_size, min_score=self.min_score)  # raises for values out of range

    def as_dict(self) -> dict[str, object]:
        """Settings that affect the features of every video; threads do not, the audio track is chosen per video."""
        models = {"features": self.features, "face_net": self.face_net}
        return models | {"precision": self.precision, "detector_size": self.detector_size, "min_score": self.min_score}

    @property
    def chosen(self) -> FeatureSet:
        """The networks that are run."""
        named = SETS[self.features]
        return replace(named, face=self.face_net) if self.face_net else named


@dataclass(frozen=True, eq=False)
class Features:
    """Features of T seconds of a content.

    Attributes:
        image: (T, D), the frame shown at each second; not valid after the end of a file that was cut off.
        face: (T, 2·D), the two largest faces, the largest first; all rows are valid, with zeros where
            a face is missing.
        face_valid: bool (T, 2), which of the two are present.
        audio: (T, D); not valid where the audio has not begun, has ended, or the file has none.
        damage: of the file, one line each; not stored with the features.
        defects: the same with kinds and seconds.

    Raises:
        ValueError: if they are not on one grid, or the mask does not fit.
    """

    image: Track
    face: Track
    face_valid: NDArray[np.bool_]
    audio: Track
    damage: tuple[str, ...] = ()
    defects: tuple[Damage, ...] = ()

    def __post_init__(self) -> None:
        if not self.image.grid == self.face.grid == self.audio.grid:
            raise ValueError("image, face and audio must be on one grid")
        shape = (self.face.grid.steps, self.face_valid.shape[-1])
        if self.face_valid.shape != shape or self.face_valid.dtype != np.bool_:
            raise ValueError(f"face_valid must be bool of shape {shape}, got {self.face_valid.shape}")

    @property
    def grid(self) -> TimeGrid:
        """Which second each row describes."""
        return self.image.grid

    def filled(self) -> dict[str, NDArray[np.float32]]:
        """Modality → (T, D), all finite: zeros where not valid, the input of the model."""
        tracks = {"image": self.image, "face": self.face, "audio": self.audio}
        return {name: np.nan_to_num(track.values, nan=0.0) for name, track in tracks.items()}


class ModalityRows(NamedTuple):
    """Feature rows of a content while they are computed."""

    images: image.ImageRows
    faces: face.FaceRows
    sounds: audio.SoundRows


class Extractor:
    """Extracts features of any number of videos with networks that are loaded once.

    Args:
        config: settings.
        cache: where the networks are.
        batch: batch size of the image network, in frames; 1 for frames that arrive one by one.

    Attributes:
        config: the settings.
        nets: name → sha256 of each network that is run.

    Raises:
        WeightsError: if a network is not available.
    """

    def __init__(self, config: FeatureConfig | None = None, cache: Cache | None = None, batch: int = BATCH) -> None:
        self.config = config or FeatureConfig()
        cache = cache or default_cache()
        chosen, count = self.config.chosen, self.config.threads or worker_threads()
        self._wants = NETS[chosen.image].input
        self._batch = batch
        shape, half = (batch, *self._wants.shape[1:]), self.config.precision == "bf16"
        self._image = open_net(chosen.image, cache, "bf16" if half else "f32", count, shape=shape)
        self._audio, self._floor = open_net(chosen.audio, cache, threads=count), audio.FLOORS[chosen.audio]
        detect = DetectConfig(detector_size=self.config.detector_size, min_score=self.config.min_score)
        self._detector = FaceDetector(detect, cache, count)
        self._describe, self._width = open_descriptors((chosen.face,), cache, count), width_of((chosen.face,))
        self.nets = digests(self.config, cache)

    def __call__(self, path: Path, progress: Progress = silent, audio_track: int | None = None) -> Features:
        """Describe one video.

        Args:
            path: a video file; its audio is described if it has any.
            progress: called with the seconds done and their total.
            audio_track: which of its audio tracks, from 1; 0: the one that a player plays; None: as the config says.

        Returns:
            The features, one row per second.

        Raises:
            NoPictureError: if the file has no video stream.
            MediaError: if the file is not a media file.
        """
        media = probe(path, self.config.audio_track if audio_track is None else audio_track)
        if media.picture is None:
            raise NoPictureError(f"{path} has no picture: features describe videos. Name a file with a video stream")
        grid = media.seconds
        images, faces, sounds = self.rows(grid.steps)
        shown_s = grid.seconds.copy()
        reader = read_media(path, frames=grid, audio_hz=audio.HZ if media.sound else None, media=media)
        for item in prefetch(self._prepared(reader, media), depth=16):
            if isinstance(item, _Shown):
                shown_s[item.picture.step] = float(item.picture.pts_s)
                images.take(item.picture.step, item.picture.index, item.square)
                faces.take(item.picture, item.search)
                progress(item.picture.step + 1, grid.steps)
            else:
                sounds.take(item)
        shown = reader.picture_valid(grid, shown_s)  # other rows would repeat an earlier frame
        faces.rows[~shown], faces.valid[~shown] = 0, False
        return Features(
            _track(grid, "image", images.end(), shown),
            _track(grid, "face", faces.rows, np.ones(grid.steps, dtype=np.bool_)),
            faces.valid,
            _track(grid, "audio", sounds.end(), _heard(media, reader)),
            damage_lines(reader),
            reader.damage,
        )

    def rows(self, seconds: int) -> ModalityRows:
        """New rows for a number of seconds, with the networks that compute them."""
        return ModalityRows(
            image.ImageRows(self._image, self._wants, seconds, self._batch),
            face.FaceRows(self._detector, self._describe, self._width, seconds),
            audio.SoundRows(self._audio, self._floor, seconds),
        )

    def scaled(self, picture: VideoFrame, width: int, height: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Scale a frame for the image network and for the face detector.

        Args:
            picture: the frame.
            width, height: of the video, in pixels.

        Returns:
            RGB pixels for the image network, and for the face detector.
        """
        side = self._wants.shape[-1]
        return picture.rgb((side, side)), picture.rgb(face.search_size(width, height, self.config.detector_size))

    def patches(self) -> audio.Patches:
        """A new splitter of an audio stream into the patches of the audio network."""
        return audio.Patches(self._floor)

    def provenance(self, path: Path) -> Provenance:
        """Provenance of the features of a video."""
        return Provenance("features", self.config.as_dict(), {path.name: sha256(path)}, self.nets)

    def _prepared(self, reader: MediaReader, media: Media) -> Iterator["_Shown | NDArray[np.float32]"]:
        """Scaled frames and audio patches: the work of the decoding thread."""
        assert media.picture is not None
        size = (media.picture.width, media.picture.height)
        patches, before = self.patches(), -1
        try:
            for item in reader:
                if isinstance(item, AudioChunk):
                    yield from patches.take(item)
                elif item.index == before:
                    yield _Shown(item, None, None)
                else:
                    before = item.index
                    yield _Shown(item, *self.scaled(item, *size))
            yield from patches.end()
        finally:
            reader.close()


def digests(config: FeatureConfig, cache: Cache) -> dict[str, str]:
    """The sha256 of each network that a config runs; a file of the user's is hashed.

    Args:
        config: settings, with the set of networks.
        cache: where the networks are.

    Returns:
        Name → sha256.

    Raises:
        WeightsMissing: if a file that the user must provide is missing.
    """
    return {name: cache.digest(name) for name in config.chosen.nets}


def extract(
    path: Path, config: FeatureConfig | None = None, cache: Cache | None = None, progress: Progress = silent
) -> Features:
    """Extract the features of one video; for several, use Extractor.

    Args:
        path: a video file; its audio is described if it has any.
        config: settings; the defaults where None.
        cache: where the networks are.
        progress: called with the seconds done and their total.

    Returns:
        The features, one row per second.

    Raises:
        MediaError or a subclass: if the video cannot be used.
        WeightsError: if a network is not available.
    """
    return Extractor(config, cache)(path, progress)


@dataclass(frozen=True, eq=False)
class _Shown:
    """The frame of a second, scaled for both networks; None where it repeats the frame before."""

    picture: VideoFrame
    square: NDArray[np.uint8] | None
    search: NDArray[np.uint8] | None


def _heard(media: Media, reader: MediaReader) -> NDArray[np.bool_]:
    """bool (T,): the seconds [t, t + 1) in which the sound stream has something, and nothing of it is damaged.

    Args:
        media: the file.
        reader: the same, read to its end.
    """
    seconds = range(media.seconds.steps)
    if media.sound is None:
        return np.zeros(len(seconds), dtype=np.bool_)
    first, last = media.sound.start_s, media.sound.start_s + media.sound.duration_s
    end_s = reader.broke_off_s.get("sound", np.inf)
    heard = np.array([t + 1 > first and t < last and t < end_s for t in seconds], dtype=np.bool_)
    for from_s, to_s in reader.lost_sound_s:
        heard[int(from_s) : int(np.ceil(to_s))] = False
    for from_s, to_s in reader.sound_gaps_s:
        heard[int(np.ceil(from_s)) : int(to_s)] = False
    return heard


def _track(grid: TimeGrid, name: str, rows: NDArray[np.float32], valid: NDArray[np.bool_]) -> Track:
    return Track.masked(grid, tuple(f"{name}_{i}" for i in range(rows.shape[1])), rows, valid)
