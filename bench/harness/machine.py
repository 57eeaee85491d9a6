"""What the figures depend on: the machine, the versions, how idle it was."""

from __future__ import annotations

import importlib.metadata
import os
import pathlib
import platform
import re
import subprocess
import time
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[2]
IDLE = 0.15  # load average a core above which a machine is not idle
FLAGS = ("avx2", "bmi2", "adx", "avx512f", "avx512dq", "avx512vl", "avx512_vbmi2", "avx512ifma", "vaes", "sha_ni")
PACKAGES = ("numpy", "matplotlib")


def _cpuinfo(field: str) -> str:
    text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    found = re.search(rf"^{field}\s*:\s*(.*)$", text, re.MULTILINE)
    return found[1].strip() if found else platform.machine()


def _output(*command: str | pathlib.Path) -> str:
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=30).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def revision() -> str:
    """Of the sources; with `+` when they are changed."""
    changed = _output("git", "status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs", ":!bench/results")
    return _output("git", "rev-parse", "--short=12", "HEAD") + ("+" if changed else "")


def _seal_version() -> str:
    for file in sorted((ROOT / "build/deps/seal/lib").glob("cmake/SEAL-*/SEALConfigVersion.cmake")):
        found = re.search(r'PACKAGE_VERSION "([^"]+)"', file.read_text(encoding="utf-8"))
        if found:
            return found[1]
    return ""


def _python_packages() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def versions(build: pathlib.Path) -> dict[str, str]:
    operating_system = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    found = {
        "einfer": _output(build / "bin/einfer-server", "--version").removeprefix("einfer-server "),
        "SEAL": _seal_version(),
        "compiler": _output("c++", "--version").splitlines()[0] if _output("c++", "--version") else "",
        "system": operating_system,
        "kernel": platform.release().split("-")[0],
        "Python": platform.python_version(),
    }
    return {name: text for name, text in found.items() if text} | _python_packages()


def load_average() -> float:
    return os.getloadavg()[0]


def is_idle(load: float, cores: int) -> bool:
    return load <= IDLE * cores


def wait_until_idle(seconds: float = 150) -> None:
    """Lets the load of a build fade away; in vain on a machine that is busy."""
    until = time.monotonic() + seconds
    while not is_idle(load_average(), os.cpu_count() or 1) and time.monotonic() < until:
        time.sleep(1)


def describe(build: pathlib.Path) -> dict[str, Any]:
    flags = set(_cpuinfo("flags").split())
    cores = os.cpu_count() or 1
    load = load_average()
    return {
        "cpu": _cpuinfo("model name"),
        "cores": cores,
        "flags": [flag for flag in FLAGS if flag in flags],
        "memory_bytes": _memory(),
        "load_at_start": round(load, 2),
        "idle": is_idle(load, cores),
        "versions": versions(build),
    }
