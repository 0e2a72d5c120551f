"""Sounds as bytes: a quiet tune on five notes, as WAV."""

import io
import math
import struct
import wave
from dataclasses import dataclass

from leomock.media.colours import rng

# Samples per second; seconds per note; frequencies in hertz: a pentatonic scale, so no two notes clash.
RATE = 22050
NOTE = 0.3
SCALE = [220 * 2 ** (step / 12) for step in (0, 3, 5, 7, 10, 12, 15, 17)]


@dataclass(frozen=True, slots=True)
class Sound:
    """A tune that depends on prompt and seed, 16 bits, mono; it lasts `seconds`, to the nearest sample."""

    prompt: str
    seed: int
    seconds: float

    @property
    def media_type(self) -> str:
        """Return the media type of the file."""
        return "audio/wav"

    def render(self) -> bytes:
        """Render the file: the same sound always gives the same bytes."""
        chance = rng("tune", self.prompt, self.seed)
        samples = round(self.seconds * RATE)
        bars = {frequency: struck(frequency) for frequency in chance.sample(SCALE, 5)}
        tune = [chance.choice(list(bars.values())) for _ in range(math.ceil(samples / round(NOTE * RATE)))]
        file = io.BytesIO()
        with wave.open(file, "wb") as written:
            written.setnchannels(1)
            written.setsampwidth(2)
            written.setframerate(RATE)
            written.writeframes(b"".join(tune)[: samples * 2])
        return file.getvalue()


def struck(frequency: float) -> bytes:
    """Return one note that sounds like a mallet on a bar: it starts and ends in silence."""
    count = round(NOTE * RATE)
    turn = math.tau * frequency / RATE
    return struct.pack(
        f"<{count}h",
        *(
            round(
                9000
                * min(1.0, at / 120)
                * (1 - at / count) ** 2
                * (math.sin(turn * at) + 0.25 * math.sin(4 * turn * at))
            )
            for at in range(count)
        ),
    )
