"""All checks. Importing a module registers its own, in the order of the report."""

from einfer_conformance.checks import (  # noqa: F401, I001
    endpoints,
    errors,
    validation,
    order,
    ciphertexts,
    versions,
    jobs,
    tenants,
    idempotency,
    accuracy,
    transport,
    replies,
)
