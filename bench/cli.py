"""The command line of the benchmark."""

import shutil
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from bench import data, docs, machine, plot, variants
from bench.contestants import CONTESTANTS, Contestant
from bench.race import Race, Rules
from bench.results import Results, Section
from bench.tables import tables
from embedded_aws.spark import check_java
from workshop import console, deployment
from workshop.errors import WorkshopError
from workshop.steps import Steps

app = typer.Typer(rich_markup_mode="rich", pretty_exceptions_enable=False)
FOLDER = deployment.BUILD / "bench"
PAGE = deployment.PROJECT / "docs" / "scaling.md"
INTERRUPTED = 130
BUSY = 0.5  # processes that run on average

Runs = Annotated[int, typer.Option(min=1, help="Rounds; medians of all are shown.")]
Repetitions = Annotated[
    int, typer.Option(min=2, help="In one process, for its steady state; the first is left out.")
]
Limit = Annotated[float, typer.Option(min=0, help="A process that takes longer is not shown.")]
Resume = Annotated[bool, typer.Option("--resume", help="Keep what was measured already.")]


@app.callback(invoke_without_command=True)
def run(  # noqa: PLR0913, PLR0917 - a command's options are its arguments
    context: typer.Context,
    sizes: Annotated[str, typer.Option(help="GB of raw JSON, comma separated.")] = "0.1,1.3,10",
    runs: Runs = 3,
    repetitions: Repetitions = 4,
    limit_minutes: Limit = 10,
    only: Annotated[
        str, typer.Option(help=f"Some of {','.join(one.name for one in CONTESTANTS)}.")
    ] = "",
    resume: Resume = False,  # noqa: FBT002 - an option of the command line
) -> None:
    """Measure the job beside other ways to do its work: same data, same 2 cores, side by side.

    Tables are printed; build/bench/ has results.json with every sample, plot.svg and plot.png.
    Interrupted, it leaves what was measured, and --resume goes on.

    Examples: python -m bench

    python -m bench --sizes 0.1 --runs 1 --only job,duckdb

    python -m bench --resume --limit-minutes 30
    """
    if context.invoked_subcommand:
        return
    chosen = _chosen(only)
    rules = Rules(runs, repetitions, 60 * limit_minutes, FOLDER / "outputs")
    wanted = sorted(_sizes(sizes), key=float)
    results, section = _begin("run", wanted, resume=resume)
    for size in wanted:
        logs = _logs(section, size)
        Race(results, section, rules).run(size, [(contestant, logs) for contestant in chosen])
    _show(results, "run")
    for file in [results.path, *plot.draw(section, FOLDER / "plot")]:
        console.out.print(str(file))


@app.command("variants")
def run_variants(
    size: Annotated[str, typer.Option(help="GB of raw JSON.")] = "1.3",
    runs: Runs = 3,
    repetitions: Repetitions = 4,
    limit_minutes: Limit = 10,
    resume: Resume = False,  # noqa: FBT002 - an option of the command line
) -> None:
    """Measure the job with other partitions, files, days, and cores.

    Example: python -m bench variants --size 0.1 --runs 1
    """
    (size,) = _sizes(size)
    rules = Rules(runs, repetitions, 60 * limit_minutes, FOLDER / "outputs" / "variants")
    results, section = _begin("variants", [size], resume=resume)
    logs = _logs(section, size)
    with console.progress.status("Regrouping") as status:
        entries = variants.entries(logs, lambda text: status.update(f"Regrouping: {text}"))
    Race(results, section, rules).run(size, entries)
    _show(results, "variants")


@app.command("docs")
def write_docs(
    page: Annotated[Path, typer.Option(help="A page with <!-- bench:NAME --> blocks.")] = PAGE,
) -> None:
    """Write the measured tables into docs/scaling.md, and the plot beside it.

    Example: python -m bench docs
    """
    results = Results.load(FOLDER / "results.json")
    console.out.print(f"{page}: {', '.join(docs.write(page, tables(results)))}")
    if run := results.sections.get("run"):
        svg, _ = plot.draw(run, FOLDER / "plot")  # anew: an interrupted run draws none
        picture = page.parent / "images" / "scaling.svg"
        picture.parent.mkdir(exist_ok=True)
        console.out.print(str(shutil.copy(svg, picture)))


def main() -> None:
    """Run the command line; an error is its cause and the next step, and the exit code 1."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except WorkshopError as error:
        console.error(error.message, error.next_step)
        sys.exit(1)
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            console.progress.print("Interrupted. What was measured is kept: go on with --resume")
        raise


def _begin(name: str, sizes: list[str], *, resume: bool) -> tuple[Results, Section]:
    """Open the results, and make a new section of that name in them or go on with it.

    What was over the limit at one of the sizes is tried again.

    Raises:
        WorkshopError: it is to go on, and the machine, a program or the job is another now.
    """
    check_java()
    machine.use_cores()
    if (load := machine.load()) > BUSY:
        console.progress.print(f"[yellow]The machine is busy (load {load:.1f}): wait, or doubt.[/]")
    results = Results.load(FOLDER / "results.json")
    about = machine.describe()
    before = results.sections.get(name)
    if resume and before:
        changed = [key for key in about if key != "date" and before.about.get(key) != about[key]]
        if changed:
            raise WorkshopError(
                f"The results are of another {', '.join(changed)}.", "Measure without --resume"
            )
        before.samples = [
            one for one in before.samples if one.seconds is not None or one.size not in sizes
        ]
        return results, before
    results.sections[name] = Section(about)
    return results, results.sections[name]


def _logs(section: Section, size: str) -> data.Logs:
    steps = Steps()
    with steps.step(f"Logs of {size} GB") as step:
        logs = data.logs(FOLDER / "data", size, step.update)
        step.result = f"{logs.events:,} events"
    section.data[size] = {
        "events": logs.events,
        "files": logs.files,
        "raw_bytes": logs.raw_bytes,
        "gz_bytes": logs.gz_bytes,
    }
    return logs


def _show(results: Results, name: str) -> None:
    section = Results(results.path, {name: results.sections[name]})
    for table in tables(section):
        console.table(table.columns, table.rows, table.title)


def _sizes(text: str) -> list[str]:
    sizes = [size.strip() for size in text.split(",")]
    for size in sizes:
        try:
            valid = float(size) > 0
        except ValueError:
            valid = False
        if not valid:
            raise WorkshopError(f"{size} is no size.", "Give GB of raw JSON, e.g. 0.1,1.3")
    return sizes


def _chosen(names: str) -> list[Contestant]:
    known = {contestant.name: contestant for contestant in CONTESTANTS}
    wanted = [name.strip() for name in names.split(",")] if names else list(known)
    for name in wanted:
        if name not in known:
            raise WorkshopError(f"{name} is no contestant.", f"Choose from {', '.join(known)}")
    return [contestant for name, contestant in known.items() if name in wanted]
