"""A few links to one server, each used by one read at a time, whatever event loop that runs in."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Sequence

from pulse_storage.errors import StoreUnavailable
from pulse_storage.postgres.link import Link


class Links:
    """Gives the link out first that came back last: the server's process behind it is still in the caches."""

    def __init__(self, links: Sequence[Link]) -> None:
        self._all = [*links]
        self._is_open = True
        #: Held by whoever reads or changes what follows.
        self._door = threading.Condition(threading.Lock())
        self._idle = [*links]
        self._turns: deque[asyncio.Future[Link]] = deque()

    def check(self) -> None:
        """Raises StoreUnavailable once links are `cut_short`."""
        if not self._is_open:
            raise StoreUnavailable("the store is closed")

    async def take(self) -> Link:
        """A link to be given back; waits for one in order of arrival. Raises StoreUnavailable."""
        with self._door:
            self.check()
            if self._idle:
                return self._idle.pop()
            turn = asyncio.get_running_loop().create_future()
            self._turns.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            with self._door:
                if turn in self._turns:
                    self._turns.remove(turn)
            if turn.done() and not turn.cancelled():
                self.give_back(turn.result())
            raise

    def give_back(self, link: Link) -> None:
        """From any thread."""
        while True:
            with self._door:
                if not self._turns:
                    self._idle.append(link)
                    self._door.notify_all()
                    return
                turn = self._turns.popleft()
            try:
                turn.get_loop().call_soon_threadsafe(self._hand_over, turn, link)
            except RuntimeError:
                # A loop that is closed has nobody left who waits.
                continue
            return

    def end(self, link: Link) -> None:
        """End the last read on this link, unless it is in use again. From any thread; does not wait."""
        with self._door:
            if link in self._idle:
                link.end()

    def cut_short(self, seconds: float) -> None:
        """Give out no more links, cancel what runs, and wait until it has ended, but not longer than this."""
        with self._door:
            self._is_open = False
            busy = [link for link in self._all if link not in self._idle]
        for link in busy:
            link.cancel()
        with self._door:
            self._door.wait_for(lambda: len(self._idle) == len(self._all), seconds)

    def drop(self) -> None:
        """Close all connections."""
        for link in self._all:
            link.drop()

    def _hand_over(self, turn: asyncio.Future[Link], link: Link) -> None:
        if turn.done():
            self.give_back(link)
        else:
            turn.set_result(link)
