"""Small copies of videos, for the browser."""

from fractions import Fraction
from pathlib import Path

from evoked.media.decode import read_media
from evoked.media.frame_sampler import VideoFrame
from evoked.media.probe import no_video_error, probe
from evoked.media.write import VideoWriter

__all__ = ["write_browser_copy"]


def write_browser_copy(
    path: Path, out: Path, *, height: int = 270, rate: Fraction = Fraction(15), sound_hz: int = 44100
) -> None:
    """Write a small MP4 of a video for a report: same clock and audio, fewer and smaller frames.

    Args:
        path: a file with video; its audio is included where there is any.
        out: the MP4 to write.
        height: of the copy, in pixels; a smaller video keeps its own.
        rate: most frames per second; a slower video keeps its own average.
        sound_hz: samples per second of the audio.

    Raises:
        NoPictureError or another MediaError: as read_media.
        OutputError: if it cannot be written.
    """
    media = probe(path)
    if media.picture is None:
        raise no_video_error(path)
    video = media.picture
    lines = min(height, video.height)
    size = (max(2, round(video.width * lines / video.height / 2) * 2), max(2, lines - lines % 2))
    rate = min(rate, video.average_rate or rate)
    hz = sound_hz if media.sound else None
    with VideoWriter(out, size, rate, hz, quality=28) as writer:
        for item in read_media(path, frames=media.grid(rate), audio_hz=hz):
            if isinstance(item, VideoFrame):
                writer.picture(item.rgb(size))
            else:
                writer.sound(item.samples)
