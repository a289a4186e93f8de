"""A cache of the prices of all projects."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict

from pulse_collector.pricing.custom import CustomPrices
from pulse_collector.pricing.prices import Prices
from pulse_storage.control_store import ControlStore
from pulse_storage.price_document import PROJECT_LABEL, PriceDocument, PriceDocumentError, read_json
from pulse_storage.runtime.deadlines import LOOK_UP_DEADLINE_S, answer_within

_log = logging.getLogger(__name__)


class PriceBook:
    """Returns the prices of a project: its own, then the file's, then the price list.

    The store's answers are cached for `ttl_s` seconds, for at most `capacity` projects. Thread-safe.
    """

    def __init__(
        self,
        storage: ControlStore,
        file: CustomPrices | None = None,
        *,
        ttl_s: float = 2.0,
        capacity: int = 1_000,
    ) -> None:
        self._storage = storage
        self._file = () if file is None else (file,)
        self._usual = Prices(*self._file)
        self._ttl_s = ttl_s
        self._capacity = capacity
        #: The time of the last read, the document that was read, and the prices made from it.
        self._seen: OrderedDict[str, tuple[float, str | None, Prices]] = OrderedDict()
        self._lock = threading.Lock()

    async def of(self, project_id: str) -> Prices:
        """Return the project's prices. Raises StoreUnavailable if they are not cached and cannot be read."""
        prices = self.of_cached(project_id)
        if prices is None:
            async with answer_within(LOOK_UP_DEADLINE_S):
                stored = await self._storage.project_prices(project_id)
            prices = self._remember(project_id, None if stored is None else stored.document)
        return prices

    def of_cached(self, project_id: str) -> Prices | None:
        """Return the project's prices if they are cached, else None."""
        entry = self._seen.get(project_id)
        if entry is None or time.monotonic() - entry[0] > self._ttl_s:
            return None
        return entry[2]

    def _remember(self, project_id: str, document: str | None) -> Prices:
        with self._lock:
            known = self._seen.get(project_id)
            # Keep the same object for the same document: it has a cache.
            same = known is not None and known[1] == document
            prices = known[2] if known is not None and same else self._made(project_id, document)
            self._seen[project_id] = (time.monotonic(), document, prices)
            self._seen.move_to_end(project_id)
            while len(self._seen) > self._capacity:
                self._seen.popitem(last=False)
        return prices

    def _made(self, project_id: str, document: str | None) -> Prices:
        if document is None:
            return self._usual
        try:
            return Prices(project_prices(read_json(document)), *self._file)
        except PriceDocumentError as error:
            # The document was validated when it was stored, so a newer version wrote it. Spans must be stored
            # anyway.
            _log.error("the prices of project %s cannot be used: %s; set them again", project_id, error)
            return self._usual


def project_prices(document: PriceDocument) -> CustomPrices:
    """Return a project's own prices."""
    return CustomPrices(document, PROJECT_LABEL)
