"""The rules that classify a change: one line each, with its effect on clients and on the fake.

OLD is the documents that clients and leomock were written for; NEW is what the service does now.

For a **client** written for OLD, a change is
  breaking    if its requests may be rejected, or it may get responses that it does not understand;
  compatible  if it keeps working; there is more to use, or less to expect;
  cosmetic    if nothing that it sends or receives is different.

For the **fake**, which does what OLD says, a change is
  breaking    if a client written for NEW fails with the fake: its request is rejected, it does not get what
              NEW promises, or the fake does not start with NEW's documents;
  compatible  if such a client works, but the fake is more lenient or less complete than the service: tests
              may pass that should fail;
  cosmetic    if the only work is to copy texts or to delete what nobody requests any more.

It is documented that the service rejects variables it does not define (error messages page of
docs.leonardo.ai: `Unexpected variable …`), and the fake does the same. The official SDKs treat enums as
closed, and statuses that are not listed as errors. Everything else follows from the meaning of the keywords.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Class: TypeAlias = Literal["breaking", "compatible", "cosmetic"]

B: Class = "breaking"
C: Class = "compatible"
S: Class = "cosmetic"


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of change: its description, and its class for clients and for the fake, with the reasons."""

    id: str
    what: str
    client: Class
    fake: Class
    to_client: str
    to_fake: str


# fmt: off
_TABLE: tuple[tuple[str, str, Class, Class, str, str], ...] = (
    # --- operations ---
    ("operation-added", "a new operation", C, B,
     "nobody calls it yet", "the fake answers it with 404"),
    ("operation-removed", "the operation is gone", B, S,
     "calls to it are refused", "its entry and handler can be deleted; nobody calls it any more"),
    ("operation-moved", "the operation has another method or path", B, B,
     "calls at the old place are refused", "calls at the new place are refused"),
    ("operation-renamed", "the operation has another id", C, B,
     "the calls stay the same; only newly generated code gets a different name",
     "handlers and scenarios refer to operations by id; leomock does not start with an unknown id"),
    ("deprecated-changed", "it is deprecated, or no longer", C, S,
     "it works as before, but may be removed", "it is answered as before"),
    ("operation-removed-after-sunset", "the operation is gone, as its sunset date announced", C, S,
     "the date has passed: clients had to stop calling it", "its entry and handler can be deleted"),
    ("sunset-added", "a sunset date", C, S,
     "it works until then", "it is answered as before"),
    ("sunset-earlier", "an earlier sunset date", B, S,
     "less time is left than was announced", "it is answered as before"),
    ("sunset-later", "a later sunset date", C, S,
     "more time is left than was announced", "it is answered as before"),
    ("sunset-removed", "the sunset date is gone", C, S,
     "nothing says any more when it will be removed", "it is answered as before"),
    ("stability-decreased", "it is less stable than it was", B, S,
     "it may change without notice now", "it is answered as before"),
    ("stability-increased", "it is more stable than it was", C, S,
     "it works as before", "it is answered as before"),
    ("servers-changed", "other addresses", B, B,
     "calls go to the old address", "the fake answers under, and intercepts, the old address"),
    ("security-added", "an additional way to authenticate", C, B,
     "the old way still works", "the fake does not know the new way"),
    ("security-removed", "a way to authenticate is gone", B, C,
     "credentials that worked before are refused", "the fake still accepts credentials that the service "
     "refuses"),
    ("other-changed", "something that no rule covers", B, B,
     "what it means to a client is not known; look at it", "what it means is not known; look at it"),
    # --- parameters and bodies ---
    ("parameter-added-required", "a new parameter that is required", B, B,
     "calls without it are refused", "the fake refuses variables that it does not know"),
    ("parameter-added-optional", "a new parameter", C, B,
     "it can be left out", "the fake refuses variables that it does not know"),
    ("parameter-removed", "the parameter is gone", B, C,
     "variables that the service does not name are refused", "the fake accepts what the service refuses"),
    ("parameter-required", "the parameter is required now", B, C,
     "calls without it are refused", "the fake accepts calls that the service refuses"),
    ("parameter-optional", "the parameter is no longer required", C, B,
     "sending it is still valid", "the fake refuses calls without it"),
    ("path-parameter-renamed", "a variable of the path has another name", C, B,
     "the addresses stay the same", "handlers read path variables by their names"),
    ("parameter-style-changed", "the parameter is written differently", B, B,
     "values in the old form are misread", "values in the new form are misread"),
    ("request-body-required", "the body is required now", B, C,
     "calls without a body are refused", "the fake accepts calls that the service refuses"),
    ("request-body-optional", "the body is no longer required", C, B,
     "sending one is still valid", "the fake may refuse calls without one"),
    ("request-body-removed", "the body is gone", B, C,
     "variables that the service does not name are refused", "the fake accepts what the service refuses"),
    ("request-body-added-required", "a required body", B, B,
     "calls without it are refused", "the fake refuses variables that it does not know"),
    ("request-body-added-optional", "an optional body", C, B,
     "it can be left out", "the fake refuses variables that it does not know"),
    ("request-media-added", "another media type of the body", C, B,
     "the old one is still read", "the fake only reads JSON bodies"),
    ("request-media-removed", "a media type of the body is gone", B, C,
     "bodies of that type are refused", "the fake still reads them"),
    # --- request contents ---
    ("request-field-added-required", "a new field that is required", B, B,
     "calls without it are refused", "the fake refuses variables that it does not know"),
    ("request-field-added-optional", "a new field", C, B,
     "it can be left out", "the fake refuses variables that it does not know"),
    ("request-field-removed", "the field is gone", B, C,
     "variables that the service does not name are refused", "the fake accepts what the service refuses"),
    ("request-field-required", "the field is required now", B, C,
     "calls without it are refused", "the fake accepts calls that the service refuses"),
    ("request-field-optional", "the field is no longer required", C, B,
     "sending it is still valid", "the fake refuses calls without it"),
    ("request-type-changed", "another type", B, B,
     "values of the old type are refused", "the fake refuses values of the new type"),
    ("request-type-widened", "more types are accepted", C, B,
     "values of the old type are still valid", "the fake refuses values of the new types"),
    ("request-type-narrowed", "fewer types are accepted", B, C,
     "some values are refused", "the fake accepts values that the service refuses"),
    ("request-nullable", "null is accepted now", C, B,
     "nobody sends it yet", "the fake refuses null"),
    ("request-not-nullable", "null is no longer accepted", B, C,
     "calls with null are refused", "the fake accepts null"),
    ("request-enum-widened", "more values are accepted", C, B,
     "the old values are still valid", "the fake refuses the new values"),
    ("request-enum-narrowed", "fewer values are accepted", B, C,
     "the removed values are refused", "the fake accepts values that the service refuses"),
    ("request-limit-tightened", "a limit is tighter", B, C,
     "values that were right are refused", "the fake accepts values that the service refuses"),
    ("request-limit-loosened", "a limit is looser", C, B,
     "values that were valid still are", "the fake refuses values that are right now"),
    ("request-limit-changed", "a limit changed", B, B,
     "values that were right are refused", "the fake refuses values that are right now"),
    ("request-pattern-changed", "another pattern", B, B,
     "texts that were valid may be refused", "the fake may refuse texts that are valid now"),
    ("request-format-changed", "another format", B, B,
     "texts of the old format are refused", "the fake refuses texts of the new format"),
    ("request-default-changed", "another default", B, B,
     "a call that leaves the field out does something else now", "the fake fills in the old default"),
    ("request-sample-changed", "a different default of a required field", S, S,
     "it must be sent anyway", "the fake treats the default of a required field as a sample value"),
    ("request-variant-added", "another variant is accepted", C, B,
     "the old ones are still valid", "the fake refuses the new one"),
    ("request-variant-removed", "a variant is gone", B, C,
     "values of it are refused", "the fake accepts values that the service refuses"),
    ("request-read-only", "the field is read-only now", C, C,
     "it should no longer be sent", "the fake takes it as before"),
    ("request-not-read-only", "the field is no longer read-only", C, C,
     "it can be sent now", "the fake takes it as before"),
    ("request-keyword-changed", "a keyword that no rule covers", B, B,
     "what it means to a client is not known; look at it", "what it means is not known; look at it"),
    # --- response contents ---
    ("response-success-added", "another status of success", B, C,
     "a status that is not listed is an error to the official SDKs", "the fake answers the old one"),
    ("response-success-removed", "a status of success is gone", B, B,
     "what the client waits for never comes", "the fake responds with a status that no longer exists"),
    ("response-error-added", "another status of failure", C, C,
     "a failure is a failure, documented or not", "the fake never fails this way by itself"),
    ("response-error-removed", "a status of failure is gone", C, C,
     "clients that expect it never get it, which does no harm", "the fake may fail in a way that the "
     "service does not"),
    ("response-media-added", "another media type of the response", C, C,
     "a client gets what it asks for in Accept", "the fake answers with the old one"),
    ("response-media-removed", "a media type of the response is gone", B, B,
     "the client cannot read the new type", "the fake responds with a type that no longer exists"),
    ("response-header-added", "another header of the response", C, B,
     "clients ignore unknown headers", "the fake does not send it"),
    ("response-header-removed", "a header of the response is gone", B, C,
     "who reads it finds nothing", "the fake may send what the service does not"),
    ("response-header-optional", "a header of the response may be missing now", B, C,
     "code that reads it may find nothing", "the fake always sends it"),
    ("response-header-required", "a header of the response is always there now", C, B,
     "code that expects it to be missing at times works as well", "the fake may leave it out"),
    ("response-field-added", "a new field in the response", C, B,
     "clients ignore unknown fields", "the fake does not answer it"),
    ("response-field-removed", "a field of the response is gone", B, C,
     "who reads it finds nothing", "the fake still returns it: code that reads it passes"),
    ("response-field-required", "the field is always there now", C, S,
     "code that handles a missing field works as well",
     "the fake returns every field of the schema anyway"),
    ("response-field-optional", "the field may be missing now", B, C,
     "code that reads it may find nothing", "the fake always returns it: code that needs it passes"),
    ("response-type-changed", "another type in the response", B, B,
     "the client reads another type than it expects", "the fake answers the old type"),
    ("response-type-widened", "more types in the response", B, C,
     "the client may read a type that it does not expect", "the fake never answers the new types"),
    ("response-type-narrowed", "fewer types in the response", C, B,
     "what comes is still expected", "the fake may answer a type that is gone"),
    ("response-nullable", "the answer may be null now", B, C,
     "the client may read null where it expects a value", "the fake never answers null there"),
    ("response-not-nullable", "the answer is never null now", C, B,
     "code that handles null works as well", "the fake returns null wherever it may"),
    ("response-enum-widened", "more values in the response", B, C,
     "the enums of the official SDKs are closed: a new value is an error", "the fake never answers them"),
    ("response-enum-narrowed", "fewer values in the response", C, B,
     "what comes is still expected", "the fake may answer values that are gone"),
    ("response-limit-tightened", "a limit of the response is tighter", C, B,
     "what comes is still expected", "the fake may answer values beyond it"),
    ("response-limit-loosened", "a limit of the response is looser", B, C,
     "values may exceed what the client can handle", "the fake never answers such values"),
    ("response-limit-changed", "a limit of the response changed", B, B,
     "values may come that the client does not expect", "the fake may answer values beyond it"),
    ("response-pattern-changed", "another pattern in the response", B, B,
     "texts may come that the client does not expect", "the fake may answer texts of the old pattern"),
    ("response-format-changed", "another format in the response", B, B,
     "the client may be unable to read it", "the fake answers the old format"),
    ("response-default-changed", "another default in the response", S, S,
     "a default says nothing about responses", "the fake ignores defaults in responses"),
    ("response-variant-added", "another variant of the response", B, C,
     "the client may get a variant that it does not know", "the fake never answers it"),
    ("response-variant-removed", "a variant of the response is gone", C, B,
     "what comes is still expected", "the fake may answer it"),
    ("response-keyword-changed", "a keyword of the response that no rule covers", B, B,
     "what it means to a client is not known; look at it", "what it means is not known; look at it"),
    # --- webhooks and other events ---
    ("event-added", "a new event", C, B,
     "receivers ignore unknown events", "the fake never sends it"),
    ("event-removed", "the event is gone", B, C,
     "a receiver that waits for it never gets it", "the fake still sends it"),
    # --- words ---
    ("discriminator-changed", "another discriminator", C, S,
     "the values stay the same; only generated code distinguishes them differently",
     "the fake ignores discriminators"),
    ("title-changed", "another title", S, C,
     "no value changes", "the fake's errors name types by their titles"),
    ("example-changed", "another example", S, S,
     "nothing is sent or answered by it", "nothing is answered by it"),
    ("extension-changed", "another extension (x-…)", S, S,
     "extensions are not part of the API", "the fake only uses those in its own overlay"),
    ("link-changed", "another link", S, S,
     "a link only says how operations belong together", "nothing is answered by it"),
    ("tags-changed", "other tags", S, S,
     "tags only sort operations", "the fake sorts operations by documents"),
    ("version-changed", "another version of the document", S, S,
     "nothing is sent or answered by it", "nothing is answered by it"),
    ("prose-changed", "other words", S, S,
     "only people read them", "only people read them"),
    # --- parts of leomock whose basis is gone ---
    ("overlay-target-gone", "the target of an overlay action is gone", S, B,
     "the overlay is leomock's own", "leomock does not start if an action's target is not in the document"),
)
# fmt: on

RULES: dict[str, Rule] = {row[0]: Rule(*row) for row in _TABLE}
