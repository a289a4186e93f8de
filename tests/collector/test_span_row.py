"""The order of columns in `span_row`, which builds rows by position."""

from __future__ import annotations

import ast
import inspect

from pulse_collector.facts.usage import Usage
from pulse_collector.mapping import span_row
from pulse_collector.pricing import Cost, ReportedCost
from pulse_storage.rows import SpanRow

#: Tuples that `span_row` unpacks into its row, and the columns of their fields.
_UNPACKED = {
    "usage": Usage._fields,
    "cost": Cost("cost_nano_usd", "cost_source", "price_version"),  # type: ignore[arg-type]
    "reported": ReportedCost("reported_cost_nano_usd", "estimated_cost_nano_usd"),  # type: ignore[arg-type]
}


def test_span_row_names_each_column_in_the_order_of_the_fields() -> None:
    [call] = [
        node
        for node in ast.walk(ast.parse(inspect.getsource(span_row)))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "SpanRow._make"
    ]
    [row] = call.args
    assert isinstance(row, ast.Tuple)
    assert [column for value in row.elts for column in _columns_of(value)] == list(SpanRow._fields)


def _columns_of(value: ast.expr) -> tuple[object, ...]:
    """Return the columns that a value fills: it has the column's name, as a variable or an attribute."""
    if isinstance(value, ast.Starred):
        return _UNPACKED[ast.unparse(value.value)]
    if isinstance(value, ast.Attribute):
        return (value.attr,)
    assert isinstance(value, ast.Name), ast.unparse(value)
    return (value.id,)
