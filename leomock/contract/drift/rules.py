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
     "calls of it are refused", "its entry and handler can be deleted; nobody calls it any more"),
    ("operation-moved", "the operation has another method or path", B, B,
     "calls at the old place are refused", "calls at the new place are refused"),
    ("operation-renamed", "the operation has another id", C, B,
     "the calls stay the same; only code that is generated anew gets another name",
     "handlers and scenarios name operations by their ids; a name of no operation stops the start"),
    ("deprecated-changed", "it is deprecated, or no longer", C, S,
     "it works as before, but may go", "it is answered as before"),
    ("operation-removed-after-sunset", "the operation is gone, as its sunset date announced", C, S,
     "the date has passed: calls of it had to end", "its entry and handler can be deleted"),
    ("sunset-added", "a sunset date", C, S,
     "it works until then", "it is answered as before"),
    ("sunset-earlier", "an earlier sunset date", B, S,
     "less time is left than was announced", "it is answered as before"),
    ("sunset-later", "a later sunset date", C, S,
     "more time is left than was announced", "it is answered as before"),
    ("sunset-removed", "the sunset date is gone", C, S,
     "nothing says any more when it goes", "it is answered as before"),
    ("stability-decreased", "it is less stable than it was", B, S,
     "it may change without notice now", "it is answered as before"),
    ("stability-increased", "it is more stable than it was", C, S,
     "it works as before", "it is answered as before"),
    ("servers-changed", "other addresses", B, B,
     "calls go to the old address", "the fake answers under, and intercepts, the old address"),
    ("security-added", "another way to be let in", C, B,
     "the old way still opens", "the fake does not know the new way"),
    ("security-removed", "a way to be let in is gone", B, C,
     "what opened so far is refused", "the fake still opens to what the service refuses"),
    ("other-changed", "something that has no rule of its own", B, B,
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
     "giving it is still right", "the fake refuses calls without it"),
    ("path-parameter-renamed", "a variable of the path has another name", C, B,
     "the addresses stay the same", "handlers read path variables by their names"),
    ("parameter-style-changed", "the parameter is written differently", B, B,
     "values are misread as they are written now", "values are misread as they will be written"),
    ("request-body-required", "the body is required now", B, C,
     "calls without a body are refused", "the fake accepts calls that the service refuses"),
    ("request-body-optional", "the body is no longer required", C, B,
     "giving one is still right", "the fake may refuse calls without one"),
    ("request-body-removed", "there is no body any more", B, C,
     "variables that the service does not name are refused", "the fake accepts what the service refuses"),
    ("request-body-added-required", "a body that is required", B, B,
     "calls without it are refused", "the fake refuses variables that it does not know"),
    ("request-body-added-optional", "a body that may be given", C, B,
     "it can be left out", "the fake refuses variables that it does not know"),
    ("request-media-added", "another media type of the body", C, B,
     "the old one is still read", "the fake reads JSON bodies alone"),
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
     "giving it is still right", "the fake refuses calls without it"),
    ("request-type-changed", "another type", B, B,
     "values of the old type are refused", "the fake refuses values of the new type"),
    ("request-type-widened", "more types are accepted", C, B,
     "values of the old type are still right", "the fake refuses values of the new types"),
    ("request-type-narrowed", "fewer types are accepted", B, C,
     "some values are refused", "the fake accepts values that the service refuses"),
    ("request-nullable", "null is accepted now", C, B,
     "nobody sends it yet", "the fake refuses null"),
    ("request-not-nullable", "null is no longer accepted", B, C,
     "calls with null are refused", "the fake accepts null"),
    ("request-enum-widened", "more values are accepted", C, B,
     "the old values are still right", "the fake refuses the new values"),
    ("request-enum-narrowed", "fewer values are accepted", B, C,
     "values that are gone are refused", "the fake accepts values that the service refuses"),
    ("request-limit-tightened", "a limit is tighter", B, C,
     "values that were right are refused", "the fake accepts values that the service refuses"),
    ("request-limit-loosened", "a limit is looser", C, B,
     "values that were right still are", "the fake refuses values that are right now"),
    ("request-limit-changed", "a limit is another", B, B,
     "values that were right are refused", "the fake refuses values that are right now"),
    ("request-pattern-changed", "another pattern", B, B,
     "texts that were right may be refused", "the fake may refuse texts that are right now"),
    ("request-format-changed", "another format", B, B,
     "texts of the old format are refused", "the fake refuses texts of the new format"),
    ("request-default-changed", "another default", B, B,
     "a call that leaves the field out does something else now", "the fake fills in the old default"),
    ("request-sample-changed", "another default of what must be given", S, S,
     "it has to be given anyway", "the fake takes the default of what is required for a sample"),
    ("request-variant-added", "another variant is accepted", C, B,
     "the old ones are still right", "the fake refuses the new one"),
    ("request-variant-removed", "a variant is gone", B, C,
     "values of it are refused", "the fake accepts values that the service refuses"),
    ("request-read-only", "the field is read-only now", C, C,
     "it should no longer be sent", "the fake takes it as before"),
    ("request-not-read-only", "the field is no longer read-only", C, C,
     "it can be sent now", "the fake takes it as before"),
    ("request-keyword-changed", "a keyword that has no rule of its own", B, B,
     "what it means to a client is not known; look at it", "what it means is not known; look at it"),
    # --- response contents ---
    ("response-success-added", "another status of success", B, C,
     "a status that is not listed is an error to the official SDKs", "the fake answers the old one"),
    ("response-success-removed", "a status of success is gone", B, B,
     "what the client waits for never comes", "the fake answers with a status that is no longer one"),
    ("response-error-added", "another status of failure", C, C,
     "a failure is a failure, listed or not", "the fake never fails so by itself"),
    ("response-error-removed", "a status of failure is gone", C, C,
     "it is waited for in vain, which hurts nobody", "the fake may fail in a way that the service does not"),
    ("response-media-added", "another media type of the answer", C, C,
     "a client gets what it asks for in Accept", "the fake answers with the old one"),
    ("response-media-removed", "a media type of the answer is gone", B, B,
     "the client cannot read what comes instead", "the fake answers with a type that is no longer one"),
    ("response-header-added", "another header of the answer", C, B,
     "headers that nobody asks for are passed over", "the fake does not send it"),
    ("response-header-removed", "a header of the answer is gone", B, C,
     "who reads it finds nothing", "the fake may send what the service does not"),
    ("response-header-optional", "a header of the response may be missing now", B, C,
     "code that reads it may find nothing", "the fake always sends it"),
    ("response-header-required", "a header of the response is always there now", C, B,
     "code that expects it to be missing at times works as well", "the fake may leave it out"),
    ("response-field-added", "a new field in the answer", C, B,
     "fields that nobody asks for are passed over", "the fake does not answer it"),
    ("response-field-removed", "a field of the answer is gone", B, C,
     "who reads it finds nothing", "the fake answers what the service does not: code that reads it passes"),
    ("response-field-required", "the field is always there now", C, S,
     "who expects that it may be missing is right as well",
     "the fake answers every field that the schema names anyway"),
    ("response-field-optional", "the field may be missing now", B, C,
     "who reads it may find nothing", "the fake always answers it: code that needs it passes"),
    ("response-type-changed", "another type in the answer", B, B,
     "the client reads another type than it expects", "the fake answers the old type"),
    ("response-type-widened", "more types in the answer", B, C,
     "the client may read a type that it does not expect", "the fake never answers the new types"),
    ("response-type-narrowed", "fewer types in the answer", C, B,
     "what comes is still expected", "the fake may answer a type that is gone"),
    ("response-nullable", "the answer may be null now", B, C,
     "the client may read null where it expects a value", "the fake never answers null there"),
    ("response-not-nullable", "the answer is never null now", C, B,
     "who expects null is right as well", "the fake leaves blank as null what it may"),
    ("response-enum-widened", "more values in the answer", B, C,
     "the enums of the official SDKs are closed: a new value is an error", "the fake never answers them"),
    ("response-enum-narrowed", "fewer values in the answer", C, B,
     "what comes is still expected", "the fake may answer values that are gone"),
    ("response-limit-tightened", "a limit of the answer is tighter", C, B,
     "what comes is still expected", "the fake may answer values beyond it"),
    ("response-limit-loosened", "a limit of the answer is looser", B, C,
     "values may come that the client has no room for", "the fake never answers such values"),
    ("response-limit-changed", "a limit of the answer is another", B, B,
     "values may come that the client does not expect", "the fake may answer values beyond it"),
    ("response-pattern-changed", "another pattern in the answer", B, B,
     "texts may come that the client does not expect", "the fake may answer texts of the old pattern"),
    ("response-format-changed", "another format in the answer", B, B,
     "the client may be unable to read it", "the fake answers the old format"),
    ("response-default-changed", "another default in the answer", S, S,
     "a default says nothing about what comes", "the fake does not look at defaults of answers"),
    ("response-variant-added", "another variant of the answer", B, C,
     "the client may read what it does not know", "the fake never answers it"),
    ("response-variant-removed", "a variant of the answer is gone", C, B,
     "what comes is still expected", "the fake may answer it"),
    ("response-keyword-changed", "a keyword of the answer that has no rule of its own", B, B,
     "what it means to a client is not known; look at it", "what it means is not known; look at it"),
    # --- webhooks and other events ---
    ("event-added", "a new event", C, B,
     "receivers pass over events that they do not know", "the fake never sends it"),
    ("event-removed", "the event is gone", B, C,
     "a receiver waits for it in vain", "the fake still sends it"),
    # --- words ---
    ("discriminator-changed", "another discriminator", C, S,
     "the same values come; only generated code tells them apart in another way",
     "the fake does not look at discriminators"),
    ("title-changed", "another title", S, C,
     "no value is any different", "the fake's refusals name types by their titles"),
    ("example-changed", "another example", S, S,
     "nothing is sent or answered by it", "nothing is answered by it"),
    ("extension-changed", "another extension (x-…)", S, S,
     "extensions are no part of the API", "the fake looks at those of its own overlay alone"),
    ("link-changed", "another link", S, S,
     "a link only says how operations belong together", "nothing is answered by it"),
    ("tags-changed", "other tags", S, S,
     "tags only sort operations", "the fake sorts operations by documents"),
    ("version-changed", "another version of the document", S, S,
     "nothing is sent or answered by it", "nothing is answered by it"),
    ("prose-changed", "other words", S, S,
     "only people read them", "only people read them"),
    # --- parts of leomock whose basis is gone ---
    ("overlay-target-gone", "what an overlay action corrects is gone", S, B,
     "the overlay is leomock's own", "an action whose target is not in the document stops the start"),
)
# fmt: on

RULES: dict[str, Rule] = {row[0]: Rule(*row) for row in _TABLE}
