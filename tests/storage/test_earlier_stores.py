"""A store that an earlier version filled opens, migrates and gives the same answers, on every engine."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any, cast

import pytest
from tests.storage.sql_backends import SqlBackend
from tests.storage.stores.answers import answers
from tests.support.postgres import execute
from tests.support.rows import span

STORES = Path(__file__).parent / "stores"
VERSIONS = sorted({path.name.partition("-")[0] for path in STORES.glob("*.json.gz")})


@pytest.mark.parametrize("version", VERSIONS)
def test_store_of_earlier_version_gives_the_same_answers(
    backend: SqlBackend, version: str, tmp_path: Path
) -> None:
    _restore(backend, version, tmp_path)
    expected = json.loads(gzip.decompress((STORES / f"{version}-{backend.name}.json.gz").read_bytes()))
    assert len(expected["p"]["rows"]) > 100
    found = _values(asyncio.run(_answers(backend, tmp_path)))
    # Fields that later versions added are ignored.
    assert {path: found.get(path) for path in _values(expected)} == _values(expected)
    backend.check(tmp_path)


def _restore(backend: SqlBackend, version: str, folder: Path) -> None:
    url = backend.url(folder)
    if backend.name == "sqlite":
        file = gzip.decompress((STORES / f"{version}-sqlite.db.gz").read_bytes())
        Path(url.removeprefix("sqlite:///")).write_bytes(file)
        return
    execute(url, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    execute(url, gzip.decompress((STORES / f"{version}-postgres.sql.gz").read_bytes()).decode())


async def _answers(backend: SqlBackend, folder: Path) -> dict[str, Any]:
    storage = backend.open(folder)
    found = await answers(storage)
    # It takes new rows, too.
    assert (await storage.ingest([span(9500)])).stored == 1
    await storage.close()
    return found


def _values(document: object, path: str = "") -> dict[str, object]:
    """Return the scalars of a JSON document, and the lengths of its arrays, by their paths."""
    if isinstance(document, dict):
        items = list(cast("dict[str, object]", document).items())
        values: dict[str, object] = {}
    elif isinstance(document, list):
        items = [(str(index), item) for index, item in enumerate(cast("list[object]", document))]
        values = {f"{path}/length": len(items)}
    else:
        return {path: round(document, 6) if isinstance(document, float) else document}
    for key, item in items:
        values |= _values(item, f"{path}/{key}")
    return values
