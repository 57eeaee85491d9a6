"""Conformance kit for servers of the einfer v1 protocol: one is held to openapi.yaml, schemas/ and docs/api.md."""
