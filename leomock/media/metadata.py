"""Read length, size and frames of a media file from its own tables."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """`duration` in seconds, `width` and `height` in pixels; None if the file does not say."""

    duration: float | None = None
    width: int | None = None
    height: int | None = None
    frames_per_second: float | None = None


def facts_of(content: bytes, extension: str) -> MediaFacts | None:
    """Return the facts of an MP4, MOV or WAV file, unknown ones for an MP3, None for any other file."""
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
    """Return the length from RIFF chunks: `fmt ` has the bytes per second, `data` the number of bytes."""
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
    """Return the facts in the boxes of ISO 14496-12: `mvhd`, and the visual track's `tkhd` and `stts`."""
    movie = dict(_boxes(content))[b"moov"]
    header = dict(_boxes(movie))
    fragments = _seconds_of_fragments(content, header) if b"mvex" in header else 0.0
    found = MediaFacts(_duration(header[b"mvhd"]) or fragments or None)
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
            seconds = _duration(media[b"mdhd"])  # 0 in a fragmented file, whose tables are empty
            rate = round(frames / seconds, 3) if seconds else None
            return MediaFacts(found.duration, width >> 16, height >> 16, rate)
    return found


def _seconds_of_fragments(content: bytes, movie: dict[bytes, bytes]) -> float:
    """Return the length of a fragmented movie: as its header says (`mehd`), else the sum of its fragments.

    The sum is that of the longest track: `trun` has the duration of each sample, or else `tfhd` or `trex` has
    one for all.
    """
    scale: int = struct.unpack(">I", movie[b"mvhd"][20:24] if movie[b"mvhd"][0] else movie[b"mvhd"][12:16])[0]
    extends = list(_boxes(movie[b"mvex"]))
    if stated := dict(extends).get(b"mehd"):
        ticks: int = struct.unpack(">Q" if stated[0] else ">I", stated[4:12] if stated[0] else stated[4:8])[0]
        return ticks / scale
    usual = {box[4:8]: struct.unpack(">I", box[12:16])[0] for kind, box in extends if kind == b"trex"}
    totals: dict[bytes, int] = {}
    for kind, fragment in _boxes(content):
        for part, track in _boxes(fragment) if kind == b"moof" else ():
            if part == b"traf":
                id, ticks = _ticks_of_fragment(track, usual)
                totals[id] = totals.get(id, 0) + ticks
    scales = dict(_track_scales(content))
    return max((ticks / scales[id] for id, ticks in totals.items() if scales.get(id)), default=0.0)


def _track_scales(content: bytes) -> Iterator[tuple[bytes, int]]:
    """Return the id of each track and its ticks per second."""
    for kind, track in _boxes(dict(_boxes(content))[b"moov"]):
        if kind == b"trak":
            parts = dict(_boxes(track))
            header, media = parts[b"tkhd"], dict(_boxes(parts[b"mdia"]))[b"mdhd"]
            id = header[20:24] if header[0] else header[12:16]
            yield id, struct.unpack(">I", media[20:24] if media[0] else media[12:16])[0]


def _ticks_of_fragment(track: bytes, usual: dict[bytes, int]) -> tuple[bytes, int]:
    """Return the id of a fragment's track, and the length of its samples in that track's ticks."""
    header = dict(_boxes(track))[b"tfhd"]
    flags, id = struct.unpack(">I", header[:4])[0], header[4:8]
    each = usual.get(id, 0)
    if flags & 0x8:
        place = 8 + (8 if flags & 0x1 else 0) + (4 if flags & 0x2 else 0)
        each = struct.unpack(">I", header[place : place + 4])[0]
    return id, sum(_ticks_of_run(run, each) for kind, run in _boxes(track) if kind == b"trun")


def _ticks_of_run(run: bytes, each: int) -> int:
    """Return the length of a run of samples; `each` applies if the run does not give their durations."""
    flags, count = struct.unpack(">II", run[:8])
    if not flags & 0x100:
        return int(count * each)
    start = 8 + (4 if flags & 0x1 else 0) + (4 if flags & 0x4 else 0)
    size = 4 * (flags >> 8 & 0xF).bit_count()  # duration, size, flags, composition offset
    return sum(struct.unpack_from(">I", run, at)[0] for at in range(start, start + count * size, size))


def _duration(header: bytes) -> float:
    """Return the seconds from either version of `mvhd` and `mdhd`."""
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
