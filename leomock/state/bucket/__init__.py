"""The upload bucket: presigned forms, policies, signatures and stored objects."""
