"""Audio and image tokens without their own price, and the providers that charge them as text."""

from __future__ import annotations

from genai_prices.types import ModelPrice

from pulse_collector.pricing.rates import part_index

_PARTS = ("input_audio_tokens", "input_image_tokens", "output_audio_tokens", "output_image_tokens")

#: Providers (as genai-prices names them) that turn images into input tokens at the price of text:
#: developers.openai.com/api/docs/guides/images-vision, ai.google.dev/gemini-api/docs/pricing ("text / image /
#: video"), platform.claude.com/docs/en/build-with-claude/vision, docs.x.ai/docs/models ("image tokens" of the
#: prompt), docs.mistral.ai/capabilities/vision, aws.amazon.com/nova/pricing. What differs has its own price.
_IMAGES_AS_TEXT = frozenset({"openai", "azure", "google", "anthropic", "x-ai", "mistral", "aws"})
#: ai.google.dev/gemini-api/docs/pricing: where audio is not listed apart, one price is for all input.
_AUDIO_AS_TEXT = frozenset({"google"})


def unpriced_parts(provider: str, model: str, price: ModelPrice) -> tuple[int, ...]:
    """Return the indexes in Usage that this price excludes: a call with such tokens has no known cost."""
    prices = vars(price)
    return tuple(
        part_index(part)
        for part in _PARTS
        if prices.get(part.removesuffix("_tokens") + "_mtok") is None
        and not _is_priced_as_whole(provider, model, part)
    )


def _is_priced_as_whole(provider: str, model: str, part: str) -> bool:
    match part:
        case "input_image_tokens":
            return provider in _IMAGES_AS_TEXT
        case "input_audio_tokens":
            return provider in _AUDIO_AS_TEXT
        case "output_audio_tokens":
            # The output price of speech models is the price of audio.
            return "tts" in model
        case _:
            # For OpenAI's image models the list has the price of images as the output price.
            return provider in ("openai", "azure") and "image" in model
