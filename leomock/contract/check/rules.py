"""The rules that a call must satisfy besides its schema, and how generated calls are amended to do so.

A schema cannot say that a named image must exist, or that photoReal requires alchemy. The real service
rightly rejects such calls. A check that sent them would report these errors as defects, and a check that
ignored every error would find nothing. So calls are amended by these rules before they are sent. A part of a
call (path, query or body) that is deliberately invalid stays as generated.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal, TypeAlias

from leomock.contract.check import amendments
from leomock.contract.check.amendments import Sent
from leomock.leonardo.basis import BasisKind

Part: TypeAlias = Literal["path", "query", "body", "any"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule for the calls of some operations, or of all if none is named.

    `amend` changes a part of a call in place, unless that part is deliberately invalid; with the part "any",
    it always does.
    """

    name: str
    amend: Callable[[Sent], None]
    basis: BasisKind
    source: str
    operations: tuple[str, ...] = ()
    part: Part = "body"

    def concerns(self, operation: str) -> bool:
        """Return True if the rule applies to the operation."""
        return not self.operations or operation in self.operations


_DESCRIPTION = "the parameter's own description in the published document"
_PAGES = "pages of blueprints: first and after, or last and before"
_GUIDE = "guides of docs.leonardo.ai"

# The order matters: later rules read values that earlier ones may have changed.
RULES = (
    Rule(
        "deletes only what the check created itself and no longer needs",
        amendments.delete_own_things,
        "chosen",
        "a check must not delete what it did not create",
        part="any",
    ),
    Rule(
        "an unknown key could be a variable's name",
        amendments.nameable_key,
        "inferred",
        "Hasura's REST endpoints ignore keys that are not valid GraphQL names, and refuse all other unknown "
        "keys",
        part="any",
    ),
    Rule(
        "a null in a path is the text 'null'",
        amendments.no_null_in_path,
        "inferred",
        "RFC 3986 has no null",
        part="path",
    ),
    Rule(
        "resources named in a path exist",
        amendments.name_in_path,
        "inferred",
        "Hasura's foreign keys",
        part="path",
    ),
    Rule(
        "resources named in a body exist",
        amendments.name_in_body,
        "documented",
        "error messages page of docs.leonardo.ai: invalid init image id, couldn't access image, …",
    ),
    Rule(
        "at most 4 images above 768 pixels",
        amendments.few_large_images,
        "documented",
        _DESCRIPTION,
        ("createGeneration",),
    ),
    Rule(
        "the weight of a platform element is in its range",
        amendments.weights_of_elements,
        "observed",
        "a table of the vendor, as read by others; GET /elements returns the ranges",
        ("createGeneration",),
    ),
    Rule(
        "image guidance fits the model",
        amendments.guidance_of_model,
        "documented",
        "guide to image guidance of docs.leonardo.ai; guide FLUX.1 Kontext",
        ("createGeneration",),
    ),
    Rule(
        "unzoom has unzoomAmount and init_image_id",
        amendments.unzoom_complete,
        "documented",
        _DESCRIPTION,
        ("createGeneration",),
    ),
    Rule(
        "photoReal has alchemy",
        amendments.photo_real_with_alchemy,
        "documented",
        _GUIDE,
        ("createGeneration",),
    ),
    Rule(
        "photoReal v1 has no modelId, v2 one of three",
        amendments.model_of_photo_real,
        "documented",
        _GUIDE,
        ("createGeneration",),
    ),
    Rule(
        "ultra goes without alchemy",
        amendments.ultra_without_alchemy,
        "documented",
        _DESCRIPTION,
        ("createGeneration",),
    ),
    Rule(
        "Phoenix with alchemy has a contrast of 2.5 or more",
        amendments.contrast_of_phoenix,
        "documented",
        _DESCRIPTION,
        ("createGeneration",),
    ),
    Rule(
        "Phoenix accepts only its own sd_version",
        amendments.sd_version_of_phoenix,
        "observed",
        "public programs and captures: Phoenix request requires sd_version to be PHOENIX",
        ("createGeneration",),
    ),
    Rule(
        "FLUX.1 Kontext has only certain widths and heights",
        amendments.sides_of_model,
        "observed",
        "a program that lists accepted heights, and 1216 which was refused; the refusal names them",
        ("createGeneration",),
    ),
    Rule(
        "Flux models accept smaller seeds",
        amendments.seed_of_flux,
        "documented",
        _DESCRIPTION,
        ("createGeneration",),
    ),
    Rule(
        "serviceParams has the parameters of the service",
        amendments.priced_service,
        "chosen",
        "how the real service responds without them is not known",
        ("pricingCalculator",),
    ),
    Rule(
        "exactly one image is upscaled",
        amendments.one_image,
        "documented",
        _DESCRIPTION,
        ("CreateUniversalUpscalerJob",),
    ),
    Rule(
        "ultraUpscaleStyle excludes upscalerStyle, and options that require it need it",
        amendments.one_style,
        "documented",
        _DESCRIPTION,
        ("CreateUniversalUpscalerJob",),
    ),
    Rule(
        "epochs and learning rate fit the model and the focus",
        amendments.training,
        "documented",
        _DESCRIPTION,
        ("createElement",),
    ),
    Rule(
        "the parameters of a video fit its model",
        amendments.video,
        "documented",
        _DESCRIPTION,
        ("createTextToVideoGeneration", "createImageToVideoGeneration"),
    ),
    Rule(
        "a blueprint gets the inputs that its version requires",
        amendments.inputs_of_version,
        "documented",
        "the published document: uiMetadata of a version",
        ("executeBlueprint",),
    ),
    Rule(
        "a reference names a picture or contains it, and models that edit a picture get one",
        amendments.whole_references,
        "documented",
        "OpenAPI documents of version 2 on docs.leonardo.ai",
        ("createGenerationV2", "createGenerationSyncV2"),
        part="any",
    ),
    Rule(
        "paging goes in one direction, from a cursor of the list",
        lambda sent: amendments.one_way(sent.query),
        "documented",
        _PAGES,
        ("getBlueprintExecutionGenerations",),
        part="query",
    ),
    Rule(
        "paging requested in a body goes in one direction",
        lambda sent: amendments.one_way(sent.properties),
        "documented",
        _PAGES,
        ("listBlueprints",),
    ),
    Rule(
        "an extension is one of png, jpg, jpeg, webp",
        amendments.extension,
        "documented",
        "error messages page of docs.leonardo.ai: invalid file extension",
        ("uploadInitImage", "uploadCanvasInitImage", "uploadDatasetImage"),
    ),
    Rule(
        "a media extension is mp4 or mov",
        amendments.media_extension,
        "documented",
        _DESCRIPTION,
        ("uploadMedia",),
    ),
    Rule(
        "a picture in a call is a data URL",
        amendments.data_url,
        "documented",
        _DESCRIPTION,
        ("createLCMGeneration", "performInstantRefine", "performInpaintingLCM", "performAlchemyUpscaleLCM"),
    ),
    Rule(
        "a prompt to improve has fewer than 200 characters",
        amendments.short_prompt,
        "documented",
        "error messages page of docs.leonardo.ai: Prompt is too long",
        ("promptImprove",),
    ),
)


def amend(sent: Sent, wrong: Collection[Part]) -> None:
    """Apply the rules to a call; `wrong` lists the parts that are deliberately invalid."""
    for rule in RULES:
        if rule.part not in wrong and rule.concerns(sent.operation):
            rule.amend(sent)
