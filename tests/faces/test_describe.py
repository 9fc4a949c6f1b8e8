"""The table of face descriptions: what it says of itself is so, on real faces."""

import numpy as np
import pytest
from numpy.typing import NDArray

from evoked.faces.descriptors import (
    DESCRIPTORS,
    column_names,
    models_of,
    open_descriptors,
    registered_descriptors,
    width_of,
)
from evoked.faces.detect import FaceDetector
from evoked.faces.identity import FaceIdentity
from evoked.faces.mesh import FaceMesh
from evoked.weights.cache import Cache
from evoked.weights.catalogue import NETS


@pytest.mark.parametrize("name", ["blendshapes", "geometry", "mini-xception", "sface"])
def test_a_row_keeps_its_word(name: str, cache: Cache, detector: FaceDetector, group: NDArray[np.uint8]) -> None:
    faces = detector(group)
    describe = open_descriptors((name,), cache)

    together = describe(group, faces)

    assert len(faces) == 5
    assert together.shape == (5, DESCRIPTORS[name].width)
    assert together.dtype == np.float32
    np.testing.assert_array_equal(together[3:4], describe(group, faces[3:4]))  # no face leans on another
    assert describe(group, []).shape == (0, DESCRIPTORS[name].width)


def test_names_stand_side_by_side_in_their_order(
    cache: Cache, detector: FaceDetector, mesh: FaceMesh, identity: FaceIdentity, group: NDArray[np.uint8]
) -> None:
    faces = detector(group)[:2]

    both = open_descriptors(("sface", "blendshapes"), cache)(group, faces)

    assert both.shape == (2, width_of(("sface", "blendshapes"))) == (2, 180)
    np.testing.assert_array_equal(both[:, :128], identity(group, faces))
    np.testing.assert_array_equal(both[:, 128:], [mesh(group, face).blendshapes for face in faces])


def test_every_net_of_the_table_is_in_the_catalogue() -> None:
    assert set(models_of(tuple(DESCRIPTORS))) <= NETS.keys()
    assert models_of(("blendshapes", "sface")) == ("face-mesh", "blendshapes", "sface")


def test_every_column_has_a_name_of_its_own() -> None:
    names = column_names(tuple(DESCRIPTORS))

    assert len(names) == len(set(names)) == width_of(tuple(DESCRIPTORS))
    assert names[:2] == ("_neutral", "browDownLeft")
    assert column_names(("mini-xception",))[-2:] == ("mini-xception surprise", "mini-xception neutral")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (
            ("facenet",),
            "no description of faces is called 'facenet'; there are: blendshapes, geometry, mini-xception, sface",
        ),
        ((), "one or more different descriptions of faces, got none"),
        (("sface", "sface"), "one or more different descriptions of faces, got sface, sface"),
    ],
)
def test_names_that_cannot_be(names: tuple[str, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        registered_descriptors(names)
