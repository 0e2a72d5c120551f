"""Sounds: a WAV file that lasts what it says."""

import io
import struct
import wave

import pytest

from leomock.media.sound import RATE, Sound


def heard(sound: Sound) -> tuple[int, ...]:
    """The samples of a sound, its format checked."""
    with wave.open(io.BytesIO(sound.render())) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        count = file.getnframes()
        return struct.unpack(f"<{count}h", file.readframes(count))


@pytest.mark.parametrize("seconds", [0, 0.01, 1, 2.5, 30])
def test_sound_lasts_what_it_says(seconds: float) -> None:
    """A sound has as many samples as its seconds ask for."""
    assert len(heard(Sound("rain", 1, seconds))) == round(seconds * RATE)


def test_sound_can_be_heard_and_does_not_clip() -> None:
    """The tune is neither silent nor overdriven, and begins in silence."""
    samples = heard(Sound("rain", 1, 3))

    assert 5000 < max(samples) < 20000
    assert samples[0] == 0


def test_tune_follows_prompt_and_seed() -> None:
    """The same sound gives the same bytes; another prompt or seed gives another tune."""
    sounds = [Sound("rain", 1, 3), Sound("rain", 2, 3), Sound("wind", 1, 3)]

    assert Sound("rain", 1, 3).render() == sounds[0].render()
    assert len({sound.render() for sound in sounds}) == 3
    assert {sound.media_type for sound in sounds} == {"audio/wav"}
