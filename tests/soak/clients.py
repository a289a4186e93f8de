"""All clients of a run, each in a thread of its own."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from tests.soak.ledger import Ledger
from tests.soak.readers import Reading, ReadingAndLeaving
from tests.soak.senders import Batching, Exporting, SendingAndLeaving, exporters
from tests.soak.server import Target


class Client(Protocol):
    """Does one thing at a time."""

    @property
    def name(self) -> str: ...

    def step(self) -> None:
        """Send one request, or a few."""
        ...

    def close(self) -> None:
        """Close what is open."""
        ...


def all_clients(target: Target, ledger: Ledger, seed: int) -> list[Client]:
    """One client of each kind; those of a seed ask and send the same."""

    def dice(name: str) -> random.Random:
        return random.Random(f"{seed}/{name}")

    return [
        *(Exporting(name, make(), ledger, dice(name)) for name, make in exporters(target).items()),
        *(Batching(target, ledger, dice(f"batch {kept}"), kept=kept) for kept in (True, False)),
        SendingAndLeaving(target, ledger, dice("cancelled sends")),
        *(Reading(target, ledger, dice(f"read {kept}"), kept=kept) for kept in (True, False)),
        ReadingAndLeaving(target, ledger, dice("cancelled reads")),
    ]


def run_clients(
    clients: Sequence[Client], ledger: Ledger, goes_on: Callable[[int], bool], *, pause_s: float = 0.0
) -> None:
    """Run the steps of each client while it `goes_on` after that many; the first fault ends all of them."""

    def work(client: Client) -> None:
        steps = 0
        try:
            while goes_on(steps) and not ledger.faults:
                client.step()
                steps += 1
                if pause_s:
                    time.sleep(pause_s)
        except Exception as error:
            ledger.fault(f"{client.name}: {error!r}")

    threads = [threading.Thread(target=work, args=(client,), name=client.name) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
