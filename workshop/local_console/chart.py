"""Charts of what Athena answered and of the job's record counts, as options of ECharts."""

from collections.abc import Sequence
from typing import Any

from workshop.accounting import Accounting
from workshop.athena import Result

NUMBERS = {"tinyint", "smallint", "integer", "int", "bigint", "float", "real", "double"}
_MOST_BARS, _MOST_LABELS = 40, 2
_COLOURS = ["#3a7bd5", "#e0862f", "#3fa37c", "#a565c9"]
Options = dict[str, Any]


def of_result(result: Result) -> Options | None:
    """Draw rows that have a label or two and then numbers; None where they have not.

    Two labels of which one is a day are lines over time; else the last label names the bars.
    """
    kinds = list(zip(result.columns, result.types, strict=True))
    labels = [i for i, (_, kind) in enumerate(kinds) if kind.partition("(")[0] not in NUMBERS]
    if not labels:  # an hour, say, and a number
        labels = [0]
    numbers = [i for i in range(len(kinds)) if i not in labels]
    rows = result.rows
    if len(rows) < 2 or not numbers or len(labels) > _MOST_LABELS:  # noqa: PLR2004 - one is no chart
        return None
    days = [i for i in labels if kinds[i][1] == "date"]
    if days and len(labels) == _MOST_LABELS:
        (name,) = (i for i in labels if i not in days[:1])
        return _lines(rows, days[0], name, numbers[0])
    if any(i > numbers[0] for i in labels):
        return None
    names = [row[labels[-1]] or "(none)" for row in rows]
    series = {kinds[i][0]: [float(row[i] or 0) for row in rows] for i in numbers}
    is_long = len(rows) <= _MOST_BARS and not days and kinds[labels[0]][1].startswith("varchar")
    return _bars(names, series, lying=is_long)


def of_counts(counts: Accounting) -> Options:
    """Draw how many records the job kept, and why it left the others out."""
    shown = [(f"{name}: {why}" if why else name, n) for name, why, n in counts.rows() if n]
    parts = [part for part in shown if part[0] not in ("records read", "rows written")]
    options = _bars([name for name, _ in parts], {"records": [n for _, n in parts]}, lying=True)
    options["series"][0]["label"] = {"show": True, "position": "right"}
    return options


def _bars(names: Sequence[str], series: dict[str, list[float]], *, lying: bool) -> Options:
    labels = {"type": "category", "data": list(names), "inverse": lying}
    values = {"type": "value", "splitLine": {"lineStyle": {"opacity": 0.3}}}
    axes = {"xAxis": values, "yAxis": labels} if lying else {"xAxis": labels, "yAxis": values}
    drawn = [{"type": "bar", "name": name, "data": data} for name, data in series.items()]
    return _frame(drawn) | axes


def _lines(rows: list[list[str | None]], day: int, name: int, number: int) -> Options:
    days = sorted({str(row[day]) for row in rows})
    found = {(str(row[name]), str(row[day])): float(row[number] or 0) for row in rows}
    drawn = [
        {
            "type": "line",
            "name": line,
            "showSymbol": False,
            "data": [found.get((line, one)) for one in days],
        }
        for line in sorted({line for line, _ in found})
    ]
    axes = {"xAxis": {"type": "category", "data": days}, "yAxis": {"type": "value"}}
    return _frame(drawn) | axes


def _frame(series: list[Options]) -> Options:
    legend: Options = {"legend": {"top": 0}} if len(series) > 1 else {}
    top = 32 if legend else 12
    return {
        "color": _COLOURS,
        "animation": False,
        "grid": {"left": 8, "right": 40, "top": top, "bottom": 8, "containLabel": True},
        "tooltip": {"trigger": "axis"},
        "series": series,
    } | legend
