"""EfficientNet-Lite as ONNX against the same net in torch, written here a second time and otherwise."""

from pathlib import Path

import numpy as np
import pytest
import sklearn
import torch
from torch import nn
from torch.nn import functional as F

from evoked.media.images import read_image, resize
from evoked.weights.cache import default_cache
from evoked.weights.efficientnet import LITE0, LITE2, EfficientNetSize, block_list, build_efficientnet
from evoked.weights.session import Session, open_net

PHOTO = Path(sklearn.__file__).parent / "datasets" / "images" / "china.jpg"
PALACE = 698


class Same(nn.Conv2d):
    """Convolution padded as TensorFlow's "same", worked out from what comes in."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        k, s, side = self.kernel_size[0], self.stride[0], x.shape[-1]
        need = max(0, (-(-side // s) - 1) * s + k - side)
        x = F.pad(x, (need // 2, need - need // 2, need // 2, need - need // 2))
        return F.conv2d(x, self.weight, None, self.stride, 0, 1, self.groups)


def norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class Bottleneck(nn.Module):
    def __init__(self, into: int, out: int, growth: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide = into * growth
        if growth > 1:
            self._expand_conv, self._bn0 = Same(into, wide, 1, bias=False), norm(wide)
        self._depthwise_conv = Same(wide, wide, kernel, stride, groups=wide, bias=False)
        self._bn1, self._project_conv, self._bn2 = norm(wide), Same(wide, out, 1, bias=False), norm(out)
        self.grows, self.skips = growth > 1, stride == 1 and into == out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.grows else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.skips else y


class Lite(nn.Module):
    def __init__(self, rows: list[tuple[int, int, int, int, int]]) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = Same(3, 32, 3, 2, bias=False), norm(32)
        made, into = [], 32
        for repeats, kernel, stride, growth, out in rows:
            for i in range(repeats):
                made.append(Bottleneck(into, out, growth, kernel, stride if i == 0 else 1))
                into = out
        self._blocks = nn.ModuleList(made)
        self._conv_head, self._bn1, self._fc = Same(into, 1280, 1, bias=False), norm(1280), nn.Linear(1280, 1000)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = F.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        pool = F.relu6(self._bn1(self._conv_head(x))).mean(dim=(2, 3))
        return pool, self._fc(pool)


# Written out by hand, as the published tables have them: repeats, kernel, stride, growth, channels.
ROWS = {
    "efficientnet-lite0": [
        (1, 3, 1, 1, 16),
        (2, 3, 2, 6, 24),
        (2, 5, 2, 6, 40),
        (3, 3, 2, 6, 80),
        (3, 5, 1, 6, 112),
        (4, 5, 2, 6, 192),
        (1, 3, 1, 6, 320),
    ],
    "efficientnet-lite2": [
        (1, 3, 1, 1, 16),
        (3, 3, 2, 6, 24),
        (3, 5, 2, 6, 48),
        (4, 3, 2, 6, 88),
        (4, 5, 1, 6, 120),
        (5, 5, 2, 6, 208),
        (1, 3, 1, 6, 352),
    ],
}


def photo(side: int) -> np.ndarray:
    """A palace in Beijing, as the net wants it."""
    square = resize(np.ascontiguousarray(read_image(PHOTO)[:, 100:527]), (side, side))
    return np.ascontiguousarray((square.astype(np.float32).transpose(2, 0, 1)[None] - 127) / 128)


@pytest.mark.parametrize(("name", "side"), [("efficientnet-lite0", 224), ("efficientnet-lite2", 260)])
@pytest.mark.nets
def test_equals_torch_on_a_photograph_and_knows_what_is_on_it(name: str, side: int) -> None:
    state = torch.load(default_cache().path(name), weights_only=True)
    net = Lite(ROWS[name]).eval()
    net.load_state_dict(state)  # strict: a wrong guess is loud
    pictures = np.concatenate([photo(side), photo(side)[:, :, ::-1]])
    with torch.inference_mode():
        expected = [t.numpy() for t in net(torch.from_numpy(pictures.copy()))]

    session = open_net(name, threads=1)
    features, logits = session(pictures)

    assert session.outputs == ("features", "logits")
    assert features.shape == (2, 1280)
    assert np.abs(features - expected[0]).max() < 1e-4
    assert np.abs(logits - expected[1]).max() < 1e-3
    assert logits[0].argmax() == PALACE
    second = open_net(name, threads=1, device="onnxruntime-cpu")(pictures)
    assert np.abs(second[0] - features).max() < 1e-4


@pytest.mark.parametrize(
    ("name", "size", "count"), [("efficientnet-lite0", LITE0, 16), ("efficientnet-lite2", LITE2, 21)]
)
def test_the_plan_is_the_published_table(name: str, size: EfficientNetSize, count: int) -> None:
    by_hand = [out for repeats, _, _, _, out in ROWS[name] for _ in range(repeats)]
    assert [b.out_channels for b in block_list(size)] == by_hand
    assert len(by_hand) == count


def test_a_missing_a_misshapen_and_a_spare_tensor_are_refused() -> None:
    state = {n: t.numpy() for n, t in Lite(ROWS["efficientnet-lite0"]).state_dict().items()}
    build_efficientnet(dict(state), LITE0)

    with pytest.raises(ValueError, match=r"no tensor _bn1\.bias"):
        build_efficientnet({n: t for n, t in state.items() if n != "_bn1.bias"}, LITE0)
    with pytest.raises(ValueError, match=r"tensor _blocks\.3\.\S+ must have shape"):
        build_efficientnet(dict(state), LITE2)
    with pytest.raises(ValueError, match="1 tensors left over, the first more"):
        build_efficientnet({**state, "more": np.zeros(1, dtype=np.float32)}, LITE0)


def test_any_weights_at_an_odd_size(tmp_path: Path) -> None:
    """The padding is right for odd sides too, where "same" is not symmetric."""
    torch.manual_seed(3)
    net = Lite(ROWS["efficientnet-lite0"]).eval()
    with torch.no_grad():  # one look in training mode gives the batch norms something to fold
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = None
        net.train()(torch.randn(8, 3, 75, 75))
    net.eval()
    state = {n: t.numpy() for n, t in net.state_dict().items()}
    size = EfficientNetSize(1.0, 1.0, 75)
    path = tmp_path / "odd.onnx"
    path.write_bytes(build_efficientnet(state, size).SerializeToString())
    pictures = np.random.default_rng(0).normal(size=(1, 3, 75, 75)).astype(np.float32)
    with torch.inference_mode():
        pool, logits = net(torch.from_numpy(pictures))

    features, ours = Session(path, threads=1)(pictures)

    assert pool.std() > 0.01  # not a net that has died
    assert np.abs(features - pool.numpy()).max() < 1e-4
    assert np.abs(ours - logits.numpy()).max() < 1e-4
