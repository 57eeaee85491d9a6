"""Servers that are killed, whenever it is."""

from __future__ import annotations

import pathlib
import select
import signal
import threading
from typing import Any

from support.server import PATIENCE, Server


class MortalServer(Server):
    """Is killed after `life` seconds, if given. Its port is 0 if it died before it could listen."""

    def __init__(
        self, models: pathlib.Path, home: pathlib.Path, *flags: str, life: float | None = None, **more: Any
    ) -> None:
        self._life = life
        super().__init__(models, home, *flags, **more)

    def _read_port(self) -> int:
        if self._life is not None:
            threading.Timer(self._life, self.process.kill).start()
        stdout = self.process.stdout
        assert stdout is not None
        assert select.select([stdout], [], [], PATIENCE)[0], "the server says nothing"
        line = stdout.readline().decode()
        if not line:
            self.check_death()
            return 0
        return int(line.rsplit(":", 1)[1])

    def check_death(self) -> None:
        """It has been killed, and has not ended in another way."""
        code = self.process.wait(PATIENCE)
        assert code == -signal.SIGKILL, f"ended with {code}; log: {self.log_text()[-5000:]}"


class RefusingServer(MortalServer):
    """May refuse to start, with one line that says why; `port` is 0 then."""

    def check_death(self) -> None:
        assert self.process.wait(PATIENCE) == 1, f"ended with {self.process.returncode}; log: {self.log_text()[-5000:]}"
        said = [line for line in self.log_text().splitlines() if line.startswith("einfer-server: ")]
        assert len(said) == 1 and "data directory" in said[0], said
