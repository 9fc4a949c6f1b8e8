"""Audio features, a row per second: YAMNet, 1024 columns, or the paper's VGGish, 128.

The front end of both is AudioSet's (Hershey et al. 2017; vggish_input.py, YAMNet's features.py): 16 kHz,
frames of 25 ms every 10 ms, not centred, periodic Hann, the magnitude of their spectrum in 64 mel bands,
logarithm. They differ in the offset added before the logarithm: VGGish 0.01; this YAMNet 1e-6 (not the published
0.001), as in its training. One patch per second, starting at the second: samples [16000 t, 16000 t + 15600), with
zeros after the end. Patches every 0.96 s, as in the original tools of both models, would drift by 4 %.

Computed in float32, a second at a time: .32 ms (float64: .50 ms); differs from float64 by at most 4e-6 (VGGish)
and 2e-5 (YAMNet).
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from evoked.media.decode import AudioChunk
from evoked.weights.session import Session

__all__ = ["FLOORS", "FRAME", "HZ", "LOWEST_HZ", "PATCH", "Patches", "SoundRows", "log_mel", "mel_matrix"]

HZ = 16_000
FRAME, HOP, FFT = 400, 160, 512  # samples
FRAMES, BANDS = 96, 64  # of a patch
PATCH = FRAME + (FRAMES - 1) * HOP  # 15 600 samples: the length of a patch
LOWEST_HZ, HIGHEST_HZ = 125.0, 7500.0
FLOORS = {"yamnet": 1e-6, "vggish": 0.01}
"""Model → offset added to each band before the logarithm."""


class SoundRows:
    """Audio features of a stream, one row per second.

    Args:
        network: (n, 1, 96, 64) → features (n, D) as its first output.
        floor: offset of the network's patches, see FLOORS.
        seconds: number of rows.
        batch: patches per batch.
    """

    def __init__(self, network: Session, floor: float, seconds: int, batch: int = 8) -> None:
        self.rows = np.zeros((seconds, network.output_ports[0].shape[-1]), dtype=np.float32)
        self._network, self._floor, self._batch = network, floor, batch
        self._waiting: list[NDArray[np.float32]] = []
        self._done = 0

    def row(self, patch: NDArray[np.float32]) -> NDArray[np.float32]:
        """The features of one patch, (D,), computed without a batch."""
        return np.array(self._network(patch[None, None])[0][0], dtype=np.float32)

    def take(self, patch: NDArray[np.float32]) -> None:
        """Add the next second's log-mel patch, (96, 64); patches beyond `seconds` are ignored."""
        if self._done + len(self._waiting) < len(self.rows):
            self._waiting.append(patch)
        if len(self._waiting) == self._batch:
            self._run()

    def end(self) -> NDArray[np.float32]:
        """All rows, (seconds, D); seconds after the end of the audio have the features of silence."""
        while self._done + len(self._waiting) < len(self.rows):
            self.take(log_mel(np.zeros(PATCH, dtype=np.float32), self._floor))
        self._run()
        return self.rows

    def _run(self) -> None:
        if self._waiting:
            count = len(self._waiting)
            blob = np.stack(self._waiting)[:, None].astype(np.float32)  # (n, 1, 96, 64)
            self.rows[self._done : self._done + count] = self._network(blob)[0]
            self._done, self._waiting = self._done + count, []


class Patches:
    """Log-mel patches of an audio stream, one per second, the last one zero-padded; `floor` as in log_mel."""

    def __init__(self, floor: float) -> None:
        self._floor = floor
        self._buffer = np.zeros(0, dtype=np.float32)
        self._start = 0  # index of the first sample in the buffer

    def take(self, chunk: AudioChunk) -> Iterator[NDArray[np.float32]]:
        """Add audio; yields the patches that it completes.

        Args:
            chunk: the next samples, at 16 kHz, without a gap.

        Yields:
            Log-mel patches, (96, 64).

        Raises:
            ValueError: if it does not begin where the chunk before ended.
        """
        expected = self._start + len(self._buffer)
        if chunk.start != expected:
            raise ValueError(f"sound must go on at sample {expected}, got {chunk.start}")
        self._buffer = np.concatenate([self._buffer, chunk.samples])
        while len(self._buffer) >= HZ:
            yield log_mel(self._buffer[:PATCH], self._floor)
            self._buffer, self._start = self._buffer[HZ:], self._start + HZ

    def end(self) -> Iterator[NDArray[np.float32]]:
        """The patch of the last, unfinished second, if there is one."""
        if len(self._buffer):
            yield log_mel(np.pad(self._buffer, (0, HZ - len(self._buffer)))[:PATCH], self._floor)
        self._buffer, self._start = np.zeros(0, dtype=np.float32), 0


def log_mel(samples: NDArray[np.float32], floor: float) -> NDArray[np.float32]:
    """Log-mel spectrogram of 15,600 samples.

    Args:
        samples: float32, mono in [-1, 1] at 16 kHz, shape (15600,).
        floor: added to each band before the logarithm, see FLOORS.

    Returns:
        ln(mel + floor), float32, shape (96, 64): frames, bands.

    Raises:
        ValueError: for another number of samples.
    """
    if samples.shape != (PATCH,):
        raise ValueError(f"a patch needs {PATCH} samples, got shape {samples.shape}")
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float32, copy=False), FRAME)[::HOP]  # (96, 400)
    spectrum = np.abs(np.fft.rfft(frames * _HANN, FFT))  # (96, 257), float32
    # Band by band: one matrix product costs ten times as much on busy cores, because it waits for BLAS's
    # threads
    bands = [spectrum[:, first:end] @ weights for first, end, weights in _BANDS]
    return np.asarray(np.log(np.stack(bands, axis=1) + floor), dtype=np.float32)


def mel_matrix() -> NDArray[np.float64]:
    """Triangular mel filters with unit peak and a zero DC row, shape (257, 64), as in TensorFlow."""
    edges = np.linspace(_mel(np.array(LOWEST_HZ)), _mel(np.array(HIGHEST_HZ)), BANDS + 2)
    bins = _mel(np.arange(FFT // 2 + 1) * HZ / FFT)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    triangles = np.maximum(0, np.minimum(rising, falling))
    triangles[0] = 0
    return triangles


def _mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1127 * np.log(1 + hz / 700))  # as in HTK


def _bands() -> list[tuple[int, int, NDArray[np.float32]]]:
    """Each band's first bin, the bin after its last, and the weights in between."""
    bands = []
    for column in mel_matrix().T:
        nonzero = np.flatnonzero(column)
        bands.append((int(nonzero[0]), int(nonzero[-1]) + 1, column[nonzero[0] : nonzero[-1] + 1].astype(np.float32)))
    return bands


_HANN = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)).astype(np.float32)  # periodic
_BANDS = _bands()
