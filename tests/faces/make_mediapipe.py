"""Expected meshes and blendshapes, made by MediaPipe itself: writes mediapipe.json beside this file.

    python -m venv /tmp/mp && /tmp/mp/bin/pip install mediapipe==1.2.2       # needs libEGL and libGLESv2
    /tmp/mp/bin/python tests/faces/make_mediapipe.py face_landmarker.task IMAGE…

The bundle and the images are those of the catalogue (`evoked weights fetch`). `image` is a single look
at the still; `video` is the sixth look at the same still shown as a video, when the region has settled.
"""

import json
import sys
from pathlib import Path

import cv2
import mediapipe as mp
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision

EVERY = 6  # of the 478 points are kept


def landmarker(bundle: str, mode: str) -> vision.FaceLandmarker:
    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=bundle),
        output_face_blendshapes=True,
        running_mode=vision.RunningMode[mode],
    )
    return vision.FaceLandmarker.create_from_options(options)


def told(result: object, width: int, height: int) -> dict[str, list]:
    (face,), (shapes,) = result.face_landmarks, result.face_blendshapes
    return {
        "points": [[round(p.x * width, 2), round(p.y * height, 2)] for p in face[::EVERY]],
        "blendshapes": [round(c.score, 4) for c in shapes],
        "names": [c.category_name for c in shapes],
    }


def main(bundle: str, images: list[str]) -> None:
    out: dict[str, object] = {"mediapipe": mp.__version__, "every": EVERY, "faces": {}}
    still = landmarker(bundle, "IMAGE")
    for name in images:
        rgb = np.ascontiguousarray(cv2.cvtColor(cv2.imread(name), cv2.COLOR_BGR2RGB))
        image = mp.Image(image_format=mp.ImageFormat.SRGB, data=rgb)
        size = (rgb.shape[1], rgb.shape[0])
        film = landmarker(bundle, "VIDEO")
        for tick in range(6):
            last = film.detect_for_video(image, tick * 33)
        one = {"image": told(still.detect(image), *size), "video": told(last, *size)}
        out["names"] = one["image"]["names"]
        for look in one.values():
            del look["names"]
        out["faces"][Path(name).name] = one
    Path(__file__).with_name("mediapipe.json").write_text(json.dumps(out) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
