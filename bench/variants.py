"""Small experiments with the job: other partitions, files, days, and cores."""

from collections.abc import Callable
from dataclasses import replace

from bench import data
from bench.contestants import JOB, Contestant
from bench.data import Logs

_DAY = data.END.replace(day=data.DAYS // 2).isoformat()
FEW_FILES, MANY_FILES = 100, 10_000


def _variant(name: str, title: str, *arguments: str) -> Contestant:
    return replace(JOB, name=name, title=title, arguments=arguments)


AS_IT_IS = _variant("as-it-is", "As it is: 2 cores, partitions of 8 MB, all days")
ONE_CORE = replace(_variant("one-core", "1 core"), settings={"spark.master": "local[1]"})
LARGE_PARTITIONS = replace(
    _variant("large-partitions", "Partitions of 128 MB"),
    settings={**JOB.settings, "spark.sql.files.maxPartitionBytes": str(128 * 1024 * 1024)},
)
ONE_DAY = replace(
    _variant("one-day", f"One day of {data.DAYS}", "--START_DATE", _DAY, "--END_DATE", _DAY),
    compared=False,  # the only one that writes other rows
)
SMALL_HEAP = replace(
    _variant("small-heap", "A heap of 768 MB, not 2 GB"),
    settings={**JOB.settings, "spark.driver.memory": "768m"},
)
SMALL_OUTPUTS = _variant("small-outputs", "100,000 rows a file", "--MAX_ROWS_PER_FILE", "100000")
IN_FEW_FILES = _variant("few-files", f"The same data in {FEW_FILES} files")
IN_MANY_FILES = _variant("many-files", f"The same data in {MANY_FILES:,} files")
VARIANTS = (
    AS_IT_IS,
    ONE_CORE,
    LARGE_PARTITIONS,
    ONE_DAY,
    SMALL_HEAP,
    SMALL_OUTPUTS,
    IN_FEW_FILES,
    IN_MANY_FILES,
)


def entries(logs: Logs, progress: Callable[[str], None]) -> list[tuple[Contestant, Logs]]:
    """Say which variant reads which logs, and make those that are not there yet."""
    other = {
        IN_FEW_FILES.name: data.regrouped(logs, FEW_FILES, progress),
        IN_MANY_FILES.name: data.regrouped(logs, MANY_FILES, progress),
    }
    return [(variant, other.get(variant.name, logs)) for variant in VARIANTS]
