"""Python API for tests: the fake, its tenants, interception, assertions and the verdict."""
