"""Costs: their precedence, and that computed ones equal genai-prices' to the nano-dollar."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN

import genai_prices
import pytest
from genai_prices.data import providers as price_lists
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.examples import examples

from pulse_collector.facts.usage import Usage
from pulse_collector.pricing import LIST_PRICES, NOT_REPORTED, UNKNOWN_COST, Cost, reported_cost
from pulse_collector.pricing.price_list import PRICE_VERSION

NOW_NS = 1_795_399_200_000_000_000
CACHED = Usage(
    input_tokens=2109,
    output_tokens=12,
    cache_read_tokens=1900,
    cache_write_tokens=188,
    cache_write_1h_tokens=88,
)


def cost(
    usage: Usage,
    *,
    provider: str | None = "openai",
    models: tuple[str | None, ...] = ("gpt-4o-mini",),
    start_ns: int = NOW_NS,
    reported_usd: float | None = None,
    estimate: bool = False,
) -> Cost:
    return LIST_PRICES.price(
        provider=provider,
        models=models,
        usage=usage,
        start_ns=start_ns,
        reported=(
            NOT_REPORTED if reported_usd is None else reported_cost(reported_usd, usage, is_estimate=estimate)
        ),
    )


def test_reported_cost_is_exact() -> None:
    assert cost(Usage(42, 12), reported_usd=0.000264) == Cost(264_000, "reported", None)


def test_estimate_is_used_only_without_a_price() -> None:
    anthropic = ("claude-sonnet-4-5-20250929",)
    known = cost(CACHED, provider="anthropic", models=anthropic, reported_usd=0.000243, estimate=True)
    assert known == Cost(1_716_000, "computed", PRICE_VERSION)
    unknown = cost(CACHED, models=("no-such-model",), reported_usd=0.000243, estimate=True)
    assert unknown == Cost(243_000, "reported", None)


def test_a_reported_zero_for_used_tokens_is_no_cost() -> None:
    assert cost(Usage(42, 12), reported_usd=0.0) == Cost(13_500, "computed", PRICE_VERSION)
    assert cost(Usage(42, 12), models=("no-such-model",), reported_usd=0.0) == UNKNOWN_COST


@pytest.mark.parametrize(
    ("provider", "models", "usage"),
    [
        ("openai", ("no-such-model",), Usage(42, 12)),
        ("no-such-provider", ("gpt-4o-mini",), Usage(42, 12)),
        (None, ("gpt-4o-mini",), Usage(42, 12)),
        ("openai", (None, None), Usage(42, 12)),
        ("openai", ("gpt-4o-mini",), Usage(None, 12)),
        ("openai", ("gpt-4o-mini",), Usage(42, None)),
        ("openai", ("gpt-4o-mini",), Usage(0, 0)),
        # Priced per hour of audio, which spans do not report.
        ("groq", ("whisper-large-v3",), Usage(42, 12)),
    ],
)
def test_calls_without_a_price_have_no_cost(
    provider: str | None, models: tuple[str | None, ...], usage: Usage
) -> None:
    assert cost(usage, provider=provider, models=models) == UNKNOWN_COST


def test_an_output_that_is_free_need_not_be_known() -> None:
    assert cost(Usage(1000, None), models=("text-embedding-3-small",)).nano_usd == 20_000


def test_used_model_is_priced_before_the_requested_one() -> None:
    assert cost(Usage(1000, 0), models=("gpt-4o-mini-2024-07-18", "gpt-4o")).nano_usd == 150_000
    assert cost(Usage(1000, 0), models=("our-own-name", "gpt-4o-mini")).nano_usd == 150_000


def test_prices_are_those_at_the_time_of_the_span() -> None:
    january_2025, december_2025 = 1_736_000_000_000_000_000, 1_765_000_000_000_000_000
    million = Usage(1_000_000, 0)
    assert cost(million, models=("o3",), start_ns=january_2025).nano_usd == 10_000_000_000
    assert cost(million, models=("o3",), start_ns=december_2025).nano_usd == 2_000_000_000


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("azure", "gpt-4o-mini"),
        ("bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("bedrock", "claude-sonnet-4-5"),
        ("vertex", "gemini-2.5-flash"),
        ("vertex", "claude-sonnet-4-5"),
        ("google", "gemini-2.5-flash"),
        ("xai", "grok-4"),
        ("mistral", "mistral-large-latest"),
        ("openrouter", "anthropic/claude-sonnet-4.5"),
        ("deepseek", "deepseek-chat"),
        ("openai", "ft:gpt-4o-mini-2024-07-18:org::abc"),
    ],
)
def test_normalized_provider_names_have_prices(provider: str, model: str) -> None:
    assert cost(Usage(1000, 1000), provider=provider, models=(model,)).source == "computed"


#: (price list, model) of all models that their own name finds.
MODELS = [
    (price_list.id, model.id)
    for price_list in price_lists
    for model in price_list.models
    if price_list.find_model(model.id, all_providers=price_lists) is model
]


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """Draw a usage as mapping makes it: parts do not exceed their whole."""
    edges = st.sampled_from([0, 1, 128_000, 128_001, 200_000, 200_001, 272_000, 272_001])
    input_tokens = draw(edges | st.integers(0, 5_000_000))
    output_tokens = draw(st.integers(0, 500_000))
    cache_read = draw(st.integers(0, input_tokens))
    cache_write = draw(st.integers(0, input_tokens - cache_read))
    reasoning = draw(st.integers(0, output_tokens))
    output_audio = draw(st.integers(0, output_tokens - reasoning))
    plain = input_tokens - cache_read - cache_write
    input_audio = draw(st.integers(0, plain))
    input_image = draw(st.integers(0, plain - input_audio))
    return Usage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cache_read_tokens=cache_read,
        cache_write_tokens=cache_write,
        cache_write_1h_tokens=draw(st.integers(0, cache_write)),
        reasoning_tokens=reasoning,
        # genai-prices refuses to price parts that may overlap where the overlap has a price of its own.
        input_audio_tokens=input_audio,
        input_image_tokens=input_image,
        output_audio_tokens=output_audio,
        output_image_tokens=draw(st.integers(0, output_tokens - reasoning - output_audio)),
    )


@settings(max_examples=examples(400), deadline=None)
@given(priced=st.sampled_from(MODELS), usage=usages(), minute=st.integers(28_000_000, 30_500_000))
def test_computed_costs_are_those_of_genai_prices(priced: tuple[str, str], usage: Usage, minute: int) -> None:
    price_list, model = priced
    theirs = genai_prices.calc_price(
        genai_prices.Usage(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_tokens,
            cache_write_1h_tokens=usage.cache_write_1h_tokens,
            output_reasoning_tokens=usage.reasoning_tokens,
            input_audio_tokens=usage.input_audio_tokens,
            input_image_tokens=usage.input_image_tokens,
            output_audio_tokens=usage.output_audio_tokens,
            output_image_tokens=usage.output_image_tokens,
            # What is cached is plain text.
            cache_audio_read_tokens=0,
            cache_image_read_tokens=0,
            cache_audio_write_tokens=0,
            cache_image_write_tokens=0,
        ),
        model,
        provider_id=price_list,
        genai_request_timestamp=datetime.fromtimestamp(minute * 60, UTC),
    )
    ours = cost(usage, provider=price_list, models=(model,), start_ns=minute * 60_000_000_000)
    if ours.nano_usd is None:
        prices = theirs.model_price
        unpriced = prices.input_mtok is None and prices.output_mtok is None
        for part in ("input_audio", "input_image", "output_audio", "output_image"):
            # Audio and images without a price of their own are not text.
            if getattr(usage, f"{part}_tokens") and getattr(prices, f"{part}_mtok", None) is None:
                unpriced = True
        assert unpriced or not (usage.input_tokens or usage.output_tokens)
    else:
        assert ours.nano_usd == int((theirs.total_price * 10**9).to_integral_value(ROUND_HALF_EVEN))


def test_warm_up_loads_the_prices_without_the_network() -> None:
    program = (
        "import socket, sys\n"
        "def refuse(*args, **kwargs): raise SystemExit('the network was used')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "from pulse_collector.pricing.price_list import warm_up\n"
        "assert 'genai_prices.data' not in sys.modules\n"
        "warm_up()\n"
        "assert 'genai_prices.data' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("provider", "model", "usage", "expected"),
    [
        # Without a price of its own, audio is not text.
        ("openai", "gpt-4o-mini-audio-preview", Usage(700, 90, input_audio_tokens=600), None),
        ("openai", "gpt-4o-audio-preview-2025-06-03", Usage(700, 90, output_audio_tokens=80), None),
        ("openai", "gpt-4o-audio-preview", Usage(700, 90, 0, 0, 0, 0, 0, 0, 0, 0), 2_650_000),
        ("openai", "gpt-audio", Usage(700, 90, output_audio_tokens=80), 1_750_000 + 100_000 + 5_120_000),
        ("openrouter", "openai/gpt-4o-mini", Usage(700, 90, input_image_tokens=600), None),
        ("openai", "gpt-4o-mini", Usage(700, 90, output_image_tokens=80), None),
        # Images are input like text, and where Google lists no audio one price is for all input.
        ("openai", "gpt-4o-mini", Usage(700, 90, input_image_tokens=600), 159_000),
        ("google", "gemini-2.5-pro", Usage(700, 90, input_audio_tokens=600), 1_775_000),
        ("google", "gemini-2.5-flash", Usage(700, 90, input_audio_tokens=600), 30_000 + 600_000 + 225_000),
        # Models whose output is nothing else.
        ("google", "gemini-2.5-flash-preview-tts", Usage(700, 90, output_audio_tokens=90), 1_250_000),
        ("openai", "gpt-image-1", Usage(700, 90, output_image_tokens=90), 7_100_000),
    ],
)
def test_audio_and_images_cost_as_text_only_at_providers_that_charge_so(
    provider: str, model: str, usage: Usage, expected: int | None
) -> None:
    assert cost(usage, provider=provider, models=(model,)).nano_usd == expected
