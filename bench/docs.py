"""Writes the measured tables into a page, between `<!-- bench:NAME -->` and `<!-- /bench -->`."""

import re
from collections.abc import Iterable
from pathlib import Path

from bench.tables import OVER, Table
from workshop.errors import WorkshopError

NUMBER = re.compile(rf"[\d.,]*|{OVER}")
BLOCK = re.compile(r"(<!-- bench:(\w+) -->\n).*?(<!-- /bench -->)", re.DOTALL)


def write(page: Path, tables: Iterable[Table]) -> list[str]:
    """Replace every block of the page by its table.

    Returns:
        The names of the blocks, in the order of the page.

    Raises:
        WorkshopError: there is no such page, no block in it, or no table for one.
    """
    if not page.exists():
        raise WorkshopError(f"There is no page {page}.", "Name the page with --page")
    named = {table.name: table for table in tables}
    text = page.read_text("utf-8")
    blocks = [name for _, name, _ in BLOCK.findall(text)]
    if not blocks:
        raise WorkshopError(f"{page} has no block.", "Add <!-- bench:whole --> and <!-- /bench -->")
    for name in blocks:
        if name not in named:
            raise WorkshopError(
                f"{page} has a block {name}, and there is no such table in the results.",
                f"Measure it (python -m bench, python -m bench variants); there is "
                f"{', '.join(sorted(named)) or 'none'}",
            )
    page.write_text(BLOCK.sub(lambda block: _replaced(block, named), text), "utf-8")
    return blocks


def markdown(table: Table) -> str:
    """A table as Markdown has it; a column of numbers is right-aligned."""
    numbers = [
        all(NUMBER.fullmatch(row[index]) for row in table.rows)
        for index in range(len(table.columns))
    ]
    rule = ["---:" if number else "---" for number in numbers]
    lines = [table.columns, rule, *table.rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _replaced(block: re.Match[str], named: dict[str, Table]) -> str:
    return f"{block[1]}{markdown(named[block[2]])}{block[3]}"
