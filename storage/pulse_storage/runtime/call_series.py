"""Split the rows of a `submit` call that exceed one commit into batches, and sum their results."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pulse_storage.rows import IngestResult, SpanRow


class CallSeries:
    """The batches of one `submit` call, in order; each fits into one commit.

    Gen-ai spans come first: other spans of their traces are stored only if a gen-ai span is.
    """

    def __init__(
        self, rows: Sequence[SpanRow], max_rows: int, fits: Callable[[Sequence[SpanRow]], bool]
    ) -> None:
        indexes = sorted(range(len(rows)), key=lambda index: not rows[index].gen_ai)
        self._rows = rows
        #: Row indexes of each batch; the next batch is the last item.
        self._batches: list[Sequence[int]] = []
        chunks = [indexes[start : start + max_rows] for start in range(0, len(indexes), max_rows)]
        while chunks:
            chunk = chunks.pop()
            if len(chunk) > 1 and not fits([rows[index] for index in chunk]):
                middle = len(chunk) // 2
                chunks += [chunk[:middle], chunk[middle:]]
            else:
                self._batches.append(chunk)
        self._results: list[tuple[Sequence[int], IngestResult]] = []

    def next_rows(self) -> list[SpanRow]:
        """Return the rows of the next batch."""
        return [self._rows[index] for index in self._batches[-1]]

    def add(self, result: IngestResult) -> bool:
        """Add the result of the next batch; return True if there are more batches."""
        self._results.append((self._batches.pop(), result))
        return bool(self._batches)

    def result(self) -> IngestResult:
        """Return the sum of the results; rejected rows are numbered as in the whole call."""
        return IngestResult.combined(self._results)
