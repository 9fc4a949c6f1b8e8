"""How a report page is made: the settings and their defaults."""

from dataclasses import dataclass

from evoked.core.settings import setting

__all__ = ["ReportConfig"]

VIDEO_MODES = ("embed", "link", "none")


@dataclass(frozen=True)
class ReportConfig:
    """Settings of a report page.

    Raises:
        ValueError: if `video` is no known mode, or a number is out of range.
    """

    video: str = setting("embed", "embed small previews in the page, link the files beside it, or none")
    video_limit_mb: float = setting(60.0, "link instead of embed where all previews together weigh more, MB")
    preview_height: int = setting(240, "height of an embedded preview, pixels")

    def __post_init__(self) -> None:
        if self.video not in VIDEO_MODES:
            raise ValueError(f"video must be one of {', '.join(VIDEO_MODES)}, got {self.video!r}")
        if self.video_limit_mb < 0:
            raise ValueError(f"video_limit_mb must not be negative, got {self.video_limit_mb}")
        if not 64 <= self.preview_height <= 1080:
            raise ValueError(f"preview_height must be from 64 to 1080 pixels, got {self.preview_height}")
