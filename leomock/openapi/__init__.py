"""Turn OpenAPI documents into operations, validators and serializers. Knows nothing of state or HTTP."""
