"""What a Python test uses: the fake, its tenants, interception, assertions and the verdict."""
