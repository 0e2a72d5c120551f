"""What a media file says of itself: length, size and frames, from its own tables."""

from __future__ import annotations

import struct
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
            return _wave(content)
        is_mp3 = content.startswith(b"ID3") or (content[0] == 0xFF and content[1] & 0xE0 == 0xE0)
        return MediaFacts() if is_mp3 else None
    except (struct.error, ZeroDivisionError, LookupError):
        return None


def _wave(content: bytes) -> MediaFacts | None:
    """The length in the chunks of RIFF: how many bytes `fmt ` gives a second, and how many `data` has."""
    if content[:4] + content[8:12] != b"RIFFWAVE":
        return None
    chunks = dict(_chunks(content, 12))
    a_second = struct.unpack("<I", chunks[b"fmt "][8:12])[0]
    return MediaFacts(len(chunks[b"data"]) / a_second)


def _chunks(content: bytes, place: int) -> Iterator[tuple[bytes, bytes]]:
    while place + 8 <= len(content):
        kind, size = struct.unpack("<4sI", content[place : place + 8])
        yield kind, content[place + 8 : place + 8 + size]
        place += 8 + size + size % 2


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
            seconds = _duration(
                media[b"mdhd"]
            )  # 0 where the film is in fragments, and so the tables are empty
            rate = round(frames / seconds, 3) if seconds else None
            return MediaFacts(found.duration, width >> 16, height >> 16, rate)
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
        if size < head or place + size > len(content):
            return
        yield kind, content[place + head : place + size]
        place += size
