"""How a report page is made: the settings and their defaults."""

from typing import Literal

from evoked.core.settings import setting, settings

__all__ = ["ReportConfig"]


@settings
class ReportConfig:
    """Settings of a report page.

    Raises:
        ValueError: if `video` is no known mode, or a number is out of range.
    """

    video: Literal["embed", "link", "none"] = setting(
        "embed", "embed small previews in the page, link the files beside it, or none"
    )
    video_limit_mb: float = setting(60.0, "link instead of embed where all previews together weigh more, MB", ge=0)
    preview_height: int = setting(240, "height of an embedded preview, pixels", ge=64, le=1080)
    viewer_pictures: Literal["none", "blurred", "clear"] = setting(
        "none", "a frame of each recording: none, blurred as a whole, or clear: people can then be recognised"
    )
