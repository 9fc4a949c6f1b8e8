"""Files in the official layouts with seeded weights, which the catalogue takes for the official ones here."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import sklearn
import torch
from numpy.typing import NDArray
from paper_nets import InceptionResnetV1, InceptionV3, Nn2, Vggish, alive
from torch import nn

from evoked.media.images import read_image, resize
from evoked.weights.cache import Cache, default_cache
from evoked.weights.catalogue import NETS, OwnFile, PretrainedNet

PHOTOS = Path(sklearn.__file__).parent / "datasets" / "images"
MADE = {"inception-v3-fid": InceptionV3, "inception-resnet-v1": InceptionResnetV1, "nn2": Nn2, "vggish": Vggish}


def photographs(side: int, count: int = 6) -> NDArray[np.float32]:
    """Pieces of two photographs as a net of this side wants them: (n, 3, side, side) in about [-1, 1]."""
    whole = [read_image(PHOTOS / name) for name in ("china.jpg", "flower.jpg")]
    corners = [(0, 0), (0, 200), (90, 110)]
    pieces = [rgb[y : y + 330, x : x + 330] for y, x in corners for rgb in whole]
    squares = np.stack([resize(np.ascontiguousarray(p), (side, side)) for p in pieces[:count]])
    return np.ascontiguousarray((squares.astype(np.float32).transpose(0, 3, 1, 2) - 127.5) / 128)


def seeded(name: str) -> nn.Module:
    """The reference net of a name, with weights of its own."""
    shape = NETS[name].input.shape
    looks = np.zeros((1, 1)) if name == "vggish" else photographs(shape[-1], 3)
    return alive(MADE[name], torch.from_numpy(looks))


class Folder:
    """A folder of one's own: a net's file is made there when it is first asked for.

    Attributes:
        path: of the folder.
        nets: the reference nets by name, as they were saved.
        known: the catalogue's rows for these files.
        cache: looks into the folder; offline.
    """

    def __init__(self, path: Path) -> None:
        self.path = path / "own"
        self.path.mkdir()
        self.nets: dict[str, nn.Module] = {}
        self.known: dict[str, PretrainedNet] = {}
        self.cache = Cache(path / "cache", offline=True, folder=self.path)

    def make(self, name: str) -> None:
        """Have a net's file there."""
        if name not in MADE:  # a real one that can be had here
            self.known[name] = NETS[name]
            shutil.copy(default_cache().path(name), self.path)
        if name in self.known:
            return
        self.nets[name] = seeded(name)
        file = self.path / NETS[name].file
        torch.save(self.nets[name].state_dict(), file)
        sum_ = hashlib.sha256(file.read_bytes()).hexdigest()
        mine = isinstance(NETS[name].source, OwnFile)
        self.known[name] = NETS[name] if mine else replace(NETS[name], sha256=sum_, bytes=file.stat().st_size)
