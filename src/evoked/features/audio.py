"""What is heard in each second: YAMNet, 1024 numbers, or the paper's VGGish, 128.

The front end of both is AudioSet's (Hershey and others 2017; vggish_input.py, YAMNet's features.py): 16 kHz,
frames of 25 ms every 10 ms, not centred, periodic Hann, the magnitude of their spectrum in 64 mel bands,
logarithm. They differ in what is added before the logarithm: VGGish 0.01; this YAMNet 1e-6, not YAMNet's own
0.001: so it was trained. One patch per second, at the second: samples [16000 t, 16000 t + 15600), with zeros
after the end. A patch every 0.96 s, as either net's own tools make them, would drift by 4 %.

Computed in float32, a second at a time: .32 ms, in float64 .50; at most 4e-6 (VGGish), 2e-5 (YAMNet) from it.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from evoked.media.decode import AudioChunk
from evoked.weights.session import Session

__all__ = ["FLOORS", "FRAME", "HZ", "LOWEST_HZ", "PATCH", "Patches", "SoundRows", "log_mel", "mel_matrix"]

HZ = 16_000
FRAME, HOP, FFT = 400, 160, 512  # samples
FRAMES, BANDS = 96, 64  # a patch
PATCH = FRAME + (FRAMES - 1) * HOP  # 15 600 samples: what a patch sees of its second
LOWEST_HZ, HIGHEST_HZ = 125.0, 7500.0
FLOORS = {"yamnet": 1e-6, "vggish": 0.01}
"""Net → what it wants added to each band before the logarithm."""


class SoundRows:
    """Turn a stream of sound into one row per second.

    Args:
        net: (n, 1, 96, 64) → features (n, D) first.
        floor: of the net's patches, see FLOORS.
        seconds: how many rows there will be.
        batch: patches per batch.
    """

    def __init__(self, net: Session, floor: float, seconds: int, batch: int = 8) -> None:
        self.rows = np.zeros((seconds, net.output_ports[0].shape[-1]), dtype=np.float32)
        self._net, self._floor, self._batch = net, floor, batch
        self._waiting: list[NDArray[np.float32]] = []
        self._done = 0

    def row(self, patch: NDArray[np.float32]) -> NDArray[np.float32]:
        """The row of one patch, (D,), by itself."""
        return np.array(self._net(patch[None, None])[0][0], dtype=np.float32)

    def take(self, patch: NDArray[np.float32]) -> None:
        """The next second's log-mel patch, (96, 64); more than `seconds` are left unheard."""
        if self._done + len(self._waiting) < len(self.rows):
            self._waiting.append(patch)
        if len(self._waiting) == self._batch:
            self._run()

    def end(self) -> NDArray[np.float32]:
        """All rows, (seconds, D); seconds after the end of the sound are those of silence."""
        while self._done + len(self._waiting) < len(self.rows):
            self.take(log_mel(np.zeros(PATCH, dtype=np.float32), self._floor))
        self._run()
        return self.rows

    def _run(self) -> None:
        if self._waiting:
            count = len(self._waiting)
            blob = np.stack(self._waiting)[:, None].astype(np.float32)  # (n, 1, 96, 64)
            self.rows[self._done : self._done + count] = self._net(blob)[0]
            self._done, self._waiting = self._done + count, []


class Patches:
    """Cut a stream of sound into one log-mel patch per second, the last one zero padded; `floor` as log_mel's."""

    def __init__(self, floor: float) -> None:
        self._floor = floor
        self._held = np.zeros(0, dtype=np.float32)
        self._start = 0  # sample number of the first one held

    def take(self, sound: AudioChunk) -> Iterator[NDArray[np.float32]]:
        """More sound, gapless; gives the patches that are complete with it.

        Raises:
            ValueError: if it does not begin where the sound before ended.
        """
        expected = self._start + len(self._held)
        if sound.start != expected:
            raise ValueError(f"sound must go on at sample {expected}, got {sound.start}")
        self._held = np.concatenate([self._held, sound.samples])
        while len(self._held) >= HZ:
            yield log_mel(self._held[:PATCH], self._floor)
            self._held, self._start = self._held[HZ:], self._start + HZ

    def end(self) -> Iterator[NDArray[np.float32]]:
        """The patch of the last, unfinished second, if there is one."""
        if len(self._held):
            yield log_mel(np.pad(self._held, (0, HZ - len(self._held)))[:PATCH], self._floor)
        self._held, self._start = np.zeros(0, dtype=np.float32), 0


def log_mel(samples: NDArray[np.float32], floor: float) -> NDArray[np.float32]:
    """The log-mel patch of 15,600 samples.

    Args:
        samples: float32, mono in [-1, 1] at 16 kHz, shape (15600,).
        floor: added to each band before the logarithm, see FLOORS.

    Returns:
        ln(mel + floor), float32, shape (96, 64): frames, bands.
    """
    if samples.shape != (PATCH,):
        raise ValueError(f"a patch needs {PATCH} samples, got shape {samples.shape}")
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float32, copy=False), FRAME)[::HOP]  # (96, 400)
    spectrum = np.abs(np.fft.rfft(frames * _HANN, FFT))  # (96, 257), float32
    # Band by band: a whole product of this size costs ten times as much where the cores are busy, in
    # waiting for BLAS's threads
    bands = [spectrum[:, first:end] @ weights for first, end, weights in _BANDS]
    return np.asarray(np.log(np.stack(bands, axis=1) + floor), dtype=np.float32)


def mel_matrix() -> NDArray[np.float64]:
    """Triangles in the mel domain, unit peak, the DC row zero: shape (257, 64), as TensorFlow makes them."""
    edges = np.linspace(_mel(np.array(LOWEST_HZ)), _mel(np.array(HIGHEST_HZ)), BANDS + 2)
    bins = _mel(np.arange(FFT // 2 + 1) * HZ / FFT)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    triangles = np.maximum(0, np.minimum(rising, falling))
    triangles[0] = 0
    return triangles


def _mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1127 * np.log(1 + hz / 700))  # HTK's


def _bands() -> list[tuple[int, int, NDArray[np.float32]]]:
    """Each band's first bin, the bin after its last, and its weights between them."""
    found = []
    for column in mel_matrix().T:
        lit = np.flatnonzero(column)
        found.append((int(lit[0]), int(lit[-1]) + 1, column[lit[0] : lit[-1] + 1].astype(np.float32)))
    return found


_HANN = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)).astype(np.float32)  # periodic
_BANDS = _bands()
