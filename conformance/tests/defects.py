"""Promises that the proxy breaks, one at a time, and the checks that must notice."""

from __future__ import annotations

import defects_of_jobs
import defects_of_replies
import defects_of_requests
from broken_proxy import Behaviour, Chain
from defect import DEFECTS, Defect
from features import ApiKeys, IdempotencyKeys

__all__ = ["DEFECTS", "Defect", "with_features"]
MODULES = (defects_of_replies, defects_of_requests, defects_of_jobs)  # each adds its own to DEFECTS


def with_features() -> Behaviour:
    return Chain(ApiKeys(), IdempotencyKeys())
