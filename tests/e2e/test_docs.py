"""Runs the commands of the documentation: every sh block under a line `<!-- tested -->`, in a scratch folder."""

import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("EINFER_BUILD", ROOT / "build/release")).resolve()
BLOCK = re.compile(r"<!-- tested -->\n```sh\n(.*?)```", re.DOTALL)


def blocks() -> list:
    files = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "examples").rglob("*.md"))]
    return [
        pytest.param(text, id=f"{path.relative_to(ROOT)}-{number}")
        for path in files
        for number, text in enumerate(BLOCK.findall(path.read_text()))
    ]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def script(block: str, port: int) -> str:
    """The block with a free port for 8000, waiting for a server that was started in the background."""
    wait = f"for i in $(seq 200); do (: >/dev/tcp/127.0.0.1/{port}) 2>/dev/null && break; sleep 0.05; done"
    lines = []
    for line in block.replace(":8000", f":{port}").splitlines():
        lines.append(line)
        if line.rstrip().endswith("&"):
            lines.append(wait)
    return "\n".join(["set -euo pipefail", *lines])


@pytest.mark.parametrize("block", blocks())
def test_commands_of_the_documentation_work(block: str, tmp_path: pathlib.Path):
    for name in ("models", "examples", "docs", "schemas"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "build").mkdir()
    (tmp_path / "build/release").symlink_to(BUILD)
    port = free_port()
    block = block.replace("/tmp/", f"{tmp_path}/")
    environment = os.environ | {"EINFER_SERVER": f"http://127.0.0.1:{port}", "PATH": f"{BUILD}/bin:{os.environ['PATH']}"}
    output = tmp_path / "output.txt"
    with output.open("w") as sink:
        process = subprocess.Popen(
            ["bash", "-c", script(block, port)], cwd=tmp_path, env=environment, start_new_session=True,
            stdout=sink, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:
        code = process.wait(timeout=120)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)  # servers that the block left in the background
    assert code == 0, output.read_text()


def test_the_example_of_a_config_file_is_one(tmp_path: pathlib.Path):
    example = re.search(r"```toml\n(.*?)```", (ROOT / "docs/operations.md").read_text(), re.DOTALL)
    config = tmp_path / "einfer.toml"
    config.write_text(example.group(1))
    checked = subprocess.run([BUILD / "bin/einfer-server", "--config", config, "--check"], cwd=ROOT, capture_output=True,
                             text=True, timeout=60, check=False)
    assert checked.returncode == 0, checked.stderr


def test_the_readme_names_the_two_commands():
    readme = (ROOT / "README.md").read_text()
    assert "make demo" in readme and "make test" in readme
    assert len(blocks()) >= 1
