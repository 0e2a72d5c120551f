"""Phrases in explanations that the rules of the verdict look for in the journal."""

UNKNOWN_ACCEPTED = "which leomock does not know; accepted (--unknown-models allow)"
NEVER_UPLOADED = "nothing was uploaded for it"
GENERATED_IMAGE = "is the id of a generated image"
NO_IMAGE = "the uploaded file is no image: "
OTHER_FORMAT = "the uploaded file has another format than its name says: "
EMPTY_DATASET = "the training has a dataset without pictures"
REPLACED = "the upload replaces the file that was uploaded before"
