"""face-api.js's expression net (V. Mühler, MIT), written down anew in torch: a second net of other authors.

    npm pack @vladmandic/face-api@1.7.15 && tar xzf vladmandic-face-api-1.7.15.tgz    # FOLDER: package/model

Four dense blocks of depthwise convolutions (112 → 7 pixels), mean, one layer, softmax; weights are bytes with a scale
and a least value each (`face_expression_model-weights_manifest.json`). Only benchmarks use it. `--check` holds it
against what the package itself answers for the same pictures (node, its own TensorFlow.js):

    node benchmarks/face_api.mjs PACKAGE FOLDER_OF_RAW > said.json    # what --check writes and reads
"""

import argparse
import hashlib
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, pad

from evoked.faces.crops import square_box

__all__ = ["EXPRESSIONS", "FaceApi"]

EXPRESSIONS = ("neutral", "happy", "sad", "angry", "fearful", "disgusted", "surprised")
SIDE, MEAN = 112, (122.782, 117.001, 104.298)
NAME = "face_expression_model"
SHA256 = "9a9840f2cf1f4c7eab95f197512569345c00d2426754d4608b92af30e0300f3d"


class FaceApi:
    """Seven expressions of a face.

    Args:
        folder: with the net's two files.

    Raises:
        SystemExit: if it is another net than the one this was written for.
    """

    def __init__(self, folder: Path) -> None:
        data = (folder / f"{NAME}.bin").read_bytes()
        if hashlib.sha256(data).hexdigest() != SHA256:
            raise SystemExit(f"{folder / NAME}.bin is not the net of @vladmandic/face-api 1.7.15")
        (manifest,) = json.loads((folder / f"{NAME}-weights_manifest.json").read_text())
        self._arrays, at = {}, 0
        for entry in manifest["weights"]:
            packed = entry.get("quantization")
            kind = np.dtype(packed["dtype"] if packed else entry["dtype"])
            values = np.frombuffer(data, kind, int(np.prod(entry["shape"])), at).astype(np.float32)
            at += values.size * kind.itemsize
            if packed:
                values = values * np.float32(packed["scale"]) + np.float32(packed["min"])
            self._arrays[entry["name"]] = torch.from_numpy(values.reshape(entry["shape"]))

    def __call__(self, rgb: NDArray[np.uint8], box: NDArray[np.float32]) -> NDArray[np.float32]:
        """An RGB picture and a face's box → probabilities in the order of EXPRESSIONS; the square around the box."""
        return self.of(square_box(rgb, box, SIDE)[None])[0]

    def of(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(n, 112, 112, 3) RGB → (n, 7)."""
        x = (torch.from_numpy(pictures.astype(np.float32)) - torch.tensor(MEAN)) / 255
        x = x.permute(0, 3, 1, 2)
        with torch.no_grad():
            for block in range(4):
                x = self._block(x, f"dense{block}")
            x = avg_pool2d(x, 7, 2).flatten(1)
            says: Tensor = (x @ self._arrays["fc/weights"] + self._arrays["fc/bias"]).softmax(dim=1)
        return says.numpy()

    def _block(self, x: Tensor, name: str) -> Tensor:
        """Each convolution sees the sum of all before it, cut off at 0."""
        total = self._convolved(x, f"{name}/conv0", 2).relu()
        for k in range(1, 4):
            total = total + self._convolved(total.relu(), f"{name}/conv{k}", 1)
        return total.relu()

    def _convolved(self, x: Tensor, name: str, step: int) -> Tensor:
        a = self._arrays
        x = pad(x, (0, 1, 0, 1) if step == 2 else (1, 1, 1, 1))  # TensorFlow's "same": what is odd goes to the end
        bias = a[f"{name}/bias"]
        if f"{name}/filters" in a:
            return conv2d(x, a[f"{name}/filters"].permute(3, 2, 0, 1), bias, step)
        depth = a[f"{name}/depthwise_filter"].permute(2, 3, 0, 1)
        seen = conv2d(x, depth, None, step, groups=x.shape[1])
        return conv2d(seen, a[f"{name}/pointwise_filter"].permute(3, 2, 0, 1), bias)


def main() -> None:
    """Read the command line; say how far this net and the package's own run of it lie apart on given pictures."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("package", type=Path, help="the unpacked package")
    words.add_argument("picture", type=Path, nargs="+", help="a face fills each")
    given = words.parse_args()
    from evoked.media.images import read_image

    faces = []
    for path in given.picture:
        rgb = read_image(path)
        faces.append(square_box(rgb, np.array([0, 0, rgb.shape[1], rgb.shape[0]], dtype=np.float32), SIDE))
    stack = np.stack(faces)
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "faces.rgb"
        raw.write_bytes(stack.tobytes())
        script = Path(__file__).with_suffix(".mjs")
        command = ["node", str(script), str(given.package.resolve()), str(raw)]
        theirs = np.array(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    apart = np.abs(FaceApi(given.package / "model").of(stack) - theirs).max()
    print(f"{len(faces)} pictures: the two runs lie at most {apart:.1e} apart")


if __name__ == "__main__":
    main()
