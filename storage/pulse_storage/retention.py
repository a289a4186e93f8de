"""RetentionPolicy: the limits of age and size of a project's data, and the rows that are exempt from them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol, cast

import orjson

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


def _number(document: Mapping[str, object], name: str, largest: int, problems: _Problems) -> int | None:
    value = document.get(name)
    if value is None:
        return None
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
