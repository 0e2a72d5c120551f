"""Probes: journeys beyond the life cycle of one resource, each with its promise and basis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from leomock.contract.check.probing import (
    generations,
    keys_and_errors,
    synchronous,
    uploads,
    v2_and_blueprints,
    webhooks,
)
from leomock.contract.check.visit import OTHER_FORM, Problem, Tell, Visit
from leomock.leonardo.basis import BasisKind

_CREATE, _READ, _REMOVE = "createGeneration", "getGenerationById", "deleteGenerationById"
_LIST, _UPLOAD = "getGenerationsByUserId", "uploadInitImage"


@dataclass(frozen=True, slots=True)
class Probe:
    """One journey: the operations it calls, what it expects, and the basis for that."""

    name: str
    expects: str
    operations: tuple[str, ...]
    journey: Callable[[Visit, Tell], None]
    basis: BasisKind
    source: str

    def run(self, visit: Visit) -> None:
        """Run the journey, recording broken promises in the visit; raise Skipped if it cannot run here."""
        rule = f"probe-{self.name}"

        def tell(holds: object, operation: str, otherwise: str) -> None:
            if not holds:
                visit.report(rule, operation, otherwise)

        try:
            self.journey(visit, tell)
        except Problem as problem:
            visit.report(rule, self.operations[0], str(problem))
        except OTHER_FORM:
            visit.report_other_form(rule, self.operations[0])


_SEEN = "captured answers of the real service"
_FAQ = "error messages page and FAQ of docs.leonardo.ai"
_DOCUMENT = "the published document"

PROBES = (
    Probe(
        "defaults",
        "Omitted values have the documented defaults.",
        (_CREATE, _READ),
        generations.probe_defaults,
        "documented",
        _DOCUMENT,
    ),
    Probe(
        "texts",
        "Prompts come back as they were sent, in any script.",
        (_READ, _CREATE),
        generations.probe_texts,
        "inferred",
        "clients show the prompt that they read",
    ),
    Probe("ids", "Every generation has a unique id.", (_CREATE,), generations.probe_ids, "observed", _SEEN),
    Probe(
        "paging",
        "Lists are newest first; pages neither overlap nor skip.",
        (_LIST, _CREATE),
        generations.probe_paging,
        "inferred",
        "clients show the list as they receive it",
    ),
    Probe(
        "init-image",
        "A generation only starts from an uploaded image that still exists.",
        (_CREATE, _READ, _UPLOAD, "deleteInitImageById"),
        generations.probe_init_image,
        "documented",
        _FAQ,
    ),
    Probe(
        "refund",
        "A failed job is refunded.",
        (_CREATE, _READ, "getUserSelf"),
        generations.probe_refund,
        "documented",
        "FAQ on pricing: failed generations are refunded",
    ),
    Probe(
        "upload-key",
        "The form's key ends in the requested extension.",
        (_UPLOAD,),
        uploads.probe_extensions,
        "observed",
        _SEEN,
    ),
    Probe(
        "upload-size",
        "A file that is larger than the form allows is refused.",
        (_UPLOAD,),
        uploads.probe_upload_size,
        "documented",
        "AWS: POST policy",
    ),
    Probe(
        "form-expiry",
        "An upload after two minutes is refused.",
        (_UPLOAD,),
        uploads.probe_expired,
        "documented",
        "upload guide of docs.leonardo.ai",
    ),
    Probe(
        "dataset-images",
        "Images added to a dataset appear in it.",
        (
            "uploadDatasetImage",
            "uploadDatasetImageFromGen",
            "getDatasetById",
            "createDataset",
            _CREATE,
            _READ,
        ),
        uploads.probe_dataset_images,
        "documented",
        _DOCUMENT,
    ),
    Probe(
        "canvas",
        "The realtime canvas returns pictures.",
        ("createLCMGeneration", "performInstantRefine", "performInpaintingLCM", "performAlchemyUpscaleLCM"),
        synchronous.probe_canvas,
        "documented",
        _DOCUMENT,
    ),
    Probe(
        "prompts",
        "Prompts are texts, and random ones differ.",
        ("promptRandom", "promptImprove"),
        synchronous.probe_prompts,
        "documented",
        _DOCUMENT,
    ),
    Probe(
        "calculator",
        "The calculator's price depends on the request.",
        ("pricingCalculator",),
        synchronous.probe_calculator,
        "documented",
        "pricing guide of docs.leonardo.ai",
    ),
    Probe(
        "no-key",
        "A call without a key is refused with 401.",
        ("getUserSelf", _READ),
        keys_and_errors.probe_no_key,
        "documented",
        _FAQ,
    ),
    Probe(
        "wrong-key",
        "A key that was never issued is refused.",
        ("getUserSelf", _READ, "listPlatformModels"),
        keys_and_errors.probe_wrong_key,
        "documented",
        _FAQ,
    ),
    Probe(
        "error-forms",
        "Errors have the documented format and status.",
        (_CREATE, _READ, _LIST),
        keys_and_errors.probe_error_forms,
        "documented",
        _FAQ,
    ),
    Probe(
        "reads",
        "A read changes nothing and can be repeated.",
        ("getUserSelf", "listPlatformModels", "listElements", "listBlueprints"),
        keys_and_errors.probe_reads,
        "inferred",
        "RFC 9110: GET is safe",
    ),
    Probe(
        "at-once",
        "A synchronous result is as the response says.",
        ("createGenerationSyncV2",),
        v2_and_blueprints.probe_at_once,
        "documented",
        "OpenAPI document of POST /generationssync",
    ),
    Probe(
        "models-v2",
        "Version 2 lists its models.",
        ("listModelsV2",),
        v2_and_blueprints.probe_models_2,
        "documented",
        "docs.leonardo.ai",
    ),
    Probe(
        "blueprints",
        "A listed blueprint can be read and has versions; pages fit together.",
        ("listBlueprints", "getBlueprintById", "getBlueprintVersionsByBlueprintId"),
        v2_and_blueprints.probe_blueprints,
        "documented",
        _DOCUMENT,
    ),
    Probe(
        "execution",
        "A finished execution of a blueprint has generations, which can be read.",
        ("executeBlueprint", "getBlueprintExecution", "getBlueprintExecutionGenerations", _READ),
        v2_and_blueprints.probe_execution,
        "documented",
        _DOCUMENT,
    ),
    Probe(
        "webhooks",
        "A finished generation sends a webhook with the documented body.",
        (_CREATE, _READ),
        webhooks.probe_webhooks,
        "documented",
        "guide to the webhook callback feature",
    ),
)
