"""Draws the results: time and memory against the size of the data, both axes logarithmic."""

from pathlib import Path

import altair as alt

from bench.data import GB
from bench.results import Section
from bench.tables import MB, TITLES

PANELS = ("Whole process, s", "Steady state, s", "Peak memory, MB")


def draw(run: Section, target: Path) -> list[Path]:
    """Write the plot as SVG and PNG.

    Args:
        run: the results.
        target: the files' path without its suffix.

    Returns:
        The files.
    """
    points = []
    for who in run.contestants():
        for size in run.sizes():
            peak = run.peak_bytes(who, size)
            measured = (
                run.seconds(who, size, "whole"),
                run.seconds(who, size, "steady"),
                peak and peak / MB,
            )
            points += [
                {"panel": panel, "by": TITLES[who], "gb": run.data[size]["raw_bytes"] / GB, "y": y}
                for panel, y in zip(PANELS, measured, strict=True)
                if y
            ]
    titles = [TITLES[who] for who in run.contestants()]
    panels = [
        alt.Chart({"values": [point for point in points if point["panel"] == panel]})
        .mark_line(point=True)
        .encode(
            x=alt.X(
                "gb:Q",
                scale=alt.Scale(type="log", padding=20),
                axis=alt.Axis(values=[float(size) for size in run.sizes()]),
                title="Raw JSON, GB",
            ),
            y=alt.Y("y:Q", scale=alt.Scale(type="log"), title=panel),
            color=alt.Color("by:N", sort=titles, title=None),
        )
        .properties(width=260, height=300)
        for panel in PANELS
    ]
    chart = alt.hconcat(*panels).configure(background="white")
    files = [target.with_suffix(suffix) for suffix in (".svg", ".png")]
    for file in files:
        chart.save(str(file), scale_factor=2 if file.suffix == ".png" else 1)
    return files
