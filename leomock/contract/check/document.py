"""Build the document for a check: the strict contract plus the parameters that v2 models accept."""

from __future__ import annotations

from leomock.contract.check.models import name_models
from leomock.contract.strict import strict_document
from leomock.openapi.documents import Json
from leomock.openapi.spec import Spec


def document(spec: Spec, server: str, *, published: bool = False) -> Json:
    """Return the document for a server; model parameters come from the catalogue."""
    result = strict_document(spec, server, published=published)
    name_models(result)
    return result
