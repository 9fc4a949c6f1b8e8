"""What every pass does with the packets of a medium: one clock, frames and audio from them, and a count of the lost."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import av
from av import Packet
from av.stream import Stream

from evoked.media.audio_stream import AudioAssembler, AudioChunk
from evoked.media.container import READ_ERRORS, StreamSource
from evoked.media.damage_log import PassLog
from evoked.media.frame_sampler import FrameSampler, VideoFrame
from evoked.media.gop_decoder import Decoder

__all__ = ["audio_chunks", "packets_on_clock", "sampled_frames"]


def packets_on_clock(source: StreamSource, streams: Sequence[Stream], log: PassLog) -> Iterator[Packet]:
    """Packets that are not empty, on one clock; they end where the medium cannot be read any further.

    Args:
        source: an open medium.
        streams: those whose packets are read.
        log: counts the place where reading failed.

    Returns:
        An iterator over the packets, in the order of the file.
    """
    packets = source.container.demux(streams)
    try:
        while (packet := log.reports.call(lambda: next(packets, None), lambda: log.read_to_s)) is not None:
            if packet.size:
                log.note(packet)
                yield log.clock.apply(packet)
    except READ_ERRORS:
        log.dropped += 1


def audio_chunks(assembler: AudioAssembler, packet: Packet, log: PassLog) -> Iterator[AudioChunk]:
    """Decode an audio packet; one that cannot be decoded becomes silence and is counted.

    Args:
        assembler: takes the decoded audio.
        packet: of the audio stream.
        log: its position "sound" advances.

    Returns:
        An iterator over the chunks that are complete with it.
    """
    try:
        frames = log.reports.call(packet.decode, lambda: log.read_to_s)
    except av.error.FFmpegError:
        log.dropped += 1
        assembler.lose(packet.pts, packet.duration)
        return
    log.positions["sound"].advance(packet)
    for frame in frames:
        assert isinstance(frame, av.AudioFrame)
        yield from assembler.take(frame)


def sampled_frames(
    decoded: Iterable[av.VideoFrame],
    decoder: Decoder,
    sampler_for: Callable[[av.VideoFrame], FrameSampler],
    log: PassLog,
) -> Iterator[VideoFrame]:
    """Sample decoded frames, and count what the decoder lost.

    Args:
        decoded: what the decoder gives for a packet, or at the end.
        decoder: its counts are moved to the log.
        sampler_for: the sampler; called with each frame, so that it can be opened with the first.
        log: of the pass.

    Returns:
        An iterator over the frames that are known to be shown.
    """
    for frame in decoded:
        sampler = sampler_for(frame)
        if log.first_pts is None:
            log.first_pts = frame.pts
        yield from sampler.push(frame)
        log.late = sampler.late
    log.dropped += decoder.dropped
    log.lost |= decoder.lost
    decoder.dropped = 0
    decoder.lost.clear()
