"""OpenAPI documents to operations, validators and serializers. Knows nothing of state or HTTP."""
