"""Servers and requests that the tests share."""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from support.adversarial import SERVERS, after_hostility  # noqa: F401, the fixture is for all tests
from support.honest import GoodRequest, HonestRequest
from support.models import PAIR, PAIR_ROWS, batch_of, holdout_rows, project_models, read_entry, write_registry
from support.server import BINARY, Server

FOLDER = pathlib.Path(__file__).parent
LAST_TESTS = {  # that take stock, and of which folders
    "test_every_released_code_has_been_provoked": ["e2e"],
    "test_every_documented_response_has_been_provoked": ["e2e", "interop", "generated"],
}
LOG_TAIL = 20_000  # characters of a server's log that a failed test shows

LOGS = pytest.StashKey[list[Callable[[], tuple[str, str]]]]()

StartServer = Callable[..., Server]


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The project's models and a small one for the tests that send much."""
    assert BINARY.exists(), f"{BINARY} is not built; EINFER_BUILD names the build directory"
    return write_registry(tmp_path_factory.mktemp("models"), PAIR, project=True)


@pytest.fixture(scope="session")
def pair_models(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The small model alone."""
    return write_registry(tmp_path_factory.mktemp("pair_models"), PAIR)


@pytest.fixture(scope="session")
def _shared_server(models: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(
        models, tmp_path_factory.mktemp("server"), "--enable-plain", "--log-format", "json", "--log-level", "debug"
    )
    try:
        yield server.wait_ready()
        assert server.stop() == 0
    finally:
        server.kill()


def _note_server(request: pytest.FixtureRequest, server: Server) -> None:
    """Its log from here on is shown when the test fails; and the test is known to use it."""
    start = len(server.log_text())

    def tail() -> tuple[str, str]:
        return f"log {server.log}", server.log_text()[start:][-LOG_TAIL:]

    request.node.stash.setdefault(LOGS, []).append(tail)
    request.node.stash.setdefault(SERVERS, []).append(server)


@pytest.fixture
def server(request: pytest.FixtureRequest, _shared_server: Server) -> Server:
    """The server that most tests share. They leave it as they found it."""
    _note_server(request, _shared_server)
    assert _shared_server.process.poll() is None, "an earlier test has ended the shared server"
    return _shared_server


@pytest.fixture
def start_server(
    request: pytest.FixtureRequest, models: pathlib.Path, tmp_path: pathlib.Path
) -> Iterator[StartServer]:
    """Starts servers with flags, models and a directory of their own; none of them outlives the test."""
    started: list[Server] = []
    numbers = itertools.count()

    def start(
        *flags: str, registry: pathlib.Path = models, home: pathlib.Path | None = None, ready: bool = True, **more: Any
    ) -> Server:
        server = Server(registry, home or tmp_path / f"server{next(numbers)}", *flags, **more)
        started.append(server)
        _note_server(request, server)
        return server.wait_ready() if ready else server

    yield start
    for server in started:
        server.kill()


@pytest.fixture(scope="session")
def honest() -> Callable[[str], HonestRequest]:
    """The honest request for one of the project's models, encrypted once."""
    made: dict[str, HonestRequest] = {}

    def request_for(model_id: str) -> HonestRequest:
        assert model_id in project_models()
        if model_id not in made:
            model = read_entry(model_id)
            rows = batch_of(holdout_rows(model_id), 3)
            made[model_id] = HonestRequest.make(model, rows)
        return made[model_id]

    return request_for


@pytest.fixture(scope="session")
def pair() -> HonestRequest:
    """The honest request for the small model."""
    return HonestRequest.make(PAIR, PAIR_ROWS)


@pytest.fixture(scope="session")
def good(pair: HonestRequest) -> GoodRequest:
    return GoodRequest(pair)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        report.sections += [tail() for tail in item.stash.get(LOGS, [])]
    return report


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks; and the tests that take stock come last, and only when every file that they take stock of runs."""
    for item in items:
        if "start_server" in getattr(item, "fixturenames", ()):
            item.add_marker("own_server")
    last = [item for item in items if item.name in LAST_TESTS]
    files = {item.path for item in items}
    items[:] = [item for item in items if item.name not in LAST_TESTS]
    for item in last:
        complete = all(files >= set((FOLDER / folder).glob("test_*.py")) for folder in LAST_TESTS[item.name])
        if complete and not config.option.keyword and not config.option.markexpr:
            items.append(item)
        else:
            config.hook.pytest_deselected(items=[item])
