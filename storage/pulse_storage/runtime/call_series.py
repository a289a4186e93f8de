"""Splits the rows of one call that are too many for one commit, and adds up what became of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pulse_storage.rows import IngestResult, SpanRow


class CallSeries:
    """The pieces of one call, each for a commit of its own, in order.

    Gen-ai spans come first: other spans of their traces are kept because of them, and may be of later pieces.
    """

    def __init__(
        self, rows: Sequence[SpanRow], max_rows: int, fits: Callable[[Sequence[SpanRow]], bool]
    ) -> None:
        indexes = sorted(range(len(rows)), key=lambda index: not rows[index].gen_ai)
        self._rows = rows
        #: Indexes of the rows of each piece, the next piece last.
        self._pieces: list[Sequence[int]] = []
        chunks = [indexes[start : start + max_rows] for start in range(0, len(indexes), max_rows)]
        while chunks:
            chunk = chunks.pop()
            if len(chunk) > 1 and not fits([rows[index] for index in chunk]):
                middle = len(chunk) // 2
                chunks += [chunk[:middle], chunk[middle:]]
            else:
                self._pieces.append(chunk)
        self._results: list[tuple[Sequence[int], IngestResult]] = []

    def next_rows(self) -> list[SpanRow]:
        """Return the rows of the piece that is to be committed next."""
        return [self._rows[index] for index in self._pieces[-1]]

    def add(self, result: IngestResult) -> bool:
        """Take what became of that piece. Return whether there are more."""
        self._results.append((self._pieces.pop(), result))
        return bool(self._pieces)

    def result(self) -> IngestResult:
        """Return what became of the whole call, with indexes of its own."""
        return IngestResult(
            stored=sum(result.stored for _, result in self._results),
            duplicates=sum(result.duplicates for _, result in self._results),
            left_out=sum(result.left_out for _, result in self._results),
            rejected=tuple(
                sorted(
                    (indexes[at], reason)
                    for indexes, result in self._results
                    for at, reason in result.rejected
                )
            ),
        )
