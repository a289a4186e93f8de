"""The prices of a project, and when a change takes effect."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.storage.sql_backends import SqlBackend
from tests.support.rows import NOON_NS, project

from pulse_collector.facts.usage import Usage
from pulse_collector.pricing import LIST_PRICES, Prices
from pulse_collector.pricing.custom import CustomPrices
from pulse_collector.pricing.price_book import PriceBook
from pulse_storage import ProjectPrices, Store
from pulse_storage.price_document import PriceDocument, PriceEntry

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


def document(**fields: object) -> PriceDocument:
    return PriceDocument(prices=[PriceEntry.model_validate({"output": 0, **fields})])


@pytest.fixture
async def storage(backend: SqlBackend, tmp_path: Path) -> AsyncIterator[Store]:
    storage = backend.open(tmp_path)
    for id in ("p", "q"):
        await storage.create_project(*project(id))
    yield storage
    await storage.close()
    backend.check(tmp_path)


def dollars(prices: Prices, model: str = "acme-1") -> float | None:
    usage = Usage(1_000_000, 0)
    found = prices.price(provider="acme", models=(model,), usage=usage, start_ns=NOON_NS)
    return None if found.nano_usd is None else found.nano_usd / 1e9


async def test_project_prices_precede_the_files(storage: Store) -> None:
    file = CustomPrices(document(model="acme-*", input=1), "prices.toml")
    own = document(model="acme-1", input=2)
    await storage.put_project_prices("p", ProjectPrices(own.text, NOON_NS))
    book = PriceBook(storage, file)
    p, q = await book.of("p"), await book.of("q")
    assert (dollars(p), dollars(p, "acme-2"), dollars(q)) == (2, 1, 1)


async def test_change_is_seen_after_the_ttl(storage: Store) -> None:
    patient, eager = PriceBook(storage, ttl_s=3600), PriceBook(storage, ttl_s=0)
    for book in (patient, eager):
        assert dollars(await book.of("p")) is None
    await storage.put_project_prices("p", ProjectPrices(document(model="*", input=2).text, NOON_NS))
    assert dollars(await patient.of("p")) is None
    first = await eager.of("p")
    assert dollars(first) == 2
    # An unchanged document is not parsed again.
    assert await eager.of("p") is first
    assert eager.of_cached("p") is None
    assert patient.of_cached("p") is await patient.of("p")
    await storage.delete_project_prices("p")
    assert dollars(await eager.of("p")) is None


async def test_memory_is_bounded(storage: Store) -> None:
    book = PriceBook(storage, ttl_s=3600, capacity=1)
    await book.of("p")
    await book.of("q")
    assert book.of_cached("p") is None
    assert book.of_cached("q") is not None


async def test_unreadable_prices_do_not_stop_spans(storage: Store, caplog: pytest.LogCaptureFixture) -> None:
    await storage.put_project_prices("p", ProjectPrices('{"prices":[{"model":"m","per_second":1}]}', NOON_NS))
    prices = await PriceBook(storage).of("p")
    assert dollars(prices, "gpt-4o-mini") == dollars(LIST_PRICES, "gpt-4o-mini")
    assert "the prices of project p cannot be used" in caplog.text
    await storage.close()
