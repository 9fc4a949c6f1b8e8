"""A film made small, to be looked at in a report."""

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
    """Write a small MP4 of a film, for looking at: same clock, same sound, fewer and smaller pictures.

    Args:
        path: a film with a picture; sound is taken over where there is any.
        out: where to.
        height: of the preview, in pixels; a smaller film keeps its own.
        rate: most pictures per second; a slower film keeps its own average.
        sound_hz: samples per second of the sound.

    Raises:
        NoPictureError or another MediaError: as read_media.
        OutputError: if it cannot be written.
    """
    media = probe(path)
    if media.picture is None:
        raise no_video_error(path)
    shown = media.picture
    small = min(height, shown.height)
    size = (max(2, round(shown.width * small / shown.height / 2) * 2), max(2, small - small % 2))
    rate = min(rate, shown.average_rate or rate)
    hz = sound_hz if media.sound else None
    with VideoWriter(out, size, rate, hz, quality=28) as writer:
        for item in read_media(path, frames=media.grid(rate), audio_hz=hz):
            if isinstance(item, VideoFrame):
                writer.picture(item.rgb(size))
            else:
                writer.sound(item.samples)
