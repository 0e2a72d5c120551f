"""What media files say of themselves, held against files written by others."""

from __future__ import annotations

import io
import struct
import wave
from pathlib import Path
from typing import Any

import av
import pytest

from leomock.media.image import Picture
from leomock.media.metadata import MediaFacts, facts_of
from leomock.media.video import Video


def film(folder: Path, format: str = "mp4", movflags: str = "", sound: bool = False) -> bytes:
    """A film of 64x48 pixels, 12 frames at 24 a second, written by FFmpeg."""
    file = folder / f"film.{format}"
    with av.open(str(file), "w", format, options={"movflags": movflags} if movflags else {}) as container:
        tracks = []
        if sound:
            tracks.append(container.add_stream("pcm_s16le" if format == "mov" else "aac", rate=8000))
        track = container.add_stream("mpeg4", rate=24)
        track.width, track.height, track.pix_fmt = 64, 48, "yuv420p"
        for _ in range(12):
            container.mux(track.encode(av.VideoFrame(64, 48, "yuv420p")))
        container.mux(track.encode(None))
        for each in tracks:
            frame = av.AudioFrame("s16" if format == "mov" else "fltp", "stereo", 1024)
            frame.sample_rate = 8000
            container.mux(each.encode(frame))
            container.mux(each.encode(None))
    return file.read_bytes()


@pytest.mark.parametrize("extension", ["mp4", "mov"])
@pytest.mark.parametrize("movflags", ["", "faststart"])
def test_film_written_by_ffmpeg(tmp_path: Path, extension: str, movflags: str) -> None:
    """Length, size and rate, wherever its index stands."""
    assert facts_of(film(tmp_path, extension, movflags), extension) == MediaFacts(0.5, 64, 48, 24.0)


def test_film_with_sound(tmp_path: Path) -> None:
    """The track with the picture counts, though it is the second."""
    facts = facts_of(film(tmp_path, "mov", sound=True), "mov")
    assert facts
    assert (facts.width, facts.height, facts.frames_per_second) == (64, 48, 24.0)


def test_film_in_fragments(tmp_path: Path) -> None:
    """Its index has no frames; the fragments say how long it is."""
    facts = facts_of(film(tmp_path, movflags="frag_every_frame+empty_moov"), "mp4")
    assert facts == MediaFacts(0.5, 64, 48, None)


def test_film_in_fragments_whose_header_states_the_length(tmp_path: Path) -> None:
    """The box `mehd` counts, in ticks of the movie, whatever the fragments add up to."""
    content = film(tmp_path, movflags="frag_keyframe+empty_moov")
    scale = struct.unpack(">I", content[content.index(b"mvhd") + 16 :][:4])[0]
    stated = struct.pack(">I4sII", 16, b"mehd", 0, 3 * scale)
    for kind in (b"moov", b"mvex"):
        at = content.index(kind) - 4
        content = (
            content[:at]
            + struct.pack(">I", struct.unpack_from(">I", content, at)[0] + 16)
            + content[at + 4 :]
        )
    at = content.index(b"mvex") + 4
    facts = facts_of(content[:at] + stated + content[at:], "mp4")
    assert facts == MediaFacts(3.0, 64, 48, None)


def test_film_of_our_own() -> None:
    """As it was rendered."""
    content = Video(Picture("a cat", 1, 0, 64, 64), 2, 96, 64, 12).render()
    assert facts_of(content, "mp4") == MediaFacts(2.0, 96, 64, 12.0)


def test_film_with_large_numbers() -> None:
    """Boxes of 64-bit sizes and headers of version 1, as in long films."""
    header = struct.pack(">IQQIQ", 1 << 24, 0, 0, 1000, 5_000_000_000)
    box = struct.pack(">I4sQ", 1, b"mvhd", 16 + len(header)) + header
    movie = struct.pack(">I4s", 8 + len(box), b"moov") + box
    assert facts_of(movie, "mp4") == MediaFacts(5_000_000.0)


def test_sound_as_wave() -> None:
    """Its length, to the sample."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((2, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(4 * 6000))
    assert facts_of(file.getvalue(), "wav") == MediaFacts(0.75)


@pytest.mark.parametrize(
    ("codec", "samples"), [("pcm_f32le", "flt"), ("pcm_s24le", "s32"), ("pcm_u8", "u8"), ("pcm_mulaw", "s16")]
)
def test_sound_of_any_coding_written_by_ffmpeg(codec: Any, samples: str) -> None:
    """The length does not hang on how samples are coded."""
    file = io.BytesIO()
    with av.open(file, "w", "wav") as container:
        track = container.add_stream(codec, rate=8000, layout="mono")
        frame = av.AudioFrame(samples, "mono", 4000)
        frame.sample_rate = 8000
        container.mux(track.encode(frame))
        container.mux(track.encode(None))
    assert facts_of(file.getvalue(), "wav") == MediaFacts(0.5)


@pytest.mark.parametrize("start", [b"ID3\x04\x00", b"\xff\xfb\x90\x00", b"\xff\xf3\x40"])
def test_sound_as_mp3(start: bytes) -> None:
    """Known by how it begins; of itself it does not say how long it is."""
    assert facts_of(start + bytes(100), "mp3") == MediaFacts()


@pytest.mark.parametrize("extension", ["mp4", "mov", "mp3", "wav"])
@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"\xff", b"rubbish", b"rubbish" * 1000, b"\x00" * 64, b"RIFF\x00\x00\x00\x00WAVE"),
        *(b"RIFF\x00\x00\x00\x00WAVEfmt \x02\x00\x00\x00\x00\x00", b"\x00\x00\x00\x08moov"),
        b"RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00" + bytes(16) + b"data\x00\x00\x00\x00",
    ],
)
def test_file_that_is_none_of_its_kind(extension: str, content: bytes) -> None:
    """None, whatever it is."""
    assert facts_of(content, extension) is None


def test_file_that_breaks_off(tmp_path: Path) -> None:
    """A film cut anywhere is read where its index is whole, and else is none."""
    content = film(tmp_path, movflags="faststart")
    begin = content.index(b"moov") - 4
    index = begin + int.from_bytes(content[begin : begin + 4], "big")
    found = [facts_of(content[:end], "mp4") for end in range(len(content))]
    assert set(found[:index]) == {None}
    assert set(found[index:]) == {MediaFacts(0.5, 64, 48, 24.0)}
