"""What the job stands on: arguments, day folders, damaged files, and the safe way to publish a CSV.

Nothing here knows what an interaction is; segment_events_to_csv.py does.
"""

import json
import math
import re
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from awsglue.utils import getResolvedOptions
from py4j.protocol import Py4JJavaError
from pyspark import StorageLevel
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as sf

INPUT, OUTPUT, REJECTED = PATHS = ("S3_JSON_INPUT_PATH", "S3_CSV_OUTPUT_PATH", "S3_REJECTED_PATH")
OPTIONAL = {
    "SUPPORTED_EVENTS": "Product Clicked,Product Added,Order Completed",
    "START_DATE": "1970-01-01",  # the first and the last UTC day to read
    "END_DATE": "9999-12-31",
    "MAX_ROWS_PER_FILE": "10000000",
}
SPARK_SETTINGS = {
    # Gzipped files cannot be split: small partitions spread them over all cores.
    "spark.sql.files.maxPartitionBytes": 8 * 2**20,
    "spark.sql.files.openCostInBytes": 2**20,
    "spark.sql.session.timeZone": "UTC",  # of a timestamp without an offset
}
DAY_SECONDS = 86_400
MIB = 2**20
# A longer line is never held in memory. Segment's own limit for an event is 32 KB.
MAX_LINE_BYTES = 8 * MIB
# Hadoop cannot read on after a line of 2 GiB.
MAX_READABLE_BYTES = 2**31 - 1
# What a file can have that is a rejected record of its own.
TRUNCATED, TOO_LONG = FILE_PROBLEMS = ("truncated gzip", "line too long")
READER = {
    "recursiveFileLookup": "true",
    "__globPaths__": "false",  # a folder may be named `{a,b}`: a path is not a pattern
    "mapreduce.input.linerecordreader.line.maxlength": str(MAX_LINE_BYTES),
}
STRICT_JSON = {"allowSingleQuotes": "false", "allowNonNumericNumbers": "false"}
# How Spark writes a JSON number that Java shows with an exponent, or not at all.
NOT_DIGITS = r'^(-?\d\.\d+E-?\d+|"-?Infinity")\z'
UNREADABLE = "\ufffd"
# RFC 4180: a quote is doubled. Spark would also quote a leading "#", its mark of a comment.
CSV = {
    "header": "true",
    "escape": '"',
    "comment": "\x01",
    "ignoreLeadingWhiteSpace": "false",
    "ignoreTrailingWhiteSpace": "false",
}
NO_SUCCESS_FILE = {"mapreduce.fileoutputcommitter.marksuccessfuljobs": "false"}
Counts = dict[str, Any]


# Arguments


@dataclass(frozen=True)
class Arguments:
    """The job's arguments, checked; `given` has the text of each."""

    given: dict[str, str]

    @property
    def job_name(self) -> str:
        return self.given["JOB_NAME"]

    @property
    def supported_events(self) -> list[str]:
        return [event.strip() for event in self.given["SUPPORTED_EVENTS"].split(",")]

    @property
    def all_days(self) -> bool:
        return all(self.given[name] == OPTIONAL[name] for name in ("START_DATE", "END_DATE"))

    def midnight(self, name: str) -> float:
        """A day's beginning in epoch milliseconds, which is how Segment names its folders."""
        text = self.given[name]
        with suppress(ValueError):
            day = datetime.strptime(f"{text} +0000", "%Y-%m-%d %z")
            if f"{day:%Y-%m-%d}" == text:
                return day.timestamp() * 1000
        raise ValueError(f"{name} must be a day like 2019-02-26, not {text!r}")


def arguments(argv: list[str]) -> Arguments:
    """Read and check the arguments; raise a ValueError before anything is read or written."""
    passed = {word.partition("=")[0] for word in argv}
    names = ["JOB_NAME", *PATHS, *(name for name in OPTIONAL if f"--{name}" in passed)]
    given = OPTIONAL | getResolvedOptions(argv, names)
    given |= {name: given[name].rstrip("/") for name in PATHS}
    args = Arguments(given)
    folders = {name: given[name] for name in PATHS}
    for name, path in folders.items():
        if not re.fullmatch(r"(?s)(\w+://[^/]*)?/.+", path):
            raise ValueError(f"{name} must be a folder like s3://bucket/folder, not {path!r}")
    folders["the staging folder"] = f"{given[OUTPUT]}-staging"
    for name, other in permutations(folders, 2):
        if f"{folders[name]}/".startswith(f"{folders[other]}/"):
            raise ValueError(f"{name} is inside {other}: {folders[name]!r} in {folders[other]!r}")
    if not all(args.supported_events):
        raise ValueError(f"SUPPORTED_EVENTS has an empty name: {given['SUPPORTED_EVENTS']!r}")
    if args.midnight("START_DATE") > args.midnight("END_DATE"):
        raise ValueError(f"START_DATE {given['START_DATE']} is after END_DATE {given['END_DATE']}")
    if not re.fullmatch("[1-9][0-9]{0,8}", rows := given["MAX_ROWS_PER_FILE"]):
        raise ValueError(f"MAX_ROWS_PER_FILE must be a number from 1 to 999999999, not {rows!r}")
    return args


# JSON


def one_json_object(line: str, schema: str) -> Column:
    """The fields of a line's JSON object; null unless the line is exactly one object.

    Spark ignores whatever follows the first object of a line. So one more field is put before the
    line's last brace: only an object that ends there gets it.
    """
    value = sf.col(line)
    whole = sf.when(value.endswith("}"), value)
    whole = whole.otherwise(sf.expr(rf"TRIM(TRAILING ' \t' FROM {line})"))
    without_brace = sf.substring(whole.cast("binary"), sf.lit(1), sf.octet_length(whole) - 1)
    marked = sf.concat(without_brace.cast("string"), sf.lit(',"__end__":true}'))
    marked = sf.when(whole.endswith("}"), marked)
    mark = "__end__ BOOLEAN"
    json = json_object(marked, f"{schema}, {mark}, _corrupt_record STRING")
    # After an error in a field Spark reads on: is that value of another type, or is it not JSON?
    is_json = json["_corrupt_record"].isNull() | json_object(marked, mark)["__end__"].isNotNull()
    is_empty = value.rlike(r"^[ \t]*\{[ \t]*\}[ \t]*\z")
    return sf.when((json["__end__"].isNotNull() & is_json) | is_empty, json)


def json_object(text: Column | str, schema: str) -> Column:
    """Some fields of a JSON object; null if the text is not one."""
    return sf.from_json(text, schema, STRICT_JSON)


def is_blank(line: str) -> Column:
    """Whether there is nothing in a line but blanks."""
    return sf.col(line).rlike(r"^[ \t]*\z")


def is_nested_json(text: Column) -> Column:
    """Whether a text is a JSON object or array."""
    return text.rlike(r"^[{\[]") & sf.isnotnull(sf.get_json_object(text, "$"))


def text_at(path: str, json: Column | str, source: Column | str) -> Column:
    """The field at a path in a parsed object as text; a number in digits.

    Spark reads a number with a fraction or an exponent as a double, and writes 12345678.0 as
    "1.2345678E7". From 2^53 on, different numbers are the same double: they become U+FFFD.

    Args:
        path: the names of the fields, like `properties.sku`.
        json: the parsed object.
        source: the text that it was parsed from, to tell the number 1.2E7 from the text "1.2E7".
    """
    names = path.split(".")
    schema = "DOUBLE"
    for name in reversed(names):
        schema = f"STRUCT<{name}: {schema}>"
    text, number = sf.col(json) if isinstance(json, str) else json, json_object(source, schema)
    for name in names:
        text, number = text[name], number[name]
    decimal = text.try_cast("DECIMAL(38, 18)")
    is_exact = (sf.abs(number) < 2**53) & (decimal.cast("double") == number)
    digits = sf.regexp_replace(decimal.cast("string"), r"\.?0+\z", "")
    digits = sf.coalesce(sf.when(is_exact, digits), sf.lit(UNREADABLE))
    return sf.when(text.rlike(NOT_DIGITS) & number.isNotNull(), digits).otherwise(text)


# One run


class Run:
    """One run of the job: what it reads and where it writes.

    On leaving, whatever happened, the staging folder is deleted.
    """

    def __init__(self, spark: SparkSession, args: Arguments) -> None:
        for name, value in SPARK_SETTINGS.items():
            spark.conf.set(name, value)
        self._spark, self._args = spark, args
        self._started = time.time_ns()
        self._name = f"run-{self._started // 1_000_000}"
        self._input, self._output, self._rejected = (args.given[name] for name in PATHS)
        self._rejected += f"/{self._name}"
        self._staging = f"{self._output}-staging"
        self._path = spark._jvm.org.apache.hadoop.fs.Path
        self._conf = spark._jsparkSession.sessionState().newHadoopConf()
        self._days: list[str] = []
        self._cached: list[DataFrame] = []

    def __enter__(self) -> Self:
        print(self._name, "started")  # this line, the counts and the last line are metrics
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: object, __: TracebackType | None
    ) -> None:
        for records in self._cached:
            records.unpersist()
        self._files(self._output).delete(self._path(self._staging), True)
        if kind is None:
            seconds = (time.time_ns() - self._started) // 1_000_000_000
            print(self._name, f"finished after {seconds} seconds")

    def _files(self, path: str) -> Any:
        """The file system that a path is in."""
        return self._path(path).getFileSystem(self._conf)

    # Reading

    def read(
        self, judge: Callable[[DataFrame, int], DataFrame], count: Callable[[DataFrame], Counts]
    ) -> tuple[DataFrame, Counts]:
        """Judge and count every line.

        Files are searched for damage only when reading has failed, or fewer bytes have come than
        there are: so no error of S3 can pass for a damaged file. Then all is read again.

        Args:
            judge: makes records of lines; gets the latest second that a record may be of.
            count: counts the records; `records_read` is the sum.
        """
        latest = self._started // 1_000_000_000 + DAY_SECONDS
        folders = self._folders()

        def attempt(problems: list[tuple[str, str]]) -> tuple[DataFrame, Counts, bool]:
            lines, has_all = self._lines(folders, problems)
            records = judge(lines, latest).persist(StorageLevel.DISK_ONLY)
            self._cached.append(records)
            counts = count(records)
            return records, counts, bool(problems) or has_all()

        try:
            records, counts, complete = attempt([])
            problems = [] if complete else self._problems(folders)
        except (PySparkException, Py4JJavaError):
            problems = self._problems(folders)
            if not problems:
                raise
        if problems:
            files = len({file for file, _ in problems})
            print(f"Reading again: {files} damaged files are rejected, what can be read is not")
            records, counts, _ = attempt(problems)
        return records, counts

    def _folders(self) -> list[str]:
        """The input folder or, for a range of days, its <source>/<day as epoch ms> folders."""
        if self._args.all_days:
            return [self._input]
        first = self._args.midnight("START_DATE")
        end = self._args.midnight("END_DATE") + 1000 * DAY_SECONDS
        files, day_folders = self._files(self._input), []
        for source in files.listStatus(self._path(self._input)):
            if source.isDirectory() and source.getPath().getName()[0] not in "_.":
                found = (status.getPath() for status in files.listStatus(source.getPath()))
                day_folders += [day for day in found if re.fullmatch("[0-9]+", day.getName())]
        in_range = [day for day in day_folders if first <= int(day.getName()) < end]
        self._days = sorted({_day(day.getName()) for day in day_folders})
        return [str(day) for day in in_range]

    def _lines(
        self, folders: list[str], problems: list[tuple[str, str]]
    ) -> tuple[DataFrame, Callable[[], bool]]:
        """The columns line, file and problem, and whether they have all that is in the files.

        Of a damaged file there is what can be read, and one row for each of its problems.
        """
        schema = "line STRING, file STRING, problem STRING"
        if not folders:
            return self._spark.createDataFrame([], schema), lambda: True
        reader = self._spark.read.options(**READER)
        lines = reader.text(folders)
        files = lines.inputFiles()
        if damaged := {self._of_uri(file).toUri().toString() for file, _ in problems}:
            is_damaged = sf.col("_metadata.file_path").isin(damaged)
            rest = reader.option("ignoreCorruptFiles", "true").text(folders)
            lines = lines.where(~is_damaged).union(rest.where(is_damaged))
        self._spark.conf.set("spark.sql.shuffle.partitions", lines.rdd.getNumPartitions() // 4 + 1)
        lines = lines.select(
            sf.col("value").alias("line"),
            sf.input_file_name().alias("file"),
            sf.lit(None).cast("string").alias("problem"),
        )
        if problems:
            rows = [(None, file, problem) for file, problem in problems]
            return lines.union(self._spark.createDataFrame(rows, schema)), lambda: True
        observed = Observation()
        lines = lines.observe(observed, sf.sum(sf.octet_length("line") + 1).alias("bytes"))
        return lines, lambda: self._has_all(observed, files)

    def _has_all(self, observed: Observation, files: list[str]) -> bool:
        """Whether as many bytes were read as the files have: Hadoop skips a long line silently."""
        with ThreadPoolExecutor(16) as pool:
            there = sum(pool.map(self._size, files))
        for _ in range(10):  # of a second each; there is none where Spark has read nothing
            row = observed._jo.getRowOrEmpty()
            if row.isDefined():
                missing = there - (row.get().get(0) or 0)
                # A file may lack its last line's end, and may begin with the three bytes of a BOM.
                return -len(files) <= missing < MAX_LINE_BYTES - len(files)
        return False

    def _size(self, file: str) -> int:
        """The bytes of a file; of a gzip those of its text, modulo 2^32, if it has one member."""
        path = self._of_uri(file)
        files = path.getFileSystem(self._conf)
        size = files.getFileStatus(path).getLen()
        if not file.endswith(".gz") or size == 0:
            return int(size)
        with closing(files.open(path)) as stream:
            stream.seek(max(size - 4, 0))
            return int.from_bytes(stream.readNBytes(4), "little")

    def _of_uri(self, file: str) -> Any:
        """The path of a file as Spark names it: as a URI, with %20 for a blank."""
        return self._path(self._path(self._spark._jvm.java.net.URI(file)).toString())

    def _problems(self, folders: list[str]) -> list[tuple[str, str]]:
        """Every file's problems, as (file, problem).

        A file is copied to this machine first: what fails in that is S3's error, and is raised.
        """
        files = self._spark.read.options(**READER).text(folders).inputFiles()
        with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(4) as pool:
            names = [(file, Path(folder, str(number))) for number, file in enumerate(files)]
            return [problem for found in pool.map(self._problems_of, names) for problem in found]

    def _problems_of(self, file_and_copy: tuple[str, Path]) -> list[tuple[str, str]]:
        file, copy = file_and_copy
        path, java = self._of_uri(file), self._spark._jvm
        content = path.getFileSystem(self._conf).open(path)
        java.org.apache.hadoop.io.IOUtils.copyBytes(
            content, java.java.io.FileOutputStream(str(copy)), MIB, True
        )
        pieces = _unzipped(copy) if file.endswith(".gz") else _pieces(copy)
        try:
            return [(file, problem) for problem in _problems_in(pieces)]
        finally:
            copy.unlink()

    # Writing

    def write_rejected(self, records: DataFrame, counts: Counts) -> None:
        """Write the rejected records as JSON lines, if there are any."""
        if any(counts["rejected"].values()):
            records.write.options(**NO_SUCCESS_FILE, ignoreNullFields="false").json(self._rejected)

    def report(self, counts: Counts) -> None:
        """Write the counts to accounting.json and to the log.

        Raises:
            ValueError: no record was kept; the message has the counts.
        """
        path = self._path(self._rejected, "accounting.json")
        with closing(self._files(self._rejected).create(path)) as file:
            file.write(json.dumps(counts, indent=2).encode())
        table = _table(counts)
        print(*table, sep="\n")
        print("ACCOUNTING", json.dumps(counts))
        if counts["kept"] == 0:
            raise ValueError("\n  ".join([self._nothing_kept(counts), *table]))

    def _nothing_kept(self, counts: Counts) -> str:
        if counts["records_read"] or self._args.all_days:
            return "No record was kept, so the CSV of the run before stays. The counts:"
        given = self._args.given
        days = f"days from {self._days[0]} to {self._days[-1]}" if self._days else "no day's folder"
        return (
            f"Nothing was read: {self._input!r} has {days}, and the run was for "
            f"{given['START_DATE']} to {given['END_DATE']}. The CSV of the run before stays."
        )

    def write_csv(self, rows: DataFrame, counts: Counts) -> None:
        """Write the CSV beside its place, oldest row first over all files; then move it there."""
        folder, order = f"{self._staging}/{self._name}", ("TIMESTAMP", *rows.columns[:3])
        max_rows = int(self._args.given["MAX_ROWS_PER_FILE"])
        (
            rows.repartitionByRange(math.ceil(counts["rows_written"] / max_rows), *order)
            .sortWithinPartitions(*order)
            .write.options(**CSV, **NO_SUCCESS_FILE, maxRecordsPerFile=max_rows)
            .csv(folder)
        )
        self._publish(folder)

    def _publish(self, staging: str) -> None:
        """Move the files to the output folder, then remove those of earlier runs."""
        files, path = self._files(self._output), self._path
        files.mkdirs(path(self._output))
        # A committer may leave more than its data there: _SUCCESS, or a folder __magic.
        written = [file.getPath() for file in files.listStatus(path(staging))]
        parts = sorted((part for part in written if part.getName().startswith("part-")), key=str)
        moved = False
        try:
            moved = bool(parts) and all(
                files.rename(part, path(self._output, f"{self._name}-part-r-{number:05d}.csv"))
                for number, part in enumerate(parts)
            )
        finally:  # half a CSV is worse than none
            for file in files.listStatus(path(self._output)):
                name = file.getPath().getName()
                is_of_this_run = name.startswith(f"{self._name}-")
                is_superseded = not is_of_this_run if moved else is_of_this_run
                if re.fullmatch(r"run-\d+-part-r-\d+\.csv", name) and is_superseded:
                    files.delete(file.getPath(), False)
        if not moved:
            raise OSError(f"could not move {len(parts)} files from {staging!r} to {self._output!r}")


def _day(milliseconds: str) -> str:
    """The UTC day of a folder's name; the name itself if it is beyond the calendar."""
    with suppress(ValueError, OverflowError, OSError):
        return f"{datetime.fromtimestamp(int(milliseconds) / 1000, UTC):%Y-%m-%d}"
    return milliseconds


def _table(counts: Counts) -> list[str]:
    """The counts, one a line, as the log and an error show them."""
    lines = []
    for name, value in counts.items():
        if name != "other_events":
            reasons = value if isinstance(value, dict) else {"in all": value}
            lines += [f"{name} {number} {reason}" for reason, number in reasons.items()]
    if others := counts["other_events"]:
        most = json.dumps(others)  # a name may have any character: it must not look like a line
        lines.append(f"Most frequent other events, add them by --SUPPORTED_EVENTS: {most}")
    return lines


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as content:
        while piece := content.read(MIB):
            yield piece


def _unzipped(file: Path) -> Iterator[bytes]:
    """The text of a gzip in pieces of a megabyte at most.

    Raises:
        zlib.error, EOFError: it breaks off, or something that is not gzip follows or is inside:
            Hadoop cannot read zeros that fill a file up, which Python's gzip module ignores.
    """
    member = None
    for piece in _pieces(file):
        rest, text = piece, b""
        while rest or len(text) == MIB:  # there may be more text than was asked for
            member = member or zlib.decompressobj(wbits=31)
            yield (text := member.decompress(rest, MIB))
            rest = member.unconsumed_tail
            if member.eof:
                rest, text, member = member.unused_data, b"", None
    if member:
        raise EOFError


def _problems_in(pieces: Iterator[bytes]) -> Iterator[str]:
    """Yield a problem for each line that is too long, and one if the gzip is broken."""
    length = 0
    try:
        for piece in pieces:
            ends = [at for end in b"\n\r" if (at := piece.find(end)) >= 0]
            length += min(ends, default=len(piece))
            if length > MAX_READABLE_BYTES:
                break
            if ends:
                if length + 1 >= MAX_LINE_BYTES:
                    yield TOO_LONG
                length = len(piece) - 1 - max(piece.rfind(b"\n"), piece.rfind(b"\r"))
    except (EOFError, zlib.error):
        yield TRUNCATED
        return
    if length >= MAX_LINE_BYTES:
        yield TOO_LONG
