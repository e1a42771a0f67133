"""Charts of what Athena answered and of the job's record counts, as options of ECharts."""

from collections.abc import Mapping, Sequence
from typing import Any

from workshop.accounting import Accounting
from workshop.athena import NUMBERS, Result

_MOST_LABELS, _MOST_LYING = 2, 30
_COLOURS = ["#3a7bd5", "#d9822b", "#3fa37c", "#a565c9"]
Options = dict[str, Any]
Series = Mapping[str, Sequence[float]]


def of_result(result: Result) -> Options | None:
    """Draw rows that have a label or two and then numbers; None where they have not.

    Of two labels, the last one names the bars; but where one is a day, the other is stacked on it.
    """
    kinds = [kind.partition("(")[0] for kind in result.types]
    labels = [i for i, kind in enumerate(kinds) if kind not in NUMBERS] or [0]  # an hour, say
    numbers = [i for i in range(len(kinds)) if i not in labels]
    if len(result.rows) <= 1 or not numbers or len(labels) > _MOST_LABELS:
        return None
    if len(labels) == _MOST_LABELS and "date" in kinds:
        day, name = sorted(labels, key=lambda i: kinds[i] != "date")
        found = {
            (str(row[name]), str(row[day])): float(row[numbers[0]] or 0) for row in result.rows
        }
        names, days = sorted({name for name, _ in found}), sorted({day for _, day in found})
        series = {name: [found.get((name, day), 0) for day in days] for name in names}
        return _bars(days, series, stack="all")
    shown = [str(row[labels[-1]] or "(none)") for row in result.rows]
    series = {result.columns[i]: [float(row[i] or 0) for row in result.rows] for i in numbers}
    is_text = kinds[labels[-1]] == "varchar" and len(shown) <= _MOST_LYING
    return _bars(shown, series, lying=is_text)


def of_counts(counts: Accounting) -> Options:
    """Draw how many records the job kept, and why it left the others out."""
    parts = {f"{name} {why}".strip(): n for name, why, n in counts.rows() if n}
    parts = {name: n for name, n in parts.items() if name not in ("records read", "rows written")}
    return _bars([*parts], {"records": [*parts.values()]}, lying=True)


def _bars(
    names: Sequence[str], series: Series, *, lying: bool = False, stack: str | None = None
) -> Options:
    labels = {"type": "category", "data": names, "inverse": lying}
    values = {"type": "value", "splitLine": {"lineStyle": {"opacity": 0.3}}}
    bar = {"type": "bar", "stack": stack}
    axes = [values | {"axisLabel": {"hideOverlap": True}}, labels]
    return {
        "xAxis": axes[not lying],
        "yAxis": axes[lying],
        "color": _COLOURS,
        "animation": False,
        "grid": {
            "left": 8,
            "right": 24,
            "top": 32 if len(series) > 1 else 8,
            "bottom": 8,
            "containLabel": True,
        },
        "tooltip": {"trigger": "axis"},
        "legend": {"show": len(series) > 1, "top": 0},
        "series": [bar | {"name": name, "data": data} for name, data in series.items()],
    }
