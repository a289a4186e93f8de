"""All figures of a page, with the exact values that the page states for them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from playwright.sync_api import Page, expect
from tests.web.formulas import Formula

UNKNOWN = "–"
_WORDS_OF_UNKNOWN = {UNKNOWN, "unpriced", "no price", "unknown", "–span", "– spans"}

#: Content of calls, which has numbers of its own; and what is no data: inputs, code, pictures.
_NO_FIGURES = (
    "data, .asked, time, .times, svg, .messages, .json, .why, .empty, .filter-line, .rows-head, "
    "input, select, pre, code, .sr"
)

_TEXT = """(element) => {
  const copy = element.cloneNode(true);
  for (const hidden of copy.querySelectorAll(".sr")) hidden.remove();
  return copy.textContent;
}"""
_COLLECT = """(noFigures) => {
  const main = document.getElementById("main");
  const shown = (element) => element.checkVisibility({visibilityProperty: true});
  const text = (element) => {
    const copy = element.cloneNode(true);
    for (const hidden of copy.querySelectorAll(".sr")) hidden.remove();
    return copy.textContent.trim();
  };
  const values = [...main.querySelectorAll("data")].filter(shown).map((element) => ({
    text: text(element),
    name: element.closest("[role=row], tr, .figure, a, dl > div, li")?.textContent.trim().slice(0, 80) ?? "",
    request: element.closest("[data-request]")?.dataset.request ?? null,
    value: element.dataset.value, unit: element.dataset.unit, formula: element.dataset.from,
  }));
  const strays = [];
  const walker = document.createTreeWalker(main, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const said = node.data.trim();
    if (!/\\d/.test(said) && (said !== "–" || node.parentElement.closest(".details") !== null)) continue;
    if (node.parentElement.closest(noFigures) === null && shown(node.parentElement))
      strays.push([said, node.parentElement.parentElement.outerHTML.slice(0, 300)]);
  }
  return {values, strays};
}"""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure as it is shown, its exact value, and how that follows from the answer to a request."""

    name: str
    text: str
    value: Decimal | str | None
    unit: str
    request: str
    formula: Formula


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a page, and texts with digits that are neither figures nor known to be anything else."""

    all: list[Figure]
    strays: list[tuple[str, str]]


def figures(page: Page) -> Figures:
    """Return all figures of a page; asks each one that can be asked why."""
    found = page.evaluate(_COLLECT, _NO_FIGURES)
    every = [_figure(value) for value in found["values"]]
    asked = page.locator("#main .asked").filter(visible=True)
    for index in range(asked.count()):
        every.append(ask(page, asked.nth(index)))
    return Figures(every, [(text, html) for text, html in found["strays"]])


def ask(page: Page, figure: Any) -> Figure:
    """Ask a figure why, and return what the answer states."""
    text = figure.evaluate(_TEXT)
    name = figure.get_attribute("title") or ""
    figure.evaluate("element => element.click()")
    why = page.locator(".why")
    expect(why.locator(".request")).to_be_visible()
    stated = why.evaluate(
        "({dataset: {request, value, unit, from}}) => ({request, value, unit, formula: from})"
    )
    assert f"GET {stated['request']}" == why.locator(".request code").inner_text()
    why.get_by_role("button", name="Close").click()
    expect(why).to_have_count(0)
    return _figure({**stated, "text": text, "name": name})


def _figure(stated: dict[str, Any]) -> Figure:
    label = f"{stated['name']!r}, shown as {stated['text']!r}"
    for part in ("request", "value", "unit", "formula"):
        assert stated[part] is not None, f"no {part} of the figure {label}"
    value = stated["value"]
    exact = None if value == "" else value if stated["unit"] == "instant" else Decimal(value)
    formula = json.loads(stated["formula"])
    return Figure(label, stated["text"], exact, stated["unit"], stated["request"], formula)


def without_known(text: str, known: Iterable[str]) -> str:
    """Return what is left of a text without the known ones; empty if it is a part of one of them."""
    for word in known:
        if text in word:
            return ""
        if len(word) > 1:
            text = text.replace(word, "")
    return text


#: Factor of the unit after a number to that of the exact value.
_FACTORS: dict[str, dict[str, Decimal]] = {
    "ms": {"µs": Decimal("0.001"), "ms": Decimal(1), "s": Decimal(1000), "min": Decimal(60_000)}
    | {"h": Decimal(3_600_000), "d": Decimal(86_400_000)},
    "share": {"%": Decimal("0.01")},
    "bytes": {"B": Decimal(1), "KiB": Decimal(1024), "MiB": Decimal(1024**2)},
}
_FACTORS["us"] = {unit: 1000 * factor for unit, factor in _FACTORS["ms"].items()}
#: Dollars in units of money.
_MONEY = {"cents": Decimal(100), "nano_usd": Decimal(10**9)}
_SHORT = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_NUMBER = re.compile(r"([<$−-]*)(\d+(?:\.(\d+))?) ?(µs|ms|s|min|h|d|%|KiB|MiB|B|k|M|G|T)?(?![a-z])")


def reads_as(text: str, figure: Figure) -> bool:
    """Return whether a text is the exact value, rounded to the text's digits; unknown is never a number."""
    said = text.replace("\u202f", " ").removeprefix("≥ ").strip().removesuffix("+")
    if figure.value is None:
        return said in _WORDS_OF_UNKNOWN
    if isinstance(figure.value, str):
        return bool(said)
    joined = re.sub(r"(?<=\d) (?=\d{3}(?!\d))", "", said)
    total, step = Decimal(0), Decimal(0)
    found = list(_NUMBER.finditer(joined))
    if not found:
        return False
    for match in found:
        sign, digits, decimals, unit = match.groups()
        factors = _FACTORS.get(figure.unit, {})
        factor = _MONEY.get(figure.unit, Decimal(1))
        factor *= factors[unit] if unit in factors else Decimal(_SHORT.get(unit or "", 1))
        step = factor * Decimal(10) ** -len(decimals or "")
        if "<" in sign:
            return 0 < figure.value < Decimal(digits) * factor
        total += Decimal(digits) * factor
        if unit in ("k", "M", "G", "T") and decimals is None and len(digits) == 3:
            step = factor
    return abs(total - figure.value) <= step
