import cv2
import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from evoked.core.errors import WeightsError
from evoked.features.image import ImageRows
from evoked.media.images import read_image, resize
from evoked.weights.cache import Cache
from evoked.weights.catalogue import NETS
from evoked.weights.session import Session, open_net

WANTS = NETS["efficientnet-lite2"].input
SIDE, WIDTH = 260, 1280
pytestmark = pytest.mark.nets
NAMES = ("0-f1-su-ph.jpg", "45-m7-di-ph.jpg", "multi_face.jpg", "single_face.jpg")


@pytest.fixture(scope="module")
def network(cache: Cache) -> Session:
    return open_net("efficientnet-lite2", cache, shape=(2, 3, SIDE, SIDE))


@pytest.fixture(scope="module")
def pictures(cache: Cache) -> list[NDArray[np.uint8]]:
    return [resize(read_image(cache.clip(name)), (SIDE, SIDE)) for name in NAMES]


def test_rows_are_what_onnxruntime_gives(network: Session, cache: Cache, pictures: list[NDArray[np.uint8]]) -> None:
    rows = ImageRows(network, WANTS, 4, 2)
    for step, rgb in enumerate(pictures):
        rows.take(step, step, rgb)

    reference = onnxruntime.InferenceSession(str(cache.ready("efficientnet-lite2")), providers=["CPUExecutionProvider"])
    for row, rgb in zip(rows.end(), pictures, strict=True):
        blob = cv2.dnn.blobFromImage(rgb, 1 / 128, (SIDE, SIDE), (127, 127, 127))
        (expected,) = reference.run(["features"], {reference.get_inputs()[0].name: blob})
        np.testing.assert_allclose(row, expected[0], atol=5e-3)
        assert row.shape == (WIDTH,)


def test_a_picture_shown_again_has_the_same_row(network: Session, pictures: list[NDArray[np.uint8]]) -> None:
    """Across batches too, and at the end."""
    rows = ImageRows(network, WANTS, 7, 2)
    shown = [0, 0, 1, 1, 1, 2, 2]
    for step, index in enumerate(shown):
        again = step > 0 and shown[step - 1] == index
        rows.take(step, index, None if again else pictures[index])
    result = rows.end()

    plain = ImageRows(network, WANTS, 7, 2)
    for step, index in enumerate(shown):
        plain.take(step, step, pictures[index])
    np.testing.assert_allclose(result, plain.end(), atol=1e-4)
    assert (result[0] == result[1]).all()
    assert (result[2] == result[4]).all()
    assert (result[5] == result[6]).all()
    assert not np.allclose(result[1], result[2])


def test_a_row_does_not_depend_on_the_others(network: Session, pictures: list[NDArray[np.uint8]]) -> None:
    alone, together = ImageRows(network, WANTS, 1, 2), ImageRows(network, WANTS, 2, 2)
    alone.take(0, 0, pictures[0])
    together.take(0, 0, pictures[0])
    together.take(1, 1, pictures[1])

    np.testing.assert_array_equal(alone.end()[0], together.end()[0])


def test_a_new_picture_needs_its_pixels(network: Session) -> None:
    with pytest.raises(ValueError, match="step 0 shows a new picture, 3, and needs its pixels"):
        ImageRows(network, WANTS, 1, 2).take(0, 3, None)


def test_reduced_precision_stays_near(cache: Cache, network: Session, pictures: list[NDArray[np.uint8]]) -> None:
    """bf16 is a setting, never the default: on 24 frames of a video the lowest cosine to f32 was .986."""
    try:
        half = open_net("efficientnet-lite2", cache, "bf16", shape=(2, 3, SIDE, SIDE))
    except WeightsError as error:
        pytest.skip(f"this CPU has no bf16: {error}")
    rows = [ImageRows(n, WANTS, 4, 2) for n in (network, half)]
    for step, rgb in enumerate(pictures):
        for first in rows:
            first.take(step, step, rgb)

    for full, near in zip(*(r.end() for r in rows), strict=True):
        assert np.dot(full, near) / np.linalg.norm(full) / np.linalg.norm(near) > 0.98
        assert not np.array_equal(full, near)
