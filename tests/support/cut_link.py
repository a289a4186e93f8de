"""A relay between a client and a server on a Unix socket that can cut connections."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import threading
from pathlib import Path

_AT_ONCE = 65_536


class CutLink:
    """Forwards bytes in both directions; `cut_after` ends a connection after an exact number of bytes."""

    def __init__(self, folder: Path, server: Path) -> None:
        self._server = server
        self._path = folder / server.name
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._path))
        self._listener.listen()
        self._lock = threading.Lock()
        self._left: int | None = None
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_after(self, number: int | None) -> None:
        """End a connection after this many more bytes in both directions together. None: never."""
        with self._lock:
            self._left = number

    def close(self) -> None:
        """Accept no more connections."""
        self._listener.close()
        os.unlink(self._path)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX)
        with client, server, selectors.DefaultSelector() as ready, contextlib.suppress(OSError):
            server.connect(str(self._server))
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _ in ready.select():
                    source = key.fileobj
                    assert isinstance(source, socket.socket)
                    data = source.recv(_AT_ONCE)
                    if not data:
                        return
                    allowed, ends = self._take(len(data))
                    key.data.sendall(data[:allowed])
                    if ends:
                        return

    def _take(self, wanted: int) -> tuple[int, bool]:
        with self._lock:
            if self._left is None:
                return wanted, False
            if self._left > wanted:
                self._left -= wanted
                return wanted, False
            allowed, self._left = self._left, None
            self.cuts += 1
            return allowed, True
