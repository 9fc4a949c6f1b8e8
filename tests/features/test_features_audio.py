import numpy as np
import onnxruntime
import pytest
import scipy.signal
from numpy.typing import NDArray

from evoked.features.audio import FLOORS, HZ, PATCH, Patches, SoundRows, log_mel, mel_matrix
from evoked.media.decode import AudioChunk, read_audio
from evoked.weights.cache import Cache
from evoked.weights.session import Session, open_net

FLOOR = FLOORS["yamnet"]
SILENCE, MUSIC = 494, 132  # rows of AudioSet's class map


def tone(hz: float, seconds: float = 1.0) -> NDArray[np.float32]:
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * HZ)) / HZ)).astype(np.float32)


@pytest.fixture(scope="module")
def network(cache: Cache) -> Session:
    return open_net("yamnet", cache)


def reference(wave: NDArray[np.float64], floor: float) -> NDArray[np.float64]:
    """The whole sound's log mel at float64: scipy's transform, mel triangles written out one by one."""
    window = scipy.signal.get_window("hann", 400, fftbins=True)
    _, _, seen = scipy.signal.stft(
        wave, window=window, nperseg=400, noverlap=240, nfft=512, boundary=None, padded=False, scaling="spectrum"
    )
    magnitude = np.abs(seen.T) * window.sum()  # scipy divides by the window's sum
    mel = lambda f: 1127.0 * np.log(1 + f / 700.0)  # noqa: E731
    edges = [mel(125.0) + (mel(7500.0) - mel(125.0)) * k / 65 for k in range(66)]
    result = np.zeros((len(magnitude), 64))
    for band in range(64):
        low, middle, high = edges[band : band + 3]
        for bin in range(1, 257):
            at = mel(bin * 16000 / 512)
            weight = max(0.0, min((at - low) / (middle - low), (high - at) / (high - middle)))
            result[:, band] += weight * magnitude[:, bin]
    return np.asarray(np.log(result + floor))


@pytest.mark.parametrize("floor", FLOORS.values(), ids=FLOORS)
def test_log_mel_of_noise_is_scipys(floor: float) -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, PATCH).astype(np.float32)
    np.testing.assert_allclose(log_mel(samples, floor), reference(samples.astype(np.float64), floor), atol=2e-5)


@pytest.mark.nets
@pytest.mark.parametrize("floor", FLOORS.values(), ids=FLOORS)
def test_patches_of_a_video_equal_the_reference(cache: Cache, floor: float) -> None:
    """Frame 100 t + k of the whole sound is frame k of second t: a second is 100 hops of 160 samples."""
    heard = read_audio(cache.clip("bigbuckbunny.mp4"), HZ)
    spectrum = reference(np.pad(heard, (0, HZ)).astype(np.float64), floor)
    cut = Patches(floor)

    result = [*cut.take(AudioChunk(0, heard)), *cut.end()]

    assert len(result) == -(-len(heard) // HZ) >= 5
    for t, patch in enumerate(result):
        np.testing.assert_allclose(patch, spectrum[100 * t : 100 * t + 96], atol=1e-4)


def test_an_hour_does_not_drift() -> None:
    """Clicks at known samples of an hour; whatever is heard elsewhere would be a patch that is not at its second."""
    floor, minute = FLOORS["vggish"], 60 * HZ
    clicks = {t * HZ + 8000 for t in (0, 1, 599, 1800, 3599)} | {900 * HZ + 15_700}  # the last falls into no patch
    cut, result = Patches(floor), []
    for start in range(0, 3600 * HZ - 4000, minute):  # the last second ends early
        samples = np.zeros(min(minute, 3600 * HZ - 4000 - start), np.float32)
        samples[[c - start for c in clicks if start <= c < start + len(samples)]] = 1.0
        result += [patch.max(axis=1) > np.log(floor) + 0.1 for patch in cut.take(AudioChunk(start, samples))]
    result += [patch.max(axis=1) > np.log(floor) + 0.1 for patch in cut.end()]

    heard = np.array(result)  # (3600, 96)
    assert heard.shape == (3600, 96)
    assert np.flatnonzero(heard.any(axis=1)).tolist() == [0, 1, 599, 1800, 3599]
    for t in (0, 1, 599, 1800, 3599):
        assert np.flatnonzero(heard[t]).tolist() == [48, 49]  # frame 50 begins on the click, where the window is 0


def test_triangles_have_their_peaks_at_one_and_leave_out_dc() -> None:
    matrix = mel_matrix()
    assert matrix.shape == (257, 64)
    assert matrix[0].max() == 0
    assert (matrix >= 0).all()
    assert matrix.max() <= 1
    assert matrix.max(axis=0).min() > 0.5  # no band falls between two bins
    middle = np.flatnonzero(matrix.sum(axis=1))
    assert 125 <= middle[0] * 31.25 < 180
    assert 7400 < middle[-1] * 31.25 < 7500


def test_a_tone_is_in_its_band_and_silence_is_the_floor() -> None:
    assert (log_mel(np.zeros(PATCH, np.float32), FLOOR) == np.float32(np.log(FLOOR))).all()
    for hz in (300, 1000, 4000):
        band = int(log_mel(tone(hz)[:PATCH], FLOOR).mean(axis=0).argmax())
        centre = np.argmax(mel_matrix()[:, band]) * 31.25
        assert abs(centre - hz) < 0.08 * hz + 31.25


def test_patches_begin_at_each_second_whatever_the_chunks() -> None:
    """An hour would drift by 144 s if a patch came every 0.96 s."""
    samples = np.random.default_rng(1).normal(0, 0.1, round(12.4 * HZ)).astype(np.float32)
    padded = np.pad(samples, (0, HZ))
    expected = [log_mel(padded[t * HZ : t * HZ + PATCH], FLOOR) for t in range(13)]
    for chunk in (1024, 16000, 31999, len(samples)):
        cut, result = Patches(FLOOR), []
        for start in range(0, len(samples), chunk):
            result += list(cut.take(AudioChunk(start, samples[start : start + chunk])))
        result += list(cut.end())
        np.testing.assert_array_equal(result, expected)


def test_sound_with_a_hole_is_refused() -> None:
    cut = Patches(FLOOR)
    list(cut.take(AudioChunk(0, np.zeros(100, np.float32))))
    with pytest.raises(ValueError, match="sound must go on at sample 100, got 101"):
        list(cut.take(AudioChunk(101, np.zeros(5, np.float32))))


def test_a_patch_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="a patch needs 15600 samples"):
        log_mel(np.zeros(16000, np.float32), FLOOR)


@pytest.mark.nets
def test_yamnet_hears_what_it_should(network: Session, cache: Cache) -> None:
    content = read_audio(cache.clip("bigbuckbunny.mp4"), HZ)
    chord = sum(tone(f * k) / k for f in (261.6, 329.6, 392.0, 523.3) for k in range(1, 6))
    chord = 0.3 * chord * np.exp(-2 * np.arange(HZ) / HZ)
    heard = {}
    for name, samples in {"nothing": np.zeros(HZ), "chord": chord, "video": content[3 * HZ : 4 * HZ]}.items():
        _, scores = network(log_mel(samples[:PATCH].astype(np.float32), FLOOR)[None, None])
        heard[name] = 1 / (1 + np.exp(-np.clip(scores[0], -60, 60)))

    assert heard["nothing"][SILENCE] > 0.95
    assert heard["chord"].argmax() == heard["video"].argmax() == MUSIC
    assert heard["chord"][MUSIC] > 0.9
    assert heard["video"][MUSIC] > 0.6


@pytest.mark.nets
def test_rows_are_what_onnxruntime_gives(network: Session, cache: Cache) -> None:
    patches = [log_mel(tone(200 * k)[:PATCH], FLOOR) for k in range(1, 12)]
    rows = SoundRows(network, FLOOR, 11, batch=4)
    for patch in patches:
        rows.take(patch)

    reference_session = onnxruntime.InferenceSession(str(cache.ready("yamnet")), providers=["CPUExecutionProvider"])
    expected = np.concatenate([reference_session.run(["features"], {"log_mel": p[None, None]})[0] for p in patches])
    np.testing.assert_allclose(rows.end(), expected, atol=2e-3)


@pytest.mark.nets
def test_missing_seconds_are_silence_and_surplus_is_left(network: Session) -> None:
    short, exact = SoundRows(network, FLOOR, 5, batch=2), SoundRows(network, FLOOR, 5, batch=8)
    patches = [log_mel(tone(300)[:PATCH], FLOOR)] * 3 + [log_mel(np.zeros(PATCH, np.float32), FLOOR)] * 4
    for patch in patches[:3]:
        short.take(patch)
    for patch in patches:
        exact.take(patch)

    np.testing.assert_allclose(short.end(), exact.end(), atol=1e-5)
