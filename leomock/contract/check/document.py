"""Make the document for a check: the strict contract, and what models of version 2 take."""

from __future__ import annotations

from leomock.contract.check.models import name_models
from leomock.contract.strict import strict_document
from leomock.openapi.documents import Json
from leomock.openapi.spec import Spec


def document(spec: Spec, server: str, *, published: bool = False) -> Json:
    """Return the document for a server; the parameters of models come from the catalogue."""
    result = strict_document(spec, server, published=published)
    name_models(result)
    return result
