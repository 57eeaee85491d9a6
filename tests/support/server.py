"""The real einfer-server as a child process with its own data directory.

The binary is that of the directory named by EINFER_BUILD, build/release by default.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import os
import pathlib
import resource
import select
import signal
import sqlite3
import ssl
import subprocess
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = ROOT / os.environ.get("EINFER_BUILD", "build/release") / "bin" / "einfer-server"
PATIENCE = 60.0  # seconds until something that should have happened counts as never happening
LISTENING = "0A"  # in /proc/net/tcp
SETTLED = "(2, 3, 4)"  # completed, failed, expired, as the job table numbers them


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Asks again until it is so."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.005)


def attempts(at: str) -> Iterator[int]:
    """For what comes about by chance, as when two sides race: how often it was tried. Gives up in the end."""
    deadline = time.monotonic() + PATIENCE
    for number in itertools.count():
        assert time.monotonic() < deadline, f"tried {number} times in vain: {at}"
        yield number


def clean_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without the server's own variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EINFER_")}
    return kept | dict(more or {})


def run_server(*arguments: str, env: Mapping[str, str] | None = None, cwd: pathlib.Path | None = None):
    """Runs the binary to its end; for what is no long-running server."""
    return subprocess.run(
        [str(BINARY), *arguments], env=clean_environment(env), cwd=cwd, capture_output=True, text=True, timeout=PATIENCE,
        check=False,
    )


class Server:
    """A running server. `data` and `log` outlive it, so that another one can follow on the same data."""

    logs: ClassVar[set[pathlib.Path]] = set()  # of all servers that this process has started

    def __init__(
        self, models: pathlib.Path, home: pathlib.Path, *flags: str, env: Mapping[str, str] | None = None,
        listen: str = "127.0.0.1:0", tls: ssl.SSLContext | None = None, headers: Mapping[str, str] | None = None,
    ) -> None:
        """`tls`: how clients connect, for a server that speaks TLS. `headers`: what they send with every request."""
        self.tls = tls
        self.headers = dict(headers or {})
        home.mkdir(parents=True, exist_ok=True)
        self.data = home / "data"
        self.log = home / "log"
        self.logs.add(self.log)
        self._asked_to_end = False
        command = [str(BINARY), "--listen", listen, "--models", str(models), "--data", str(self.data), *flags]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=clean_environment(env), stdout=subprocess.PIPE, stderr=log)
        self.port = self._read_port()

    def _read_port(self) -> int:
        stdout = self.process.stdout
        assert stdout is not None
        assert select.select([stdout], [], [], PATIENCE)[0], "the server says nothing"
        line = stdout.readline().decode()
        scheme = "https" if self.tls else "http"
        assert line.startswith(f"einfer-server listening on {scheme}://"), f"{line!r}; log: {self.log_text()}"
        port = urllib.parse.urlsplit(line.split()[-1]).port
        assert port
        return port

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def _is_ready(self) -> bool:
        if self.tls:
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=PATIENCE, context=self.tls
            )
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request("GET", "/ready")
        status = connection.getresponse().status
        connection.close()
        return status == 200

    def wait_ready(self) -> Server:
        wait_until(self._is_ready, "the server is ready")
        return self

    def log_text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def is_meant_to_live(self) -> bool:
        """Nobody has killed it or sent it a signal."""
        return not self._asked_to_end

    def send_signal(self, number: signal.Signals) -> None:
        self._asked_to_end = True
        self.process.send_signal(number)

    def exit_code(self) -> int:
        """Waits for the end."""
        return self.process.wait(PATIENCE)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.send_signal(number)
        return self.exit_code()

    def kill(self) -> None:
        """As `kill -9`, and whatever state it is in."""
        self._asked_to_end = True
        self.process.kill()
        self.process.wait(PATIENCE)
        if self.process.stdout:
            self.process.stdout.close()

    def query(self, sql: str) -> int:
        """One number out of the job database, which the server may be using."""
        with sqlite3.connect(f"file:{self.data / 'jobs.sqlite3'}?mode=ro", uri=True, timeout=PATIENCE) as database:
            (number,) = database.execute(sql).fetchone()
        database.close()
        return number

    def job_count(self) -> int:
        return self.query("SELECT count(*) FROM jobs")

    def unfinished_jobs(self) -> int:
        return self.query(f"SELECT count(*) FROM jobs WHERE state NOT IN {SETTLED}")

    def data_files(self) -> set[str]:
        return {path.name for path in self.data.iterdir()}

    def lock_database(self) -> sqlite3.Connection:
        """Nothing is committed until the lock is closed: a disk that takes its time."""
        lock = sqlite3.connect(self.data / "jobs.sqlite3", isolation_level=None, timeout=PATIENCE)
        lock.execute("BEGIN IMMEDIATE")
        return lock

    def open_files(self) -> list[str]:
        folder = pathlib.Path(f"/proc/{self.pid}/fd")
        found = []
        for path in folder.iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                found.append(os.readlink(path))
        return found

    def limit_open_files(self, count: int) -> None:
        _, hard = resource.prlimit(self.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.pid, resource.RLIMIT_NOFILE, (count, hard))  # so that it can be raised again

    def limit_file_size(self, size: int) -> None:
        """Of each file that it writes; -1: none."""
        _, hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (size, hard))

    def connections(self) -> int:
        """Connections that the process holds."""
        sockets = {f"socket:[{line[9]}]" for line in self._sockets() if line[3] != LISTENING}
        return len(sockets & set(self.open_files()))

    def has_read_everything(self) -> bool:
        """Nothing that was sent to it is on its way or unread."""
        port = f":{self.port:04X}"
        return not any(
            int(line[4].partition(":")[line[1].endswith(port) * 2], 16)  # ours is to be read, theirs to be sent
            for line in self._sockets()
            if port in line[1] + line[2] and line[3] != LISTENING
        )

    def _sockets(self) -> list[list[str]]:
        table = pathlib.Path(f"/proc/{self.pid}/net/tcp").read_text(encoding="ascii")
        return [line.split() for line in table.splitlines()[1:]]

    def peak_memory(self) -> int:
        """Bytes of memory at most resident since reset_peak_memory()."""
        return self._status("VmHWM")

    def memory(self) -> int:
        return self._status("VmRSS")

    def reset_peak_memory(self) -> None:
        pathlib.Path(f"/proc/{self.pid}/clear_refs").write_text("5", encoding="ascii")

    def writable_memory(self) -> bytes:
        """What the process holds in its own memory."""
        pieces = []
        with open(f"/proc/{self.pid}/maps", encoding="ascii") as maps, open(f"/proc/{self.pid}/mem", "rb", 0) as memory:
            for line in maps:
                addresses, permissions = line.split()[:2]
                if permissions.startswith("rw"):
                    start, end = (int(address, 16) for address in addresses.split("-"))
                    memory.seek(start)
                    pieces.append(memory.read(end - start))
        return b"".join(pieces)

    def _status(self, field: str) -> int:
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024
        raise AssertionError(field)
