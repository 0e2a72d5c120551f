"""What the platform offers: models and prices."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from leomock.errors import Basis

# Per picture in credits, where nothing was seen for the model.
USUAL_PRICE = 8


@dataclass(frozen=True, slots=True)
class Model:
    """A platform model: what its name, family (`sdVersion`) and price per picture in credits are."""

    id: str
    name: str
    sd_version: str
    price: int
    basis: Basis

    @property
    def is_flux(self) -> bool:
        """Flux models take smaller seeds."""
        return self.sd_version.startswith("FLUX")

    @property
    def is_phoenix(self) -> bool:
        """Phoenix models want more contrast with alchemy."""
        return self.sd_version == "PHOENIX"


@cache
def platform_models() -> dict[str, Model]:
    """The platform models by id."""
    rows = json.loads(files(__name__).joinpath("models.json").read_text("utf-8"))
    return {
        row["id"]: Model(
            row["id"],
            row["name"],
            row["sdVersion"],
            row.get("price", USUAL_PRICE),
            row.get("basis", "inferred"),
        )
        for row in rows
    }
