from __future__ import annotations

import base64
import gzip
from itertools import accumulate
from typing import Any

import pytest
import zstandard
from tests.query_api.support import DAY_NS, SECOND_NS, Tenant, new_tenant, visible_id
from tests.support.rows import span, step

from pulse_query_api.services.tree_columns import MAX_VISIBLE_IDS
from pulse_storage.rows import SpanRow

_TRACE = (7).to_bytes(16, "big")
_TREE = f"/v1/trees/{_TRACE.hex()}"


def _spans() -> list[SpanRow]:
    """Return a root, a step with a failed tool, and a call that a framework and its client recorded."""
    twice: dict[str, Any] = {"provider_request_id": "r", "input_tokens": 10, "output_tokens": 5}
    spans = [
        step(1, trace=7, name="agent", latency_ms=9_000.5, session_id="s", user_id="u", service="shop"),
        step(2, trace=7, parent=1, name="plan", input_preview="Hello", output_preview="Bye"),
        step(
            3, trace=7, parent=2, name="tool", status="error", error_type="Timeout", error_message="x" * 300
        ),
        span(4, trace=7, parent=2, scope="framework", time_to_first_token_ms=12.5, **twice),
        span(5, trace=7, parent=4, **twice),
    ]
    return [row._replace(start_ns=DAY_NS + at * SECOND_NS + 400) for at, row in enumerate(spans)]


def _decoded(column: dict[str, Any]) -> list[str | None]:
    return [column["values"][at] for at in column["at"]]


def _ids(column: str, size: int) -> list[str]:
    ids = base64.b64decode(column)
    return [ids[at : at + size].hex() for at in range(0, len(ids), size)]


def test_list_has_totals_of_each_trace(tenant: Tenant) -> None:
    tenant.store([*_spans(), tenant.call(1, start_ns=DAY_NS - SECOND_NS)])
    found = tenant.get("/v1/trees")
    assert (found["next_cursor"], found["complete"]) == (None, True)
    tree, other = found["trees"]
    assert tree == {
        "otel_trace_id": _TRACE.hex(),
        "name": "agent",
        "root": "0000000000000001",
        "complete": True,
        "started_at": "2026-11-23T00:00:00.000000Z",
        "duration_ms": 9000.5,
        "spans": 5,
        "at_least": False,
        "calls": 1,
        "errors": 1,
        "input_tokens": 10,
        "output_tokens": 5,
        "cost_cents": 0.1,
        "cost_source": "computed",
        "unpriced": 0,
        "unknown_usage": 0,
        "session_id": "s",
        "user_id": "u",
        "service": "shop",
        "input_preview": "Hello",
        "output_preview": "Bye",
    }
    assert (other["spans"], other["calls"], other["cost_cents"]) == (1, 1, 0.00135)


def test_filters_select_traces_by_any_of_their_spans(tenant: Tenant) -> None:
    tenant.store([*_spans(), tenant.call(1, start_ns=DAY_NS)])

    def names(**parameters: str) -> list[str]:
        return [tree["name"] for tree in tenant.get("/v1/trees", **parameters)["trees"]]

    assert names() == ["agent", "chat gpt-5-mini"]
    assert names(order="asc") == ["chat gpt-5-mini", "agent"]
    assert names(status="error") == ["agent"]
    assert names(operation="invoke_agent") == ["agent"]
    assert names(operation="model", counted="false") == ["agent"]
    assert names(error_type="Timeout", user_id="u") == ["agent"]
    assert names(model="gpt-5-mini") == ["chat gpt-5-mini"]
    assert names(q="nothing") == []


def test_pages_follow_the_cursor_of_body_and_link(tenant: Tenant) -> None:
    tenant.store(tenant.call(number, start_ns=DAY_NS + number * SECOND_NS) for number in range(1, 6))
    response = tenant.request("/v1/trees", limit=2, operation="model")
    pages: list[list[int]] = []
    while True:
        found = response.json()
        pages.append([int(tree["otel_trace_id"], 16) for tree in found["trees"]])
        if found["next_cursor"] is None:
            break
        assert response.links["next"]["url"].endswith(f"cursor={found['next_cursor']}")
        response = tenant.client.get(response.links["next"]["url"], headers=tenant.headers)
    assert pages == [[5, 4], [3, 2], [1]]
    assert "next" not in response.links


@pytest.mark.parametrize(
    ("parameters", "path"),
    [
        ({"cursor": "x"}, "cursor"),
        ({"limit": "0"}, "limit"),
        ({"offset": "1"}, "offset"),
        ({"search_in": "bodies"}, "search_in"),
        ({"order": "up"}, "order"),
    ],
)
def test_wrong_parameters_are_problems(tenant: Tenant, parameters: dict[str, str], path: str) -> None:
    response = tenant.request("/v1/trees", **parameters)
    assert response.status_code == 400
    assert response.headers["Content-Type"] == "application/problem+json"
    assert [error["path"] for error in response.json()["errors"]] == [path]


def test_tree_has_the_spans_as_columns(tenant: Tenant) -> None:
    rows = [row._replace(project_id=tenant.project_id) for row in _spans()]
    tenant.store(reversed(rows))
    tree = tenant.get(_TREE)
    assert (tree["otel_trace_id"], tree["spans"], tree["next_cursor"]) == (_TRACE.hex(), 5, None)
    assert _ids(tree["ids"], 8) == [row.otel_span_id.hex() for row in rows]
    assert _ids(tree["trace_ids"], 16) == [visible_id(row).replace("-", "") for row in rows]
    assert tree["start_ns"] == str(DAY_NS + 400)
    starts_us: list[int] = tree["start_us"]
    assert list(accumulate(starts_us)) == [0, 1_000_000, 2_000_000, 3_000_000, 4_000_000]
    assert tree["duration_us"] == [9_000_500, *([250_000] * 4)]
    assert tree["parent"] == [-1, 0, 1, 1, 3]
    assert _decoded(tree["name"]) == ["agent", "plan", "tool", "chat gpt-5", "chat gpt-5"]
    assert _decoded(tree["operation"]) == [*(["invoke_agent"] * 3), "chat", "chat"]
    assert _decoded(tree["status"])[2] == "error"
    assert _decoded(tree["error_type"])[2] == "Timeout"
    assert _decoded(tree["error_message"])[2] == "x" * 200
    assert _decoded(tree["model"]) == ["gpt-5", "gpt-5", "gpt-5", "gpt-5-2025", "gpt-5-2025"]
    assert _decoded(tree["service"])[:2] == ["shop", None]
    assert (tree["session_ids"], tree["user_ids"]) == (["s"], ["u"])
    assert tree["model_call"] == "00011"
    assert tree["missing_parents"] == tree["other_parents"] == []


def test_tree_has_numbers_of_counted_calls_only(tenant: Tenant) -> None:
    tenant.store(_spans())
    tree = tenant.get(_TREE)
    assert tree["counted"] == "00001"
    assert tree["input_tokens"] == [None, None, None, None, 10]
    assert tree["output_tokens"] == [None, None, None, None, 5]
    assert tree["cost_nano_usd"] == [None, None, None, None, 1_000_000]
    assert _decoded(tree["cost_source"]) == [None, None, None, None, "computed"]
    assert tree["first_token_us"][3:] == [12_500, 12_500]


def test_tree_has_the_reason_of_each_call_that_does_not_count(tenant: Tenant) -> None:
    calls = [span(number, trace=7, parent=6, input_tokens=number, output_tokens=1) for number in (7, 8)]
    wrapper = span(6, trace=7, input_tokens=15, output_tokens=2, scope="framework")
    tenant.store([*_spans(), wrapper, *calls])
    tree = tenant.get(_TREE)
    index = {id: at for at, id in enumerate(_ids(tree["ids"], 8))}
    same, repeats = sorted(tree["not_counted"], key=lambda one: one["reason"])
    assert same["span"] == index["0000000000000004"]
    assert same["counted_by"] == index["0000000000000005"]
    assert same["counted_row"] == {"otel_trace_id": _TRACE.hex(), "otel_span_id": "0000000000000005"}
    assert same["why"].startswith("Another span describes the same call and counts, since it ")
    assert repeats == {
        "span": index["0000000000000006"],
        "counted_by": -1,
        "reason": "wrapper",
        "why": "It repeats the numbers of 2 calls below it, which count.",
        "counted_row": None,
    }


def test_call_counted_in_another_trace_names_its_row(tenant: Tenant) -> None:
    ids = {"provider_request_id": "r"}
    client = span(1, trace=7, scope="framework", start_ns=DAY_NS)._replace(**ids, latency_ms=100.0)
    gateway = span(2, trace=8, scope="client", start_ns=DAY_NS + 1_000)._replace(**ids, latency_ms=99.0)
    tenant.store([client, gateway])
    trees = [tenant.get(f"/v1/trees/{number:032x}") for number in (7, 8)]
    [one] = [tree for tree in trees if tree["counted"] == "0"]
    [other] = [tree for tree in trees if tree["counted"] == "1"]
    [reason] = one["not_counted"]
    assert (reason["counted_by"], reason["reason"]) == (-1, "same_call")
    assert reason["counted_row"]["otel_trace_id"] == other["otel_trace_id"]


def test_parent_that_was_never_received_is_named(tenant: Tenant) -> None:
    tenant.store([step(1, trace=7), span(2, trace=7, parent=99)])
    tree = tenant.get(_TREE)
    assert tree["parent"] == [-1, -1]
    assert tree["missing_parents"] == [[1, "0000000000000063"]]
    [listed] = tenant.get("/v1/trees")["trees"]
    assert (listed["root"], listed["complete"]) == ("0000000000000001", False)


def test_etag_changes_when_a_row_of_the_trace_changes(tenant: Tenant) -> None:
    spans = _spans()
    tenant.store(spans[:4])
    first = tenant.request(_TREE)
    etag = first.headers["ETag"]

    def again(condition: str) -> tuple[int, str, bytes]:
        headers = {**tenant.headers, "If-None-Match": condition}
        response = tenant.client.get(_TREE, headers=headers)
        return response.status_code, response.headers["ETag"], response.content

    assert again(etag) == (304, etag, b"")
    assert again(f'"x", {etag.removeprefix("W/")}') == (304, etag, b"")
    assert again("*")[0] == 304
    tenant.store([span(9, trace=9)])
    assert again(etag)[0] == 304
    # The client's span of the stored call: the row of the framework's span does not count any more.
    tenant.store(spans[4:])
    status, changed, body = again(etag)
    assert (status, changed == etag, len(body) > 0) == (200, False, True)


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, deflate", "gzip"),
        ("zstd;q=0, gzip;q=0.5", "gzip"),
        ("*", "zstd"),
        ("br", None),
        ("gzip;q=0", None),
        ("gzip;q=x", None),
        ("", None),
    ],
)
def test_tree_is_compressed_as_the_client_accepts(tenant: Tenant, accepted: str, coding: str | None) -> None:
    tenant.store(step(number, trace=7, name=f"step {number}") for number in range(1, 60))
    headers = {**tenant.headers, "Accept-Encoding": accepted}
    with tenant.client.stream("GET", _TREE, headers=headers) as response:
        raw = b"".join(response.iter_raw())
    assert response.headers.get("Content-Encoding") == coding
    assert response.headers["Vary"] == "Accept-Encoding"
    plain = tenant.client.get(_TREE, headers={**tenant.headers, "Accept-Encoding": "identity"})
    match coding:
        case "zstd":
            assert zstandard.ZstdDecompressor().decompress(raw) == plain.content
        case "gzip":
            assert gzip.decompress(raw) == plain.content
        case _:
            assert raw == plain.content
    assert response.headers["ETag"] == plain.headers["ETag"]


@pytest.mark.parametrize("id", ["x", "0" * 31, "g" * 32, "8".zfill(32)])
def test_unknown_trace_gets_404(tenant: Tenant, id: str) -> None:
    tenant.store(_spans())
    response = tenant.request(f"/v1/trees/{id}")
    assert (response.status_code, response.headers["Content-Type"]) == (404, "application/problem+json")
    assert tenant.request(f"/v1/trees/{id}/spans/0000000000000001").status_code == 404
    assert tenant.request(f"{_TREE}/spans/{id[-16:]}").status_code == 404


def test_span_has_the_id_of_its_row_and_the_reason(tenant: Tenant) -> None:
    rows = [row._replace(project_id=tenant.project_id) for row in _spans()]
    tenant.store(rows)
    root, framework, client = (
        tenant.get(f"{_TREE}/spans/{rows[at].otel_span_id.hex().upper()}") for at in (0, 3, 4)
    )
    assert root == {"trace_id": visible_id(rows[0]), "counted": False, "not_counted": None}
    assert client == {"trace_id": visible_id(rows[4]), "counted": True, "not_counted": None}
    assert framework["trace_id"] == visible_id(rows[3])
    assert framework["not_counted"]["reason"] == "same_call"
    assert framework["not_counted"]["counted_row"]["otel_span_id"] == "0000000000000005"
    row = tenant.get(f"/v1/traces/{framework['trace_id']}")
    assert row["otel_span_id"] == "0000000000000004"


def test_large_tree_has_no_visible_ids_and_no_reasons(tenant: Tenant) -> None:
    steps = [step(number, trace=7, parent=1) for number in range(1_000, 1_000 + MAX_VISIBLE_IDS)]
    tenant.store([*_spans(), *steps])
    tree = tenant.get(_TREE)
    assert (tree["spans"], tree["trace_ids"], tree["not_counted"]) == (MAX_VISIBLE_IDS + 5, None, None)
    found = tenant.get(f"{_TREE}/spans/0000000000000004")
    assert found["not_counted"]["counted_row"]["otel_span_id"] == "0000000000000005"


def test_trees_of_another_project_are_not_shown(tenant: Tenant) -> None:
    tenant.store(_spans())
    stranger = new_tenant(tenant.client, tenant.storage)
    assert stranger.get("/v1/trees")["trees"] == []
    assert stranger.request(_TREE).status_code == 404
    assert stranger.request(f"{_TREE}/spans/0000000000000001").status_code == 404
