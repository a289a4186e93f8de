"""Plain language: words that a reader must decode do not occur in code, messages and documentation."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]

#: Each has a standard term: "the caller" instead of "whoever", "reports" instead of "tells", and so on.
FORBIDDEN = (
    "whoever", "whom", "nobody", "somebody", "told", "tell", "tells", "telling", "lend", "lends", "lending",
    "lent", "borrow", "borrows", "borrowed", "borrowing", "borrower", "borrowers", "heir", "heirs", "let go",
    "lets go", "letting go", "give way", "gives way", "gave way", "anew", "mend", "mends", "mended",
    "mending", "beside", "besides", "for ever", "as far as", "upkeep", "dearest",
)  # fmt: skip
_WORD = re.compile(rf"(?<![a-z])(?:{'|'.join(FORBIDDEN)})(?![a-z])", re.IGNORECASE)
_CAMEL_CASE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

#: Where a word is needed: file, text around the word, reason.
ALLOWED = (
    (
        "storage/pulse_storage/maintenance.py",
        'MAINTENANCE_LEASE = "upkeep"',
        "the lease's name in stored databases",
    ),
    ("tests/support/postgres.py", 'user = "nobody"', "a system user without rights"),
)
_CHECKED = {".py", ".md", ".toml", ".yml", ".yaml", ".service", ".conf", ""}
#: This file lists the words. Migrations (.sql) are not checked: an applied migration never changes.
_EXEMPT = {"tests/test_words.py", "LICENSE", "instrumentation/LICENSE"}


def found_words() -> list[tuple[str, str, str]]:
    """Return (file, word, line) of each occurrence, identifiers included."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    found: list[tuple[str, str, str]] = []
    for name in filter(None, listed):
        path = ROOT / name
        if name in _EXEMPT or path.suffix not in _CHECKED or not path.is_file():
            continue
        for line in path.read_text(encoding="utf-8", errors="ignore").splitlines():
            words = _CAMEL_CASE.sub(" ", line).replace("_", " ")
            found += [(name, match[0].lower(), line.strip()) for match in _WORD.finditer(words)]
    return found


def test_no_forbidden_word_occurs() -> None:
    unexpected = [
        f"{name}: {word!r} in {line[:120]!r}"
        for name, word, line in found_words()
        if not any(name == file and text in line for file, text, _ in ALLOWED)
    ]
    assert unexpected == []


def test_allowed_words_are_few_and_still_occur() -> None:
    assert len(ALLOWED) < 30
    lines = {(name, line) for name, _, line in found_words()}
    unused = [
        (file, text)
        for file, text, _ in ALLOWED
        if not any(name == file and text in line for name, line in lines)
    ]
    assert unused == []


def test_words_are_found_in_identifiers_and_prose() -> None:
    line = "def told_by(self, lentValue): # mends what it lends"
    words = _CAMEL_CASE.sub(" ", line).replace("_", " ")
    assert [match[0] for match in _WORD.finditer(words)] == ["told", "lent", "mends", "lends"]
