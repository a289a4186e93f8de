from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_collector.dialects import MODEL_OPERATIONS
from pulse_query_api import params
from pulse_query_api.errors import Detail, InvalidRequest
from pulse_query_api.params import ListQuery, analytics_query, list_query, no_query, session_query
from pulse_storage.queries.filters import AnalyticsQuery, Page, TraceFilter

_DAY = 1_795_392_000_000_000_000


def test_default_query_is_the_newest_fifty_counted_model_calls() -> None:
    assert list_query(b"") == ListQuery(TraceFilter(), Page())


def test_list_query_parses_every_parameter() -> None:
    parameters = {
        "limit": "7", "offset": "10000", "order": "asc", "session_id": "s 1", "user_id": "ü",
        "provider": "openai", "model": "a/b", "status": "error", "operation": "embeddings",
        "counted": "all", "service": "shop", "environment": "prod", "tag": "beta&x",
        "date_from": "2026-11-23", "date_to": "2026-11-23T00:00:00.000000001Z",
        "min_latency_ms": "2.5", "min_cost_cents": "0.00135", "q": "100%",
        "max_latency_ms": "7", "cost": "unpriced", "finish_reason": " stop", "error_type": "Timeout",
        "release": "1.0",
        "otel_trace_id": "0AF7651916CD43DD8448EB211C80319C",
    }  # fmt: skip
    where = TraceFilter(
        session_id="s 1",
        user_id="ü",
        provider="openai",
        model="a/b",
        status="error",
        operation="embeddings",
        counted=None,
        service="shop",
        environment="prod",
        tag="beta&x",
        from_ns=_DAY,
        before_ns=_DAY + 1,
        min_latency_ms=2.5,
        max_latency_ms=7.0,
        min_cost_nano_usd=13_500,
        cost="unpriced",
        finish_reason="stop",
        error_type="Timeout",
        release="1.0",
        otel_trace_id=bytes.fromhex("0af7651916cd43dd8448eb211c80319c"),
        text="100%",
    )
    assert list_query(urlencode(parameters).encode()) == ListQuery(
        where, Page(limit=7, offset=10_000, order="asc")
    )


def test_sort_selects_the_value_and_requires_a_range() -> None:
    assert list_query(b"sort=time").page == Page()
    assert list_query(b"sort=cost&order=asc&date_from=2026-11-23").page == Page(sort="cost", order="asc")
    assert list_query(b"sort=tokens&session_id=s").page.sort == "tokens"
    assert list_query(b"sort=latency&otel_trace_id=" + b"1" * 32).page.sort == "latency"
    required = "is required with sort=cost, unless session_id or otel_trace_id is given"
    assert _refusal(b"sort=cost&date_to=2026-11-23") == [{"path": "date_from", "message": required}]


def test_search_in_selects_previews_or_bodies() -> None:
    in_previews = ListQuery(TraceFilter(text="Ö"), Page())
    assert list_query(b"q=%C3%96") == list_query(b"q=%C3%96&search_in=previews") == in_previews
    assert list_query(b"q=%C3%96&search_in=bodies&tag=t") == ListQuery(TraceFilter(tag="t"), Page(), "Ö")


_NUMBER = "must be a number of at least 0 such as 0.25"
_MOMENT = "must be a date or RFC 3339 date-time such as 2026-11-23 or 2026-11-23T08:30:00Z"


@pytest.mark.parametrize(
    ("query", "path", "message"),
    [
        (b"limit=0", "limit", "must be a whole number from 1 to 1000, not '0'"),
        (b"limit=1001", "limit", "must be a whole number from 1 to 1000, not '1001'"),
        (b"limit=1e9", "limit", "must be a whole number from 1 to 1000, not '1e9'"),
        (b"limit=-1", "limit", "must be a whole number from 1 to 1000, not '-1'"),
        (b"limit=%EF%BC%91", "limit", "must be a whole number from 1 to 1000, not '１'"),
        (
            b"offset=10001",
            "offset",
            "must be a whole number from 0 to 10000; for later rows use the cursor of the Link header,"
            " not '10001'",
        ),
        (b"limit", "limit", "must not be empty"),
        (b"session_id=", "session_id", "must not be empty"),
        (b"session_id=%20%0A", "session_id", "must not be blank"),
        (b"session_id=a%00b", "session_id", "must not contain a NUL character"),
        (b"limit=1&limit=2", "limit", "is given more than once"),
        (b"status=failed", "status", "must be one of success, error, not 'failed'"),
        (b"counted=maybe", "counted", "must be one of true, false, all, not 'maybe'"),
        (b"cost=free", "cost", "must be one of reported, computed, unpriced, no_usage, not 'free'"),
        (b"sort=name", "sort", "must be one of time, latency, cost, tokens, not 'name'"),
        (
            b"sort=cost&date_from=2026-11-23&offset=1",
            "offset",
            "cannot be combined with sort=cost; use the Link header instead",
        ),
        (
            b"sort=cost&date_from=2026-11-23&q=x&search_in=bodies",
            "sort",
            "cannot be combined with search_in=bodies",
        ),
        (b"order=up", "order", "must be one of asc, desc, not 'up'"),
        (b"min_latency_ms=nan", "min_latency_ms", f"{_NUMBER}, not 'nan'"),
        (b"min_cost_cents=-0.1", "min_cost_cents", f"{_NUMBER}, not '-0.1'"),
        (b"date_from=today", "date_from", f"{_MOMENT}, not 'today'"),
        (b"date_from=2026-11-24&date_to=2026-11-23", "date_from", "must not be after date_to"),
        (b"otel_trace_id=xyz", "otel_trace_id", "must be 32 hexadecimal digits, not 'xyz'"),
        (b"cursor=abc&offset=1", "cursor", "cannot be combined with offset"),
        (b"q=" + b"x" * 501, "q", "must be at most 500 characters long"),
        (b"q=x&search_in=all", "search_in", "must be one of previews, bodies, not 'all'"),
        (
            b"q=x&search_in=bodies&offset=1",
            "offset",
            "cannot be combined with search_in=bodies; use the Link header instead",
        ),
    ],
)
def test_invalid_value_is_refused_with_its_parameter(query: bytes, path: str, message: str) -> None:
    assert _refusal(query) == [{"path": path, "message": message}]


def test_unknown_parameter_is_refused_with_the_allowed_ones() -> None:
    [problem] = _refusal(b"colour=red")
    assert problem["path"] == "colour"
    assert problem["message"].startswith("is not a parameter of this route; it has limit, offset, cursor,")


def test_error_lists_every_invalid_parameter() -> None:
    with pytest.raises(InvalidRequest) as refused:
        list_query(b"limit=x&status=y")
    assert refused.value.sentence == ("status must be one of success, error, not 'y'. (1 more in details)")
    assert [problem["path"] for problem in refused.value.details] == ["status", "limit"]


def test_more_than_a_hundred_parameters_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="At most 100 parameters are allowed"):
        list_query(b"&".join(b"a=1" for _ in range(101)))


def test_model_operations_equal_those_of_the_collector() -> None:
    assert params.MODEL_OPERATIONS == MODEL_OPERATIONS


@pytest.mark.parametrize(
    ("query", "counted"),
    [
        (b"operation=model", True),
        (b"operation=embeddings", True),
        (b"operation=execute_tool", None),
        (b"operation=all", None),
        (b"operation=all&counted=true", True),
    ],
)
def test_default_of_counted_depends_on_the_operation(query: bytes, counted: bool | None) -> None:
    where = list_query(query).where
    assert where.counted is counted


def test_min_cost_is_rounded_up_to_a_nano_dollar() -> None:
    where = list_query(b"min_cost_cents=0.00000011").where
    assert where.min_cost_nano_usd == 2


@pytest.mark.parametrize(("query", "limit"), [(b"", 100), (b"&limit=1", 1), (b"&limit=1000", 1000)])
def test_analytics_by_name_accept_a_limit(query: bytes, limit: int) -> None:
    parameters = analytics_query(b"date_from=2026-11-23&date_to=2026-11-24&group_by=user" + query)
    assert (parameters.group_by, parameters.limit) == ("user", limit)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (b"group_by=user&limit=0", "must be a whole number from 1 to 1000, not '0'"),
        (b"group_by=user&limit=1001", "must be a whole number from 1 to 1000, not '1001'"),
    ],
)
def test_invalid_limit_of_analytics_is_refused(query: bytes, message: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        analytics_query(b"date_from=2026-11-23&date_to=2026-11-24&" + query)
    assert list(refused.value.details) == [{"path": "limit", "message": message}]


def test_analytics_query_parses_range_group_and_filters() -> None:
    query = b"date_from=2026-11-23&date_to=2026-11-24&group_by=model&tag=beta"
    assert analytics_query(query) == AnalyticsQuery(
        from_ns=_DAY, before_ns=_DAY + 86_400_000_000_000, group_by="model", filter=TraceFilter(tag="beta")
    )


@pytest.mark.parametrize(
    ("query", "problems"),
    [
        (b"", [("date_from", "is required"), ("date_to", "is required")]),
        (
            b"date_from=2026-11-23&date_to=2026-11-24&counted=all",
            [("counted", "must be true or absent: analytics only sum counted rows")],
        ),
        (
            b"date_from=2026-11-23&date_to=2026-11-24&group_by=week",
            [
                (
                    "group_by",
                    "must be one of day, hour, model, provider, user, session, tag, service, environment,"
                    " not 'week'",
                )
            ],
        ),
        (
            b"date_from=2020-01-01&date_to=2026-01-01&group_by=hour",
            [
                (
                    "date_from",
                    "and date_to span 52608 buckets of one hour, the maximum is 10000: "
                    "use a shorter range or a longer group",
                )
            ],
        ),
    ],
)
def test_analytics_query_refuses_invalid_combinations(query: bytes, problems: list[tuple[str, str]]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        analytics_query(query)
    assert [(problem["path"], problem["message"]) for problem in refused.value.details] == problems


def test_analytics_refuse_paging_parameters() -> None:
    with pytest.raises(InvalidRequest, match="offset is not a parameter of this route"):
        analytics_query(b"date_from=2026-11-23&date_to=2026-11-24&offset=5")


def test_session_query_parses_bodies() -> None:
    assert [session_query(b""), session_query(b"bodies=false"), session_query(b"bodies=true")] == [
        False,
        False,
        True,
    ]


def test_route_without_parameters_refuses_any() -> None:
    with pytest.raises(InvalidRequest, match="bodies is not a parameter: this route has none"):
        no_query(b"bodies=true")


_VALUES = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), min_size=1)


@given(_VALUES.filter(str.strip), _VALUES, st.integers(1, 1000), st.decimals(0, 10**9, places=7))
def test_valid_values_are_kept_and_ids_trimmed(
    session_id: str, cursor: str, limit: int, min_cost_cents: Decimal
) -> None:
    parameters = {
        "session_id": session_id,
        "cursor": cursor,
        "limit": limit,
        "min_cost_cents": f"{min_cost_cents:f}",
    }
    where = TraceFilter(session_id=session_id.strip(), min_cost_nano_usd=int(min_cost_cents * 10**7))
    assert list_query(urlencode(parameters).encode()) == ListQuery(where, Page(limit=limit, cursor=cursor))


_WORDS = st.sampled_from(
    [
        b"limit",
        b"offset",
        b"date_from",
        b"date_to",
        b"q",
        b"status",
        b"min_cost_cents",
        b"=",
        b"&",
        b"9",
        b"%",
    ]
)


@given(st.lists(_WORDS | st.binary(max_size=4), max_size=40).map(b"".join))
def test_any_query_string_is_parsed_or_refused(query: bytes) -> None:
    for read in (list_query, analytics_query, session_query, no_query):
        with suppress(InvalidRequest):
            read(query)


def _refusal(query: bytes) -> list[Detail]:
    with pytest.raises(InvalidRequest) as refused:
        list_query(query)
    return list(refused.value.details)
