"""The example tools, resources and prompts that the conformance suite asks for, over leomock's server."""
