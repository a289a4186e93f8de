"""Documents of custom prices: their fields, and errors of invalid documents."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_storage.price_document import PriceDocument, PriceDocumentError, PriceEntry, read_json, read_toml

TOML = """
# What we pay.
[[prices]]
provider = "openai"
model = "gpt-5*"
valid_from = 2026-01-01
input = 1.10
output = 8
tiers = [{ above = 200_000, input = 2.2 }]

[[prices]]
model = "house-model"
per_call = 0.01
override_reported = true
"""


def test_toml_and_json_are_equivalent() -> None:
    document = read_toml(TOML)
    first, second = document.prices
    assert (first.model, first.input, first.output, first.valid_from) == (
        *("gpt-5*", 1.1, 8.0),
        datetime(2026, 1, 1, tzinfo=UTC),
    )
    assert [(tier.above, tier.input) for tier in first.tiers] == [(200_000, 2.2)]
    assert (second.per_call, second.override_reported, second.provider) == (0.01, True, None)
    assert read_json(document.text) == document
    assert read_json(document.text).digest == document.digest


def test_digest_depends_on_prices_but_not_on_comments_and_order() -> None:
    digest = read_toml(TOML).digest
    assert read_toml(TOML.replace("# What we pay.", "# Paid.\n\n")).digest == digest
    assert read_toml(TOML.replace("1.10", "1.1")).digest == digest
    assert read_toml(TOML.replace("1.10", "1.11")).digest != digest


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-01-01", datetime(2026, 1, 1, tzinfo=UTC)),
        ('"2026-01-01"', datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01T12:00:00", datetime(2026, 1, 1, 12, tzinfo=UTC)),
        ("2026-01-01T12:00:00+02:00", datetime(2026, 1, 1, 10, tzinfo=UTC)),
    ],
)
def test_valid_from_is_read_as_utc(written: str, moment: datetime) -> None:
    [entry] = read_toml(f'[[prices]]\nmodel = "m"\nper_call = 1\nvalid_from = {written}').prices
    assert entry.valid_from == moment


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[[prices]\n", "line 1: is not TOML: Expected ']]' at the end of an array declaration"),
        ("", "prices is missing"),
        ("\nprice = 3\nprices = []", "line 2: price is not known; a document has only the list prices"),
        ("prices = 3", "line 1: prices must be a valid list"),
        ("[[prices]]\ninput = 1\noutput = 1", "line 1: prices.0.model is missing"),
        (
            '\n[[prices]]\nmodel = "m"\ninput = 1',
            "line 2: prices.0 needs input and output (0 where it is free), or per_call",
        ),
        (
            '[[prices]]\nmodel = "m"\nper_call = 1\n\n[[prices]]\nmodel = "n"\nper_call = -1',
            "line 7: prices.1.per_call must be greater than or equal to 0",
        ),
        ('[[prices]]\nmodel = "m"\nper_call = true', "line 3: prices.0.per_call must be a valid number"),
        ('[[prices]]\nmodel = "m"\nper_call = nan', "line 3: prices.0.per_call must be a finite number"),
        (
            '[[prices]]\nmodel = "m"\nper_call = 1\nvalid_from = "soon"',
            "line 4: prices.0.valid_from must be a date or a date and time, as 2026-01-01",
        ),
        (
            '[[prices]]\nmodel = "m"\nper_call = 1\n[[prices]]\nmodel = "m"\nper_call = 2',
            "line 4: prices.1 repeats 'm'; entries for the same model need different valid_from",
        ),
        (
            '[[prices]]\nmodel = "m"\nper_call = 1\ntiers = [{above = 1}, {above = 1}]',
            "line 1: prices.0 has two tiers above the same number of tokens",
        ),
    ],
)
def test_invalid_document_is_refused_with_the_line(toml: str, message: str) -> None:
    with pytest.raises(PriceDocumentError) as refused:
        read_toml(toml)
    assert str(refused.value) == message


def test_unknown_field_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        PriceDocumentError, match=r"^line 4: prices\.0\.inputs is not known; there are model, "
    ):
        read_toml('[[prices]]\nmodel = "m"\nper_call = 1\ninputs = 3')


def test_error_message_lists_three_problems() -> None:
    with pytest.raises(PriceDocumentError, match=r"; and 2 more$") as refused:
        read_toml('[[prices]]\nmodel = "m"\ninput = -1\n' * 5)
    assert len(refused.value.problems) == 5


@pytest.mark.parametrize("text", [b"{", b"[]", b'{"prices": [{"model": "m", "per_call": "1"}]}', b"\xff"])
def test_json_is_validated_alike(text: bytes) -> None:
    with pytest.raises(PriceDocumentError) as refused:
        read_json(text)
    assert refused.value.problems[0].line is None


DOLLARS = st.none() | st.floats(0, 1e6)
MOMENTS = st.none() | st.datetimes().map(lambda moment: moment.replace(tzinfo=UTC))
ENTRIES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"per_call": st.floats(0, 1e6)},
    optional={
        "provider": st.sampled_from([None, "*", 'ü\n"', "openai"]),
        "input": DOLLARS,
        "cache_write_1h": DOLLARS,
        "valid_from": MOMENTS,
        "override_reported": st.booleans(),
    },
)


@given(entries=st.lists(ENTRIES, max_size=4))
def test_stored_document_reads_back(entries: list[dict[str, Any]]) -> None:
    prices = [
        PriceEntry.model_validate({"model": f"m{index}", **entry}) for index, entry in enumerate(entries)
    ]
    document = PriceDocument(prices=prices)
    again = read_json(document.text)
    assert (again, again.digest) == (document, document.digest)
