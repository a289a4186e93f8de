from __future__ import annotations

import pytest
from tests.query_api.support import DAY_NS, SECOND_NS, Tenant, document

from pulse_storage.content.bodies import pack


@pytest.fixture
def talkative(tenant: Tenant) -> Tenant:
    """Store thirty calls with `Zürich` in the bodies of three, the output of one, the preview of one."""
    rows = [tenant.call(number, start_ns=DAY_NS + number * SECOND_NS) for number in range(1, 31)]
    chat = {"messages": [{"role": "user", "content": 'From "Zürich"\nto Bern?'}]}
    rows[2] = rows[2]._replace(request_body=document(chat), tags=("beta",))
    rows[9] = rows[9]._replace(request_body=pack(b'{"to": "Z\\u00fcrich"}'), provider="acme")
    rows[14] = rows[14]._replace(response_body=document({"choices": [{"text": "zÜRICH"}]}))
    rows[19] = rows[19]._replace(output_text=pack(f"{'x' * 600} Zürich".encode()))
    rows[24] = rows[24]._replace(input_preview="Zürich")
    rows[29] = rows[29]._replace(request_body=document({"Zürich": "a field's name"}))
    tenant.store(rows)
    return tenant


def _found(tenant: Tenant, **parameters: object) -> list[int]:
    pages = tenant.pages(search_in="bodies", **parameters)
    return [int(row["otel_trace_id"], 16) for page in pages for row in page]


def test_search_in_bodies_finds_bodies_outputs_and_previews(talkative: Tenant) -> None:
    assert _found(talkative, q="zürich") == [25, 20, 15, 10, 3]
    assert _found(talkative, q="ZÜRICH", order="asc", limit=2) == [3, 10, 15, 20, 25]
    assert _found(talkative, q='"zürich"\nto') == [3]
    assert _found(talkative, q="zurich") == []
    assert [row["trace_id"] for row in talkative.get("/v1/traces", q="zürich")["traces"]] == [
        row["trace_id"] for row in talkative.get("/v1/traces", q="zürich", search_in="previews")["traces"]
    ]


def test_search_applies_filters(talkative: Tenant) -> None:
    assert _found(talkative, q="zürich", tag="beta") == [3]
    assert _found(talkative, q="zürich", provider="acme") == [10]
    assert _found(talkative, q="zürich", provider="unknown") == []
    assert _found(talkative, q="zürich", date_from="2026-11-23T00:00:20Z") == [25, 20]
    assert _found(talkative, q="zürich", status="error") == []


def test_total_of_a_search_is_exact_only_on_its_last_page(talkative: Tenant) -> None:
    whole = talkative.request("/v1/traces", q="zürich", search_in="bodies")
    assert (whole.json()["total"], whole.headers["X-Total-Count"], "next" in whole.links) == (5, "5", False)
    part = talkative.request("/v1/traces", q="zürich", search_in="bodies", limit=2)
    assert (part.json()["total"], part.headers["X-Total-Count"]) == (2, ">=2")
    assert "search_in=bodies" in part.links["next"]["url"]


def test_rows_of_a_search_have_no_bodies(talkative: Tenant) -> None:
    [row] = talkative.get("/v1/traces", q="to bern", search_in="bodies")["traces"]
    assert not {"request_body", "response_body"} & set(row)
