"""Normalizes token counts: input includes cached tokens, output includes reasoning, both audio and images."""

from __future__ import annotations

from typing import NamedTuple

from pulse_collector.facts.usage_names import CountColumn

Counts = dict[CountColumn, int]


class Usage(NamedTuple):
    """The token counts of a call, normalized; None for an unknown count."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    #: The part of the cache writes that is kept for an hour, which Anthropic prices higher.
    cache_write_1h_tokens: int | None = None
    input_audio_tokens: int | None = None
    input_image_tokens: int | None = None
    output_audio_tokens: int | None = None
    output_image_tokens: int | None = None


NO_USAGE = Usage()


def usage_of(counts: Counts, *, excludes_cache: bool) -> Usage:
    """Return normalized counts. `excludes_cache`: the sender's input excludes cached tokens.

    An input smaller than its cached part cannot include it, whatever `excludes_cache` is. A total fills in a
    missing input or output. If the total is the sum of input, output and cached tokens or reasoning, these
    are not included in input and output, and are added. Any other total is ignored.
    """
    if not counts:
        return NO_USAGE
    get = counts.get
    input_tokens, output_tokens = get("input"), get("output")
    cache_read, cache_write = get("cache_read"), cache_writes(counts)
    reasoning, total = get("reasoning"), get("total")
    cached = (cache_read or 0) + (cache_write or 0)
    if (
        cached
        and input_tokens is not None
        and (
            excludes_cache
            or cached > input_tokens
            or _lies_outside(cached, total, input_tokens, output_tokens, reasoning)
        )
    ):
        input_tokens += cached
    if total is not None and input_tokens is None and output_tokens is not None:
        input_tokens = max(total - output_tokens, cached)
    elif total is not None and output_tokens is None and input_tokens is not None:
        output_tokens = max(total - input_tokens, 0)
    if reasoning and output_tokens is not None:
        outside = input_tokens is not None and total == input_tokens + output_tokens + reasoning
        if outside or reasoning > output_tokens:
            output_tokens += reasoning
    cache_write_1h = get("cache_write_1h")
    if cache_write_1h is not None:
        cache_write_1h = min(cache_write_1h, cache_write) if cache_write is not None else None
    input_audio = input_image = output_audio = output_image = None
    if not _MODALITIES.isdisjoint(counts):
        input_audio, input_image = _within(input_tokens, get("input_audio"), get("input_image"))
        output_audio, output_image = _within(
            None if output_tokens is None else output_tokens - (reasoning or 0),
            get("output_audio"),
            get("output_image"),
        )
    # By position in the order of the fields: the constructor takes twice as long.
    return Usage._make(
        (
            input_tokens,
            output_tokens,
            cache_read,
            cache_write,
            reasoning,
            cache_write_1h,
            input_audio,
            input_image,
            output_audio,
            output_image,
        )
    )


def cache_writes(counts: Counts) -> int | None:
    """Return the cache writes, or the sum of the writes by lifetime if both lifetimes are known."""
    written = counts.get("cache_write")
    if written is not None:
        return written
    five_minutes, hour = counts.get("cache_write_5m"), counts.get("cache_write_1h")
    return None if five_minutes is None or hour is None else five_minutes + hour


def _lies_outside(
    cached: int, total: int | None, input_tokens: int, output_tokens: int | None, reasoning: int | None
) -> bool:
    """Return whether the total equals input, output, cached tokens and, optionally, reasoning."""
    if total is None or output_tokens is None:
        return False
    rest = total - input_tokens - output_tokens
    return rest == cached + (reasoning or 0) or (rest == cached and cached != reasoning)


_MODALITIES = frozenset[CountColumn](("input_audio", "input_image", "output_audio", "output_image"))


def _within(whole: int | None, audio: int | None, image: int | None) -> tuple[int | None, int | None]:
    """Return audio and image tokens; None for both if their sum exceeds `whole`."""
    if whole is not None and (audio or 0) + (image or 0) > whole:
        return None, None
    return audio, image
