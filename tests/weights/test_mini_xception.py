"""mini-Xception as it is laid out here, against its own file's description, worked out layer by layer in float64."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torch.nn import functional

from evoked.core.errors import WeightsError
from evoked.weights.cache import default_cache
from evoked.weights.convert import convert
from evoked.weights.mini_xception import build_mini_xception, read_keras
from evoked.weights.session import open_net

RANDOM = np.random.default_rng(11)


def as_described(path: Path, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """Every layer's output, by walking the model that the file describes; x: (n, 1, 64, 64) float64."""
    with h5py.File(path) as file:
        layers = json.loads(file.attrs["model_config"])["config"]["layers"]
        groups = {name: {k.split("/")[-1]: k for k in _paths(group)} for name, group in file["model_weights"].items()}

        def array(layer: str, name: str) -> torch.Tensor:
            return torch.from_numpy(np.array(file["model_weights"][layer][groups[layer][name]], dtype=np.float64))

        out: dict[str, torch.Tensor] = {}
        for layer in layers:
            kind, own, name = layer["class_name"], layer["config"], layer["name"]
            given = [out[node[0]] for node in layer["inbound_nodes"][0]] if layer["inbound_nodes"] else [x]
            if kind == "Conv2D":
                bias = array(name, "bias:0") if own["use_bias"] else None
                kernel = array(name, "kernel:0").permute(3, 2, 0, 1)
                out[name] = functional.conv2d(_padded(given[0], own), kernel, bias, stride=own["strides"])
            elif kind == "SeparableConv2D":
                depth = array(name, "depthwise_kernel:0").permute(2, 3, 0, 1)
                apart = functional.conv2d(_padded(given[0], own), depth, groups=len(depth))
                out[name] = functional.conv2d(apart, array(name, "pointwise_kernel:0").permute(3, 2, 0, 1))
            elif kind == "BatchNormalization":
                gamma, beta, mean, var = (
                    array(name, f"{part}:0")[:, None, None]
                    for part in ("gamma", "beta", "moving_mean", "moving_variance")
                )
                out[name] = gamma * (given[0] - mean) / (var + own["epsilon"]).sqrt() + beta
            elif kind == "MaxPooling2D":
                padded = _padded(given[0], {**own, "kernel_size": own["pool_size"]}, -torch.inf)
                out[name] = functional.max_pool2d(padded, own["pool_size"], own["strides"])
            elif kind == "Activation":
                out[name] = functional.relu(given[0]) if own["activation"] == "relu" else given[0].softmax(dim=1)
            elif kind == "GlobalAveragePooling2D":
                out[name] = given[0].mean(dim=(2, 3))
            else:
                assert kind in ("InputLayer", "Add")
                out[name] = sum(given[1:], given[0])
    return out


def _paths(group: h5py.Group) -> list[str]:
    found: list[str] = []
    group.visititems(lambda name, it: found.append(name) if isinstance(it, h5py.Dataset) else None)
    return found


def _padded(x: torch.Tensor, own: dict[str, list[int]], value: float = 0.0) -> torch.Tensor:
    """TensorFlow's "same": so much that ceil(side / stride) come out, the odd one at the end."""
    if own["padding"] == "valid":
        return x
    pads: list[int] = []
    for side, size, stride in zip(reversed(x.shape[2:]), reversed(own["kernel_size"]), own["strides"], strict=True):
        total = max((-(-side // stride) - 1) * stride + size - side, 0)
        pads += [total // 2, total - total // 2]
    return functional.pad(x, pads, value=value)


@pytest.mark.nets
def test_it_is_what_its_file_describes() -> None:
    grey = RANDOM.uniform(-1, 1, (3, 1, 64, 64)).astype(np.float32)
    path = default_cache().path("mini-xception")
    layers = as_described(path, torch.from_numpy(grey.astype(np.float64)))
    truth = (layers["add_4"].mean(dim=(2, 3)).numpy(), layers["global_average_pooling2d_1"].numpy())

    ours = open_net("mini-xception", threads=1)(grey)
    other = open_net("mini-xception", threads=1, device="onnxruntime-cpu")(grey)

    assert [a.shape for a in ours] == [(3, 128), (3, 7)]
    assert np.ptp(truth[1]) > 1  # it does tell noise from noise
    for features, wanted in zip((*ours, *other), truth * 2, strict=True):
        np.testing.assert_allclose(features, wanted, atol=2e-4)
    assert sum(a.size for a in read_keras(path).values()) == 58423  # as its authors count it


@pytest.mark.nets
def test_a_file_that_is_not_it_is_refused(tmp_path: Path) -> None:
    state = read_keras(default_cache().path("mini-xception"))
    with pytest.raises(ValueError, match=r"1 tensors left over, the first conv2d_9\.weight"):
        build_mini_xception({**state, "conv2d_9.weight": np.zeros(1)})
    with pytest.raises(ValueError, match=r"no tensor conv2d_7\.bias"):
        build_mini_xception({name: a for name, a in state.items() if name != "conv2d_7.bias"})
    (tmp_path / "odd.hdf5").write_bytes(b"not at all")
    with h5py.File(tmp_path / "other.hdf5", "w") as file:
        file["model_weights/lstm/recurrent:0"] = np.zeros(3)
    with pytest.raises(WeightsError, match="no HDF5 file that can be read"):
        convert("mini-xception", tmp_path / "odd.hdf5", tmp_path / "out.onnx")
    with pytest.raises(WeightsError, match="an array called lstm/recurrent:0 is not expected"):
        convert("mini-xception", tmp_path / "other.hdf5", tmp_path / "out.onnx")
