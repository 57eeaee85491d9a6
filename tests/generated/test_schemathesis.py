"""schemathesis over the served contract, with all its checks, alone and in sequences, with real ciphertexts.

Where schemathesis makes a valid request, its ciphertexts are replaced by real ones: else nothing would get past 400. What it
makes invalid goes out as it is. EINFER_LONG=1 takes many more.
"""

from __future__ import annotations

import copy
import os
from collections import Counter
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from support import contract
from support.honest import HonestRequest, base64_input, hex_input
from support.seal_bytes import in_minor
from support.server import Server

LONG = os.environ.get("EINFER_LONG") == "1"
SETTINGS = settings(
    max_examples=500 if LONG else 30, derandomize=True, database=None, deadline=None,
    phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
)

outcomes: Counter[tuple[str, int]] = Counter()  # replies by operation and status


def make_honest(case: Any, pair: HonestRequest) -> None:
    """What only the model knows: its name, real ciphertexts in one of the forms that are allowed, rows of its length."""
    if case.operation.method != "post" or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    if case.media_type == contract.BINARY:
        make_binary(case, pair)
        return
    case.headers.pop(contract.HEADER_LENGTH, None)  # goes with the other form
    document = dict(case.body)
    number = len(str(document))  # chooses, and is the same for the same request
    document |= {"model_id": pair.model["model_id"], "version": pair.model["version"]}
    document |= {"api_version": ["1.0", "1.1"][number % 2]} if "api_version" in document else {}
    document |= {"result_format": "seal"} if "result_format" in document else {}
    document |= {"batch_size": 1 + document["batch_size"] % 16} if "batch_size" in document else {}
    if case.operation.path == "/infer":
        encode, minor = (hex_input, base64_input)[number % 2], number % 5
        document["inputs"] = [encode(in_minor(payload, minor)) for payload in pair.payloads]
    else:
        document["inputs"] = [[*row, 0.5][:2] for row in document["inputs"][:16]]
    case.body = document


def make_binary(case: Any, pair: HonestRequest) -> None:
    """What the document calls bytes has a form of its own."""
    number = len(str(case.body))
    payloads = [in_minor(payload, number % 5) for payload in pair.payloads]
    inputs = [{"binary_data_size": len(payload)} for payload in payloads]
    header = pair.binary_header(api_version=[None, "1.0", "1.1"][number % 3], inputs=inputs)
    case.headers[contract.HEADER_LENGTH] = str(len(header))
    case.body = header + b"".join(payloads)


# It writes into what it is given. Of evaluation keys it could make none: tests/e2e/test_evaluation_keys.py has real ones.
api = schemathesis.openapi.from_dict(copy.deepcopy(contract.openapi())).exclude(
    operation_id=["storeKeys", "headKeys", "eraseKeys"]
)


@api.parametrize()
@SETTINGS
def test_every_operation(case: Any, server: Server, pair: HonestRequest) -> None:
    make_honest(case, pair)
    response = case.call(base_url=server.url)
    outcomes[case.operation.label, response.status_code] += 1
    case.validate_response(response, transport_kwargs={"base_url": server.url})


def test_no_check_is_off() -> None:
    load_all_checks()
    config = api.config.checks_config_for()
    assert all(config.get_by_name(name=name).enabled for name in CHECKS.get_all_names())


def test_sequences(server: Server, pair: HonestRequest) -> None:
    """From an accepted request to its job, along the links of the contract."""
    jobs: Counter[str] = Counter()

    class Machine(api.as_state_machine()):  # type: ignore[misc]
        def before_call(self, case: Any) -> None:
            make_honest(case, pair)

        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"base_url": server.url}

        def after_call(self, response: Any, case: Any) -> None:
            super().after_call(response, case)
            outcomes[case.operation.label, response.status_code] += 1
            if case.operation.path.startswith("/jobs/") and response.status_code == 200:
                is_binary = response.headers["content-type"] == [contract.BINARY]
                jobs["completed" if is_binary else response.json()["status"]] += 1

    run_state_machine_as_test(Machine, settings=settings(SETTINGS, stateful_step_count=10))
    assert jobs["completed"] > 0, jobs
    assert outcomes["POST /infer", 202] > 0, outcomes
