"""What the tests of reliability share. Those marked `long` run with EINFER_LONG=1, as `make test-long` does."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable

import pytest

from reliability.clients import Question, question
from reliability.faults import Faults, build_library
from support.honest import HonestRequest
from support.models import PAIR
from support.server import Server


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not os.environ.get("EINFER_LONG"):
        long = [item for item in items if item.get_closest_marker("long")]
        items[:] = [item for item in items if item not in long]
        config.hook.pytest_deselected(items=long)


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return build_library(tmp_path_factory.mktemp("faults"))


@pytest.fixture
def faults(library: pathlib.Path, tmp_path: pathlib.Path) -> Faults:
    """Those of the server with the home `one`."""
    return Faults(library, tmp_path / "faults", tmp_path / "one")


@pytest.fixture(scope="session")
def questions(
    pair_models: pathlib.Path, pair: HonestRequest, tmp_path_factory: pytest.TempPathFactory
) -> list[Question]:
    """Different requests, so that an answer to the wrong one is found out."""
    server = Server(pair_models, tmp_path_factory.mktemp("questions")).wait_ready()
    try:
        rows = [[[0.25 * number, -0.5], [1.0, 0.125 * number]] for number in range(4)]
        return [question(server, HonestRequest.make(PAIR, each, pair.session)) for each in rows]
    finally:
        server.kill()
