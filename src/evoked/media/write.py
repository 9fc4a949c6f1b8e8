"""Write videos atomically: H.264 and AAC in MP4."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from evoked.core.errors import OutputError
from evoked.core.files import writing
from evoked.media.container import open_container

__all__ = ["VideoWriter", "read_comment"]

AAC_RATES = (7350, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)


class VideoWriter:
    """Writes frames at a constant rate, and audio; a context manager.

    The complete file appears when the block ends without an error; else there is none. Odd sizes are
    made even by repeating the last column or row, as 4:2:0 requires.

    Args:
        path: the file to write; ends in .mp4 (or .mkv, .mov).
        size: (width, height) of the frames.
        rate: frames per second.
        sound_hz: samples per second of the mono audio; None for no audio.
        quality: libx264's crf: 0 lossless, 18 hardly visible loss, 23 default, 51 worst.
        preset: libx264's: "ultrafast" … "veryslow".
        comment: written into the file's metadata.

    Raises:
        OutputError: if it cannot be written (folder, permission, full disk); also while writing.
        ValueError: for a size, rate, quality or sample rate that is not valid.
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        rate: Fraction,
        sound_hz: int | None = None,
        quality: int = 23,
        preset: str = "veryfast",
        comment: str = "",
    ) -> None:
        if min(size) < 1 or rate <= 0:
            raise ValueError(f"size and rate must be above zero, got {size[0]}x{size[1]} at {rate} per second")
        if not 0 <= quality <= 51:
            raise ValueError(f"quality must be from 0 (lossless) to 51 (worst), got {quality}")
        if sound_hz is not None and sound_hz not in AAC_RATES:
            raise ValueError(f"sound_hz must be one of {AAC_RATES}, got {sound_hz}")
        self.path, self.size, self.rate, self.sound_hz = path, size, Fraction(rate), sound_hz
        self._comment = comment
        self._options = {"crf": str(quality), "preset": preset}
        self._stack = ExitStack()
        self._scaler = VideoReformatter()
        self._pictures = 0
        self._samples = 0

    def __enter__(self) -> Self:
        with _output_errors(self.path), ExitStack() as stack:
            partial = stack.enter_context(writing(self.path))
            stack.push(self._finish)
            options = {"movflags": "+faststart"} if self.path.suffix.lower() in (".mp4", ".mov") else {}
            self._container = av.open(f"file:{partial}", "w", options=options)
            if self._comment:
                self._container.metadata["comment"] = self._comment
            self._add_streams()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with _output_errors(self.path):
            self._stack.__exit__(error_type, error, trace)

    def picture(self, rgb: NDArray[np.uint8]) -> None:
        """Add the next frame: RGB, uint8 (height, width, 3); ValueError if it has another size."""
        width, height = self.size
        if rgb.shape != (height, width, 3) or rgb.dtype != np.uint8:
            raise ValueError(f"a picture must be uint8 of shape {(height, width, 3)}, got {rgb.dtype} {rgb.shape}")
        if width % 2 or height % 2:
            rgb = np.pad(rgb, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        rgb_frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
        frame = self._scaler.reformat(
            rgb_frame,
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            interpolation=Interpolation.BILINEAR,
            threads=1,
        )
        frame.pts, frame.time_base = self._pictures, 1 / self.rate
        self._pictures += 1
        with _output_errors(self.path):
            self._container.mux(self._video.encode(frame))

    def sound(self, samples: NDArray[np.float32]) -> None:
        """Add the next samples: float32 (n,) in [-1, 1]; ValueError if the writer has no sound_hz."""
        if self.sound_hz is None:
            raise ValueError("this writer was made without sound: give sound_hz")
        if samples.ndim != 1:
            raise ValueError(f"samples must have shape (n,), got {samples.shape}")
        with _output_errors(self.path):
            for at in range(0, len(samples), self.sound_hz):  # a second at a time
                block = np.ascontiguousarray(samples[at : at + self.sound_hz], dtype=np.float32)
                frame = av.AudioFrame.from_ndarray(block[None], format="fltp", layout="mono")
                frame.sample_rate = self.sound_hz
                frame.pts, frame.time_base = self._samples, Fraction(1, self.sound_hz)
                self._samples += len(block)
                self._container.mux(self._audio.encode(frame))

    def _add_streams(self) -> None:
        self._video = self._container.add_stream("libx264", rate=self.rate, options=self._options)
        self._video.width, self._video.height = (n + n % 2 for n in self.size)
        self._video.pix_fmt = "yuv420p"
        context = self._video.codec_context
        context.time_base = 1 / self.rate
        context.colorspace, context.color_range = 1, 1  # BT.709, limited range: tagged, so that readers need not guess
        context.color_primaries, context.color_trc = 1, 1
        if self.sound_hz is not None:
            self._audio = self._container.add_stream("aac", rate=self.sound_hz, layout="mono")

    def _finish(self, error_type: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Flush the encoders if there was no error, and close the file."""
        try:
            if error_type is None:
                self._container.mux(self._video.encode(None))
                if self.sound_hz is not None:
                    self._container.mux(self._audio.encode(None))
        finally:
            self._container.close()


def read_comment(path: Path) -> str:
    """The comment in a video's metadata; "" where there is none. Raises as `open_container` does."""
    with open_container(path) as source:
        tags = {name.lower(): text for name, text in source.container.metadata.items()}  # Matroska has COMMENT
        return str(tags.get("comment", ""))


@contextmanager
def _output_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except av.error.FFmpegError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}. Free some space or choose another place") from error
