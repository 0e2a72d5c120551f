"""What a media file says of itself: length, size and frames, from its own tables."""

from __future__ import annotations

import io
import struct
import wave
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """`duration` in seconds, `width` and `height` in pixels; None where the file does not say."""

    duration: float | None = None
    width: int | None = None
    height: int | None = None
    frames_per_second: float | None = None


def facts_of(content: bytes, extension: str) -> MediaFacts | None:
    """The facts of an MP4, MOV or WAV file, those of an MP3 all unknown; None for what is no such file."""
    try:
        if extension in ("mp4", "mov"):
            return _movie(content)
        if extension == "wav":
            with wave.open(io.BytesIO(content)) as sound:
                return MediaFacts(sound.getnframes() / sound.getframerate())
        is_mp3 = content.startswith(b"ID3") or (
            len(content) > 1 and content[0] == 0xFF and content[1] & 0xE0 == 0xE0
        )
        return MediaFacts() if is_mp3 else None
    except (struct.error, wave.Error, EOFError, ZeroDivisionError, LookupError):
        return None


def _movie(content: bytes) -> MediaFacts:
    """The facts in the boxes of ISO 14496-12: `mvhd`, and of the track with a picture `tkhd` and `stts`."""
    movie = dict(_boxes(content))[b"moov"]
    found = MediaFacts(_duration(dict(_boxes(movie))[b"mvhd"]))
    for kind, track in _boxes(movie):
        if kind != b"trak":
            continue
        parts = dict(_boxes(track))
        width, height = struct.unpack(">II", parts[b"tkhd"][-8:])
        if width and height:
            media = dict(_boxes(parts[b"mdia"]))
            table = dict(_boxes(dict(_boxes(media[b"minf"]))[b"stbl"]))[b"stts"]
            entries = struct.unpack(">I", table[4:8])[0]
            frames = sum(struct.unpack(">I", table[8 + 8 * n : 12 + 8 * n])[0] for n in range(entries))
            return MediaFacts(
                found.duration, width >> 16, height >> 16, round(frames / _duration(media[b"mdhd"]), 3)
            )
    return found


def _duration(header: bytes) -> float:
    """Seconds, of the two versions of `mvhd` and `mdhd`."""
    scale, length = struct.unpack(">IQ", header[20:32]) if header[0] else struct.unpack(">II", header[12:20])
    seconds: float = length / scale
    return seconds


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 0
    while place + 8 <= len(content):
        size, kind = struct.unpack(">I4s", content[place : place + 8])
        head = 8
        if size == 1:
            size, head = struct.unpack(">Q", content[place + 8 : place + 16])[0], 16
        size = size or len(content) - place
        if size < head:
            return
        yield kind, content[place + head : place + size]
        place += size
