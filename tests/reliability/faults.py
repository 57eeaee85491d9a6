"""Faults for a server: the disk, memory and the clock as they are at their worst, and death at a chosen system call.

faults.c, preloaded, does them; it is told what to do through a file that both have mapped.
"""

from __future__ import annotations

import mmap
import pathlib
import struct
import subprocess

FIELDS = [
    "disk_errno", "disk_kinds", "disk_failures", "kill_after", "kill_kinds", "kill_late", "allocation_period",
    "allocation_least", "allocation_count", "allocation_failures", "clock_offset_ms", "poison",
]  # struct Control of faults.c
SYNC, WRITE, SEND = 1, 2, 4  # kinds of calls that a server can be killed at


def build_library(directory: pathlib.Path) -> pathlib.Path:
    library = directory / "libfaults.so"
    source = pathlib.Path(__file__).parent / "faults.c"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


class Faults:
    """Those of one server at a time: `env` is its environment. None happen until a field is set."""

    def __init__(self, library: pathlib.Path, control: pathlib.Path, directory: pathlib.Path) -> None:
        control.write_bytes(bytes(8 * len(FIELDS)))
        with control.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)
        self.env = {"LD_PRELOAD": str(library), "FAULTS_CONTROL": str(control), "FAULTS_DIRECTORY": str(directory)}

    def set(self, **values: int) -> None:
        """In the order given, while the server runs."""
        for name, value in values.items():
            struct.pack_into("=q", self._memory, 8 * FIELDS.index(name), value)

    def get(self, name: str) -> int:
        (value,) = struct.unpack_from("=q", self._memory, 8 * FIELDS.index(name))
        return value

    def clear(self) -> None:
        self.set(**dict.fromkeys(FIELDS, 0))

    def fail_disk(self, error: int, kinds: int = SYNC | WRITE) -> None:
        self.set(disk_kinds=kinds, disk_errno=error)

    def mend_disk(self) -> None:
        self.set(disk_errno=0)

    def kill_at(self, calls: int, kinds: int, *, late: bool) -> None:
        """At so many calls of these kinds from now on."""
        self.set(kill_after=0)
        self.set(kill_kinds=kinds, kill_late=late)
        self.set(kill_after=calls)
