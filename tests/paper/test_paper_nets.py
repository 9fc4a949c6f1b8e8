"""Each net from a file in its official layout to numbers, against the same net in torch at float64."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from paper_files import Folder, photographs
from paper_nets import InceptionResnetV1, InceptionV3, Nn2, Vggish, count, l2_pool
from torch import nn

from evoked.core.errors import WeightsError, WeightsMissing
from evoked.weights import inception, inception_resnet
from evoked.weights import nn2 as facenet
from evoked.weights.cache import Cache
from evoked.weights.session import open_net

Own = Callable[..., Folder]


def reference(net: nn.Module, given: np.ndarray) -> list[np.ndarray]:
    """What torch says at float64; the net is left as it was."""
    with torch.inference_mode():
        found = net.double()(torch.from_numpy(given).double())
    net.float()
    return [t.numpy() for t in found]


def distance(found: np.ndarray, known: np.ndarray) -> float:
    """The largest difference, in parts of the known numbers' deviation."""
    return float(np.abs(found - known).max() / known.std())


def test_counts_are_the_published_ones() -> None:
    assert count(InceptionV3) == 23_834_568 + 8 * 2049  # torchvision's without its second head, 1,008 classes for 1,000
    assert count(InceptionResnetV1) == 27_910_327
    assert count(Vggish) == 72_141_184
    convolutions = [m for m in Nn2().modules() if isinstance(m, nn.Conv2d)]
    assert sum(c.weight.numel() for c in convolutions) == 5_729_984


@pytest.mark.parametrize(
    ("name", "widths"),
    [("inception-v3-fid", (2048, 1008)), ("inception-resnet-v1", (1792, 512)), ("nn2", (1024,))],
)
def test_pictures_give_what_torch_gives(own: Own, name: str, widths: tuple[int, ...]) -> None:
    mine = own(name)
    side = {"inception-v3-fid": 299, "inception-resnet-v1": 160, "nn2": 224}[name]
    pictures = photographs(side, 2)

    found = open_net(name, mine.cache, threads=1)(pictures)

    second = open_net(name, mine.cache, threads=1, device="onnxruntime-cpu")(pictures)
    expected = reference(mine.nets[name], pictures)
    for ours, theirs, known, width in zip(found, second, expected, widths, strict=True):
        assert ours.shape == (2, width)
        assert known.std() > 0.01  # not a net that has died
        assert np.abs(known[0] - known[1]).max() > 0.1 * known.std()
        assert distance(ours, known) < 1e-3  # f32 is no nearer: torch's own, of Inception V3, stands at 3.3e-4
        assert distance(theirs, known) < 1e-3


def test_the_last_pool_of_inception_takes_the_largest(own: Own) -> None:
    """torchvision's mean there would be another net: the distance is seen, so the test above would see it."""
    net = own("inception-v3-fid").nets["inception-v3-fid"]
    picture = torch.from_numpy(photographs(299, 1))
    with torch.inference_mode():
        ours = net(picture)[0].numpy()
        net.Mixed_7c.largest = False
        theirs = net(picture)[0].numpy()
        net.Mixed_7c.largest = True

    assert distance(theirs, ours) > 0.1


def test_vggish_gives_what_torch_gives_and_may_be_negative(own: Own) -> None:
    mine = own("vggish")
    patches = np.random.default_rng(0).normal(-2, 1.5, (3, 1, 96, 64)).astype(np.float32)

    (found,) = open_net("vggish", mine.cache, threads=1)(patches)

    with torch.inference_mode():  # at f32: at float64 it would be half a gigabyte more
        known = mine.nets["vggish"](torch.from_numpy(patches))[0].numpy()
    assert found.shape == (3, 128)
    assert distance(found, known) < 1e-4
    assert (found < 0).mean() > 0.2  # the port's last ReLU is left out


def test_l2_pooling_has_a_slope_where_all_is_zero() -> None:
    x = torch.zeros(1, 2, 5, 5, dtype=torch.float64, requires_grad=True)
    l2_pool(x).sum().backward()
    assert torch.isfinite(x.grad).all()
    ones = torch.ones(1, 1, 3, 3, dtype=torch.float64)
    assert l2_pool(ones)[0, 0, 1, 1].item() == pytest.approx(3)
    assert l2_pool(ones)[0, 0, 0, 0].item() == pytest.approx(2)


def test_nn2_of_a_black_picture_is_finite(own: Own) -> None:
    black = np.full((1, 3, 224, 224), -127.5 / 128, dtype=np.float32)
    (found,) = open_net("nn2", own("nn2").cache, threads=1)(black)
    assert np.isfinite(found).all()


@pytest.mark.parametrize(
    ("name", "build", "key"),
    [
        ("inception-v3-fid", inception.build_inception, "Mixed_7c.branch_pool.bn.running_var"),
        ("inception-resnet-v1", inception_resnet.build_inception_resnet, "repeat_2.9.branch1.2.conv.weight"),
        ("nn2", facenet.build_nn2, "inception_4e.5x5.bn.bias"),
    ],
)
def test_a_wrong_key_is_loud(own: Own, name: str, build: Callable[..., object], key: str) -> None:
    state = {n: t.numpy() for n, t in own(name).nets[name].state_dict().items()}
    missing = {n: t for n, t in state.items() if n != key}

    with pytest.raises(ValueError, match=f"no tensor {key}"):
        build(missing)
    with pytest.raises(ValueError, match=f"tensor {key} must have shape"):
        build({**state, key: state[key][:-1]})
    with pytest.raises(ValueError, match="1 tensors left over, the first AuxLogits"):
        build({**state, "AuxLogits.fc.weight": np.zeros(1, np.float32)})


def test_a_file_of_ones_own_that_is_no_nn2_is_one_line(tmp_path: Path) -> None:
    torch.save({"features": torch.zeros(3)}, tmp_path / "nn2.pth")
    cache = Cache(tmp_path / "cache", offline=True, folder=tmp_path)

    with pytest.raises(WeightsError, match=r"weights 'nn2': .*nn2\.pth cannot be converted: no tensor conv1") as told:
        cache.ready("nn2")
    assert "\n" not in str(told.value)


def test_what_is_missing_is_named_with_its_place(tmp_path: Path) -> None:
    offline = Cache(tmp_path, offline=True)
    with pytest.raises(WeightsMissing, match=r"'nn2' is yours to bring: .*docs/weights\.md.*Put it as nn2\.pth into"):
        offline.path("nn2")
    with pytest.raises(WeightsMissing, match=r"put vggish-10086976\.pth into a folder and name it in EVOKED_WEIGHTS"):
        offline.path("vggish")
