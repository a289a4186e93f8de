"""RetentionPolicy: the limits of age and size of a project's data, and the rows that are exempt from them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple, Protocol, cast

import orjson

from pulse_storage.ids import time_floor, time_of
from pulse_storage.reconciliation.skeletons import REFERENCES, OwnValue
from pulse_storage.rows import SpanRow
from pulse_storage.trace_json import rfc3339

HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS
MAX_DAYS = 36_500
MAX_MIB = 1 << 30
MAX_TAGS = 20
MAX_TAG_CHARS = 200

#: The names of the fields in JSON.
_NAMES = {
    "content_days": "contentDays",
    "rows_days": "rowsDays",
    "max_mib": "maxMib",
    "keep_errors": "keepErrors",
    "keep_tags": "keepTags",
}

_Problems = list[tuple[str, str]]


class _Row(Protocol):
    """The fields of a stored row that can exempt it."""

    @property
    def status(self) -> str: ...

    @property
    def tags(self) -> tuple[str, ...]: ...


class PolicyRefused(ValueError):
    """A policy is not valid; `problems` contains the path and the rule of every invalid field."""

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{path} {rule}" for path, rule in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPolicy:
    """The limits of a project's data; the default has none."""

    #: Content (bodies, texts, previews, log events) of calls older than this is deleted. None: no limit.
    content_days: int | None = None
    #: Rows of calls older than this are deleted; analytics keep their sums.
    rows_days: int | None = None
    #: The size limit of the project in MiB: above it the oldest content is deleted, then the oldest rows.
    max_mib: int | None = None
    #: Rows of failed calls and rows with one of the tags are exempt, with their content.
    keep_errors: bool = False
    keep_tags: tuple[str, ...] = ()

    @property
    def keeps_everything(self) -> bool:
        """True if there is no limit at all."""
        return self.content_days is None and self.rows_days is None and self.max_mib is None

    @property
    def has_exemptions(self) -> bool:
        """True if some rows may be exempt from the limits."""
        return self.keep_errors or bool(self.keep_tags)

    def exempts(self, row: _Row) -> bool:
        """Return whether a row is exempt from every limit.

        SQL stores select the same rows by `exempt_rows` in `sql/maintenance/row_ranges.py`.
        """
        return (self.keep_errors and row.status == "error") or not set(self.keep_tags).isdisjoint(row.tags)

    def as_json(self) -> dict[str, object]:
        """Return the JSON object of the API; `policy_from_json` parses it."""
        return {_NAMES[name]: value for name, value in asdict(self).items()}

    def as_text(self) -> str:
        """Return the JSON text that stores keep; `policy_from_text` parses it."""
        return orjson.dumps(self.as_json()).decode()


KEEP_EVERYTHING = RetentionPolicy()


def policy_from_json(document: Mapping[str, object]) -> RetentionPolicy:
    """Parse a policy from a JSON object; missing fields mean no limit. Raises PolicyRefused."""
    fields = ", ".join(_NAMES.values())
    problems = [
        (name[:100], f"is not a field of this request; it has {fields}")
        for name in document
        if name not in _NAMES.values()
    ]
    policy = RetentionPolicy(
        content_days=_number(document, "contentDays", MAX_DAYS, problems),
        rows_days=_number(document, "rowsDays", MAX_DAYS, problems),
        max_mib=_number(document, "maxMib", MAX_MIB, problems),
        keep_errors=_flag(document, "keepErrors", problems),
        keep_tags=_tags(document, "keepTags", problems),
    )
    if problems:
        raise PolicyRefused(problems)
    return policy


def policy_from_text(text: str) -> RetentionPolicy:
    """Parse the JSON text of `as_text`."""
    return policy_from_json(orjson.loads(text))


#: Spans of one call start within this time. Rows that start within it after deleted rows are frozen, since
#: spans that decided about them are deleted.
FROZEN_NS = HOUR_NS
_LONG_AGO_NS = -(1 << 63)
_CONTENT_COLUMNS = frozenset({"input_preview", "output_preview", *REFERENCES})


class Watermarks(NamedTuple):
    """How far retention has deleted a project's rows and content, and what a store does with older spans."""

    #: Rows with smaller ids were deleted, except exempt ones; so was content. Empty if none ever was.
    rows_from: bytes
    content_from: bytes
    #: The project's own policy as JSON text.
    policy: str | None
    #: All rows that started at or after this time are stored; of earlier ones, exempt rows only.
    rows_from_ns: int
    #: Spans that started earlier are rejected, and stored rows that did are frozen: they never change.
    frozen_before_ns: int
    #: Content of spans that started earlier is not stored.
    content_from_ns: int
    #: How often usage keys of the project were deleted.
    usage_epoch: int

    @property
    def drops(self) -> bool:
        """True if rows or content were ever deleted, so that arriving rows must be checked."""
        return bool(self.rows_from or self.content_from)

    def refusal(self, start_ns: int) -> str | None:
        """Return why a span is rejected, which may have been stored and deleted before; else None."""
        if start_ns >= self.frozen_before_ns:
            return None
        return (
            f"it began before {rfc3339(self.frozen_before_ns)},"
            " and this project no longer keeps rows of that time (retention)"
        )

    def event_refusal(self, time_ns: int) -> str | None:
        """Return why a log event is rejected; None if it is not."""
        if time_ns < self.content_from_ns:
            return (
                f"it is of before {rfc3339(self.content_from_ns)},"
                " and this project no longer keeps content of that time (retention)"
            )
        return self.refusal(time_ns)

    def admitted(self, row: SpanRow) -> SpanRow:
        """Return an arriving row as it is stored: without content if its content has expired."""
        policy = KEEP_EVERYTHING if self.policy is None else policy_from_text(self.policy)
        return row if row.start_ns >= self.content_from_ns or policy.exempts(row) else without_content(row)

    def without_old_content(self, start_ns: int, overrides: dict[str, OwnValue]) -> dict[str, OwnValue]:
        """Return the overrides that a row may have: without content if its content has expired."""
        if start_ns >= self.content_from_ns:
            return overrides
        return {column: value for column, value in overrides.items() if column not in _CONTENT_COLUMNS}


def watermarks_at(
    rows_from: bytes, content_from: bytes, policy: str | None = None, usage_epoch: int = 0
) -> Watermarks:
    """Return the watermarks at these row ids."""
    rows_from_ns = _ceiling_ns(rows_from) if rows_from else _LONG_AGO_NS
    return Watermarks(
        rows_from,
        content_from,
        policy,
        rows_from_ns,
        rows_from_ns + FROZEN_NS if rows_from else _LONG_AGO_NS,
        _ceiling_ns(content_from) if content_from else _LONG_AGO_NS,
        usage_epoch,
    )


NO_WATERMARKS = watermarks_at(b"", b"")


def without_content(row: SpanRow) -> SpanRow:
    """Return a row without bodies, texts and previews."""
    return row._replace(
        input_preview=None, output_preview=None, output_text=None, request_body=None, response_body=None
    )


def _ceiling_ns(id: bytes) -> int:
    """Return the earliest start time of which no row has a smaller id."""
    start_ns = time_of(id)
    # Ids have a resolution of a quarter of a microsecond; one inside of it has smaller ones of the same time.
    return start_ns if time_floor(start_ns) == id else start_ns + 245


def _number(document: Mapping[str, object], name: str, largest: int, problems: _Problems) -> int | None:
    value = document.get(name)
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # JSON does not distinguish 30.0 from 30.
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= largest:
        problems.append((name, f"must be a whole number from 1 to {largest}, or null for no limit"))
        return None
    return value


def _flag(document: Mapping[str, object], name: str, problems: _Problems) -> bool:
    value = document.get(name, False)
    if not isinstance(value, bool):
        problems.append((name, "must be true or false"))
        return False
    return value


def _tags(document: Mapping[str, object], name: str, problems: _Problems) -> tuple[str, ...]:
    value = document.get(name)
    tags = cast("list[object]", value) if isinstance(value, list) else []
    # Trimmed, as collectors trim the tags of spans.
    texts = tuple(tag.strip() for tag in tags if isinstance(tag, str) and _is_tag(tag.strip()))
    if (value is not None and not isinstance(value, list)) or len(texts) != len(tags) or len(tags) > MAX_TAGS:
        problems.append(
            (name, f"must be a list of at most {MAX_TAGS} texts of 1 to {MAX_TAG_CHARS} characters")
        )
    return tuple(sorted(set(texts)))


def _is_tag(tag: str) -> bool:
    return 1 <= len(tag) <= MAX_TAG_CHARS and not re.search(r"[\x00\ud800-\udfff]", tag)
