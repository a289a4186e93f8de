"""Content-defined chunking: split JSON documents so that those of one conversation share most chunks."""

from __future__ import annotations

#: The index entry of a smaller chunk would take more space than the chunk.
MIN_CHUNK_BYTES = 256
#: At the end of a list a chunk may be this small: else the next list is split elsewhere when this one grows.
_MIN_LAST_BYTES = 128
#: Long texts are split at paragraphs, so that a prompt that contains the time shares the other paragraphs.
_MIN_TEXT_BYTES = 2_048
_PARAGRAPH = rb"\n\n"
#: Closing brackets belong to the next chunk: the list or object before them may grow.
_CLOSING = b"}]"
_MAX_CLOSING_BYTES = 16


#: Boundaries: between two objects of a list, before the first, after the last, and before Anthropic's
#: cache_control, which moves to another message with each turn. In JSON without spaces, and with them.
_COMPACT = (b"},{", b'":[{', b'}],"', b',"cache_control"')
_SPACED = (b"}, {", b'": [{', b'}], "', b', "cache_control"')


def chunk_ends(document: bytes) -> list[int]:
    """Return the end offsets of the chunks, ascending; the bytes after the last offset are not a chunk.

    A chunk ends at the first boundary after its minimum size. So the chunks of a list stay the same when an
    item is appended, and are the same again soon after an item that was changed or removed. The JSON is not
    parsed: a boundary within a string is the same in every document with that string. Takes time linear in
    the size of the document.
    """
    between_mark, opening_mark, closing_mark, caching_mark = _SPACED if _is_spaced(document) else _COMPACT
    opened = len(opening_mark) - 1
    none = len(document)
    # Each boundary is searched from its last position, so that no byte is searched twice for it.
    between = opening = closing = caching = paragraph = -1
    ends: list[int] = []
    start = 0
    while True:
        least = start + MIN_CHUNK_BYTES
        if between < least:
            between = _find_end(document, between_mark, least)
        if opening < least:
            at = _find(document, opening_mark, least - opened, b"[")
            opening = none if at < 0 else at + opened
        if closing < start + _MIN_LAST_BYTES:
            closing = _find_end(document, closing_mark, start + _MIN_LAST_BYTES)
        if caching < least:
            at = _find(document, caching_mark, least, b"_")
            caching = none if at < 0 else at
        if paragraph < start + _MIN_TEXT_BYTES:
            at = _find(document, _PARAGRAPH, start + _MIN_TEXT_BYTES, b"\\")
            paragraph = none if at < 0 else at
        end = min(between, opening, closing, caching, paragraph)
        if end == none:
            break
        ends.append(end)
        start = end
    if document.endswith(b"]}"):
        last = _before_closing(document, none)
        if last >= start + _MIN_LAST_BYTES:
            ends.append(last)
    return ends


def _find_end(document: bytes, mark: bytes, least: int) -> int:
    """Return the offset, at least `least`, of the end of an object before a mark; else the length."""
    at = _find(document, mark, least, b"}")
    while at >= 0:
        end = _before_closing(document, at)
        if end >= least:
            return end
        at = document.find(mark, at + 1)
    return len(document)


def _find(document: bytes, mark: bytes, least: int, rare: bytes) -> int:
    """Return `document.find(mark, least)`; ten times faster if the byte `rare` of the mark does not occur."""
    first = document.find(rare, least)
    return -1 if first < 0 else document.find(mark, max(least, first - len(mark)))


def _before_closing(document: bytes, end: int) -> int:
    closing = document[max(0, end - _MAX_CLOSING_BYTES) : end]
    return end - len(closing) + len(closing.rstrip(_CLOSING))


def _is_spaced(document: bytes) -> bool:
    """Return True if the first list of objects has a space after its colons."""
    colon = document.find(b'":', max(document.find(b"[{"), 0))
    return document[colon + 2 : colon + 3] == b" "
