"""What the job stands on: arguments, day folders, damaged files, publishing a CSV safely."""

import json
import math
import re
import time
import zlib
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, permutations
from os.path import normpath
from typing import Any, Self
from uuid import uuid4

from awsglue.context import GlueContext
from awsglue.job import Job
from awsglue.utils import getResolvedOptions
from py4j.protocol import Py4JJavaError
from pyspark import SparkContext, StorageLevel
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, Observation
from pyspark.sql import functions as sf

INPUT, OUTPUT, REJECTED = PATHS = ("S3_JSON_INPUT_PATH", "S3_CSV_OUTPUT_PATH", "S3_REJECTED_PATH")
OPTIONAL = {
    "SUPPORTED_EVENTS": "Product Clicked,Product Added,Order Completed",
    "START_DATE": "1970-01-01",  # the first and the last UTC day
    "END_DATE": "9999-12-31",
    "ITEM_FIELDS": "sku",  # the first that is there, of the event or of each of its products
    "USER_FIELDS": "userId",
    "EVENT_VALUE_FIELD": "",
    "MAX_ROWS_PER_FILE": "10000000",
}
DAYS = ("START_DATE", "END_DATE")
FIELDS, FIELD = ("ITEM_FIELDS", "USER_FIELDS"), "[a-zA-Z][a-zA-Z0-9_]*"
VALID = {
    **dict.fromkeys(PATHS, (r"(?s)(\w+://[^/]*)?/.+", "a folder like s3://bucket/folder")),
    **dict.fromkeys(DAYS, (r"\d{4}-\d\d-\d\d", "a day like 2019-02-26, or yesterday")),
    **dict.fromkeys(FIELDS, (rf"{FIELD}(,{FIELD})*", "names of fields with commas between them")),
    "EVENT_VALUE_FIELD": (rf"({FIELD})?", "the name of a field"),
    "SUPPORTED_EVENTS": (r"(?s)(\s*[^\s,][^,]*(,(?!$)|$))+", "names with commas between them"),
    "MAX_ROWS_PER_FILE": (r"[1-9]\d{0,8}", "1 to 999999999"),
}
UNSPLIT = ("spark.sql.files.maxPartitionBytes", "spark.sql.files.openCostInBytes")
SPARK_SETTINGS = {
    # Gzipped files cannot be split: small partitions spread them over all cores.
    "spark.sql.files.maxPartitionBytes": 8 * 2**20,
    "spark.sql.files.openCostInBytes": 2**20,
    "spark.sql.inMemoryColumnarStorage.compressed": "false",  # records are kept for one run only
    "spark.sql.session.timeZone": "UTC",  # of a timestamp without an offset
}
DAY_SECONDS, MIB = 86_400, 2**20
MAX_LINE_BYTES = 8 * MIB  # a longer line is never held in memory; Segment takes events of 32 KB
# A file's problems are rejected records of their own.
TRUNCATED, TOO_LONG = FILE_PROBLEMS = ("truncated gzip", "line too long")
READER = {
    "recursiveFileLookup": "true",
    "__globPaths__": "false",  # a path is not a pattern: a folder may be named `{a,b}`
    "mapreduce.input.linerecordreader.line.maxlength": str(MAX_LINE_BYTES + 1),  # with \r\n
}
END = f"end_{uuid4().hex}"  # a field that no line has
WITH_END = f',"{END}":true}}'
STRICT_JSON = {"allowSingleQuotes": "false", "allowNonNumericNumbers": "false"}
# How Spark writes a JSON number that Java shows with an exponent, or cannot hold.
NOT_DIGITS = r'^(-?\d\.\d+E-?\d+|"-?Infinity")\z'
UNREADABLE = "\ufffd"
NUMBER = r"^-?\d{1,15}(\.\d{1,15})?\z"
# RFC 4180: a quote is doubled. Spark would also quote a leading "#", its mark of a comment.
CSV = {
    "header": "true",
    "escape": '"',
    "comment": "\x01",
    "ignoreLeadingWhiteSpace": "false",
    "ignoreTrailingWhiteSpace": "false",
}
COLUMNS = ("USER_ID", "ITEM_ID", "EVENT_TYPE", "TIMESTAMP")
NO_SUCCESS_FILE = {"mapreduce.fileoutputcommitter.marksuccessfuljobs": "false"}
Counts = dict[str, Any]


# Arguments


@dataclass(frozen=True)
class Arguments:
    """The arguments, checked; days are epoch milliseconds."""

    given: dict[str, str]
    supported_events: list[str]
    first_day: float
    last_day: float
    user_fields: list[str]
    item_fields: list[str]
    product_fields: list[str]  # item_fields and, if there is one, value_field
    value_field: str

    @property
    def schemas(self) -> dict[str, str]:
        """The fields as Spark has them in a schema."""
        return {name: _strings(getattr(self, name)) for name in ("user_fields", "product_fields")}


def arguments(argv: list[str]) -> Arguments:
    """Read and check the arguments.

    Raises:
        ValueError: one cannot be used.
    """
    passed = {word.partition("=")[0] for word in argv}
    names = ["JOB_NAME", *PATHS, *(name for name in OPTIONAL if f"--{name}" in passed)]
    given = OPTIONAL | getResolvedOptions(argv, names)
    yesterday = f"{datetime.now(UTC) - timedelta(1):%Y-%m-%d}"
    given |= {name: yesterday for name in DAYS if given[name] == "yesterday"}
    given |= {name: given[name].rstrip("/") for name in PATHS}
    given[OUTPUT] = given[OUTPUT].replace("{END_DATE}", given["END_DATE"])
    for name, (pattern, what) in VALID.items():
        if not re.fullmatch(pattern, given[name]):
            raise ValueError(f"{name} must be {what}, not {given[name]!r}")
    folders = {name: given[name] for name in PATHS} | {"staging": f"{given[OUTPUT]}-staging"}
    for name, other in permutations(folders, 2):
        if _place(folders[name]).startswith(_place(folders[other])):
            raise ValueError(f"{name} {folders[name]!r} is inside {other} {folders[other]!r}")
    events = [event.strip() for event in given["SUPPORTED_EVENTS"].split(",")]
    first, last = (_midnight(name, given[name]) for name in DAYS)
    if first > last:
        raise ValueError(f"START_DATE {given['START_DATE']} is after END_DATE {given['END_DATE']}")
    users, items = (given[name].split(",") for name in ("USER_FIELDS", "ITEM_FIELDS"))
    value = given["EVENT_VALUE_FIELD"]
    products = [*items, value] if value else items
    for names in ["messageId", "event", "timestamp", "properties", *users], ["products", *products]:
        if len({name.lower() for name in names}) < len(names):
            raise ValueError(f"a field is there twice: {', '.join(names)}")
    return Arguments(given, events, first, last, users, items, products, value)


def _place(folder: str) -> str:
    """A folder as any other spelling of it: without file:, dots, s3a; it ends with a slash."""
    path = re.sub("^(file://[^/]*|s3[an]?(?=:))", "", folder.lower())
    return normpath(f"//{path}").rstrip("/") + "/"


def _strings(names: list[str]) -> str:
    return ", ".join(f"{name} STRING" for name in names)


def _midnight(name: str, day: str) -> float:
    try:
        return datetime.fromisoformat(f"{day}T00:00+00:00").timestamp() * 1000
    except ValueError as error:
        raise ValueError(f"{name} {day!r}: {error}") from error


# JSON


def one_json_object(line: str, schema: str) -> Column:
    """The fields of a line's JSON object; null unless the line is exactly one object.

    Spark ignores what follows a line's first object. So a field is put before the line's last
    brace: only an object that ends there gets it.
    """
    value = sf.col(line)
    whole = sf.when(value.endswith("}"), value)
    whole = whole.otherwise(sf.expr(rf"TRIM(TRAILING ' \t' FROM {line})"))
    without_brace = sf.substring(whole.cast("binary"), sf.lit(1), sf.octet_length(whole) - 1)
    marked = sf.when(whole.endswith("}"), sf.concat(without_brace.cast("string"), sf.lit(WITH_END)))
    json = json_object(marked, f"{schema}, {END} BOOLEAN, _corrupt_record STRING")
    # After an error in a field Spark reads on: is the value of another type, or not JSON?
    is_json = json["_corrupt_record"].isNull() | _has_end(marked)
    is_empty = value.rlike(r"^[ \t]*\{[ \t]*\}[ \t]*\z")
    return sf.when((json[END].isNotNull() & is_json) | is_empty, json)


def json_object(text: Column | str, schema: str) -> Column:
    """Some fields of a JSON object; null if the text is not one."""
    return sf.from_json(text, schema, STRICT_JSON)


def _has_end(text: Column) -> Column:
    return json_object(text, f"{END} BOOLEAN")[END].isNotNull()


def is_blank(line: str) -> Column:
    """Whether there is nothing in a line but blanks."""
    return sf.col(line).rlike(r"^[ \t]*\z")


def _is_nested_json(text: Column) -> Column:
    """Whether a text is a JSON object or array."""
    is_open = text.startswith("{") | text.startswith("[")
    return is_open & _has_end(sf.concat(sf.lit('{"":'), text, sf.lit(WITH_END)))


def text_at(path: str, json: Column | str = "json", source: Column | str = "line") -> Column:
    """The field at a path like `properties.sku` as text, without blanks around it.

    Null if it is empty, a JSON object or an array. A number is in digits: Spark writes 12345678.0
    as "1.2345678E7"; its source tells it from a text like that. From 2^53 on, different numbers are
    one double: they become U+FFFD.
    """
    names, schema = path.split("."), "DOUBLE"
    for name in reversed(names):
        schema = f"STRUCT<{name}: {schema}>"
    text, number = sf.col(json) if isinstance(json, str) else json, json_object(source, schema)
    for name in names:
        text, number = text[name], number[name]
    decimal = text.try_cast("DECIMAL(38, 18)")
    is_exact = (sf.abs(number) < 2**53) & (decimal.cast("double") == number)
    digits = sf.when(is_exact, sf.regexp_replace(decimal.cast("string"), r"\.?0+\z", ""))
    is_number, trimmed = text.rlike(NOT_DIGITS) & number.isNotNull(), sf.trim(text)
    in_digits = sf.when(is_number, sf.coalesce(digits, sf.lit(UNREADABLE)))
    return in_digits.when((trimmed != "") & ~_is_nested_json(trimmed), trimmed)


def texts_at(
    at: str, names: list[str], json: Column | str = "json", source: Column | str = "line"
) -> Column:
    """`text_at` of some fields."""
    return sf.struct(*(text_at(f"{at}{name}", json, source).alias(name) for name in names))


def texts_of_each(array: str, names: list[str]) -> Column:
    """`texts_at` of each object in an array of JSON texts."""

    def parsed(text: Column) -> Column:
        return sf.struct(text.alias("source"), json_object(text, _strings(names)).alias("json"))

    objects = sf.transform(f"json.{array}", parsed)
    return sf.transform(objects, lambda each: texts_at("", names, each["json"], each["source"]))


def number(name: str, *places: Column) -> Column:
    """The first text that a field has anywhere, if it is a decimal number; null otherwise."""
    texts = (fields[name] for fields in places if name)
    text = sf.coalesce(*texts, sf.lit(None).cast("string"))
    return sf.when(text.rlike(NUMBER), text)


def most_frequent(records: DataFrame, column: str) -> dict[str, int]:
    """The ten most frequent values, most first, with their `records`; each value has one row."""
    rows = records.where(sf.isnotnull(column)).select(column, "records")
    return dict(rows.orderBy(sf.desc("records"), column).limit(10).collect())


# One run


class Run:
    """One run of the job."""

    def __init__(self, args: Arguments) -> None:
        glue = GlueContext(SparkContext.getOrCreate())
        self._args, self._job, self._spark = args, Job(glue), (spark := glue.spark_session)
        self._job.init(args.given["JOB_NAME"], args.given)
        for name, value in SPARK_SETTINGS.items():
            spark.conf.set(name, value)
        self._started = time.time_ns()
        self._name = f"run-{self._started // 1_000_000}"
        self._input, self._output, rejected = (args.given[name] for name in PATHS)
        self._rejected = f"{rejected}/{self._name}"
        self._staging = f"{self._output}-staging"
        self._path = spark._jvm.org.apache.hadoop.fs.Path
        self._conf = spark._jsparkSession.sessionState().newHadoopConf()
        self._has_range = any(args.given[name] != OPTIONAL[name] for name in DAYS)
        self._days: list[str] = []

    def __enter__(self) -> Self:
        print(self._name, "started")  # this line, the counts and the last line are metrics
        return self

    def __exit__(self, error: object, *_: object) -> None:
        self._spark.catalog.clearCache()
        self._files(self._output).delete(self._path(self._staging), True)
        if not error:
            seconds = (time.time_ns() - self._started) // 1_000_000_000
            print(self._name, f"finished after {seconds} seconds")
            self._job.commit()

    def _files(self, path: str) -> Any:
        """A path's file system."""
        return self._path(path).getFileSystem(self._conf)

    def read(
        self, judge: Callable[[DataFrame, int], DataFrame], count: Callable[[DataFrame], Counts]
    ) -> tuple[DataFrame, Counts]:
        """Judge and count every line; `judge` gets the latest second that a record may be of.

        Damaged files are looked for when reading has failed or bytes are missing, and then all is
        read again: no error of S3 can pass for a damaged file.
        """
        folders = self._folders()
        lines = self._lines(folders, [])
        files = lines.inputFiles()
        sizes = ThreadPoolExecutor(16).map(self._size, files)  # asked for while Spark reads
        observed, octets = Observation(), sf.sum(sf.octet_length("line") + 1).alias("octets")

        def attempt(lines: DataFrame) -> tuple[DataFrame, Counts]:
            self._spark.catalog.clearCache()
            latest = self._started // 1_000_000_000 + DAY_SECONDS
            records = judge(lines, latest).persist(StorageLevel.DISK_ONLY)
            return records, count(records)

        try:
            result = attempt(lines.observe(observed, octets))
            problems = [] if self._is_complete(list(sizes), observed) else self._problems(files)
        except (PySparkException, Py4JJavaError):
            problems = self._problems(files)
            if not problems:
                raise
        if problems:
            print("Reading again: damaged files,", len({file for file, _ in problems}))
            for name in UNSPLIT:  # Hadoop passes a long line where it ends or its split does
                self._spark.conf.set(name, 2**40)
            result = attempt(self._lines(folders, problems))
        return result

    def _folders(self) -> list[str]:
        """The input folder or, for a range of days, its <source>/<day> folders."""
        if not self._has_range:
            return [self._input]
        files, days = self._files(self._input), []
        for source in files.listStatus(self._path(self._input)):
            if source.isDirectory() and source.getPath().getName()[0] not in "_.":
                found = [day.getPath() for day in files.listStatus(source.getPath())]
                days += [day for day in found if re.fullmatch("[0-9]{13}", day.getName())]
        self._days = sorted(_day(int(day.getName())) for day in days)
        first, end = self._args.first_day, self._args.last_day + 1000 * DAY_SECONDS
        return [str(day) for day in days if first <= int(day.getName()) < end]

    def _lines(self, folders: list[str], problems: list[tuple[str, str]]) -> DataFrame:
        """The columns line, file and problem: all lines that can be read, and all problems."""
        schema = "line STRING, file STRING, problem STRING"
        rows = [(None, file, problem) for file, problem in problems]
        if not folders:
            return self._spark.createDataFrame(rows, schema)
        reader = self._spark.read.options(**READER)
        lines = reader.text(folders)
        if rows:
            damaged = {self._path_of(file).toUri().toString() for file, _ in problems}
            is_damaged = sf.col("_metadata.file_path").isin(damaged)
            rest = reader.option("ignoreCorruptFiles", "true").text(folders)
            lines = lines.where(~is_damaged).union(rest.where(is_damaged))
        self._spark.conf.set("spark.sql.shuffle.partitions", lines.rdd.getNumPartitions() // 4 + 1)
        lines = lines.where(sf.octet_length("value") + 1 < MAX_LINE_BYTES)
        columns = (sf.col("value"), sf.input_file_name(), sf.lit(None).cast("string"))
        lines = lines.select(*columns).toDF("line", "file", "problem")
        return lines.union(self._spark.createDataFrame(rows, schema)) if rows else lines

    def _is_complete(self, sizes: list[int], observed: Observation) -> bool:
        """Whether every line was read: Hadoop skips one that is too long silently."""
        row = observed._jo.getRowOrEmpty()  # waits for a tenth of a second
        read = row.get().get(0) if row.isDefined() and row.get().length() else None
        missing = sum(sizes) - (read or 0)
        return -len(sizes) <= missing < MAX_LINE_BYTES - len(sizes)  # a last line may lack its end

    def _size(self, file: str) -> int:
        """The bytes of a file; of a gzip with one member those of its text, modulo 2^32."""
        stream, size = self._open(file)
        with closing(stream):
            if file.lower().endswith(".gz") and size:
                stream.seek(max(size - 4, 0))
                size = int.from_bytes(stream.readNBytes(4), "little")
        return size

    def _problems(self, files: list[str]) -> list[tuple[str, str]]:
        """Read each file to its end; what goes wrong in that is S3's error, and raised."""

        def problems_of(file: str) -> list[tuple[str, str]]:
            with closing(self._open(file)[0]) as stream:
                pieces = iter(lambda: bytes(stream.readNBytes(MIB)), b"")
                text = _unzipped(pieces) if file.lower().endswith(".gz") else pieces
                return [(file, problem) for problem in _problems_in(text)]

        with ThreadPoolExecutor(8) as pool:
            return [problem for found in pool.map(problems_of, files) for problem in found]

    def _open(self, file: str) -> tuple[Any, int]:
        path = self._path_of(file)
        files = path.getFileSystem(self._conf)
        return files.open(path), files.getFileStatus(path).getLen()

    def _path_of(self, file: str) -> Any:
        """The path of a file as Spark names it: a URI, with %20 for a blank."""
        return self._path(self._path(self._spark._jvm.java.net.URI(file)).toString())

    def write_rejected(self, records: DataFrame, counts: Counts) -> None:
        """Write the rejected records as JSON lines, if there are any."""
        if any(counts["rejected"].values()):
            records.write.options(**NO_SUCCESS_FILE, ignoreNullFields="false").json(self._rejected)

    def report(self, counts: Counts) -> None:
        """Write the counts to accounting.json and to the log; fail if no record was kept."""
        path = self._path(self._rejected, "accounting.json")
        with closing(self._files(self._rejected).create(path)) as file:
            file.write(json.dumps(counts, indent=2).encode())
        table = as_table(counts)
        print(*table, sep="\n")
        print("ACCOUNTING", json.dumps(counts))
        if counts["kept"] == 0:
            reason = "No record was kept" if counts["records_read"] else self._nothing_read()
            raise ValueError("\n  ".join([f"{reason}. The CSV of the run before stays.", *table]))

    def _nothing_read(self) -> str:
        if not self._has_range:
            return f"There is nothing to read in {self._input!r}"
        days = f"days from {self._days[0]} to {self._days[-1]}" if self._days else "no day's folder"
        run = " to ".join(self._args.given[name] for name in DAYS)
        return f"Nothing was read: the run is for {run}, {self._input!r} has {days}"

    def write_csv(self, rows: DataFrame, counts: Counts) -> None:
        """Write the CSV beside its place, oldest row first over all files; then move it there."""
        rows = rows.select(*COLUMNS, *(["EVENT_VALUE"] if self._args.value_field else []))
        folder, order = f"{self._staging}/{self._name}", ("TIMESTAMP", *rows.columns)
        max_rows = int(self._args.given["MAX_ROWS_PER_FILE"])
        (
            rows.repartitionByRange(math.ceil(counts["rows_written"] / max_rows), *order)
            .sortWithinPartitions(*order)
            .write.options(**CSV, **NO_SUCCESS_FILE, maxRecordsPerFile=max_rows)
            .csv(folder)
        )
        self.publish(folder)

    def publish(self, staging: str) -> None:
        """Move the files to the output folder, then remove those of earlier runs."""
        files, path = self._files(self._output), self._path
        output = path(self._output)
        # S3 has no folders: one made there is an empty object beside the CSV.
        if not files.hasPathCapability(output, "fs.capability.etags.available"):
            files.mkdirs(output)
        # A committer may leave more than data there: _SUCCESS, __magic.
        written = [file.getPath() for file in files.listStatus(path(staging))]
        parts = sorted((part for part in written if part.getName().startswith("part-")), key=str)
        moved = False
        try:
            moved = bool(parts) and all(
                files.rename(part, path(self._output, f"{self._name}-part-r-{number:05d}.csv"))
                for number, part in enumerate(parts)
            )
        finally:
            for file in files.listStatus(output) if files.exists(output) else ():
                name = file.getPath().getName()
                is_of_this_run = name.startswith(f"{self._name}-")
                is_obsolete = not is_of_this_run if moved else is_of_this_run  # half a CSV is none
                if re.fullmatch(r"run-\d+-part-r-\d+\.csv", name) and is_obsolete:
                    files.delete(file.getPath(), False)
        if not moved:
            raise OSError(f"could not move {len(parts)} files to {self._output!r}")


def _day(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d}"


def as_table(counts: Counts) -> list[str]:
    """The counts, one a line."""
    lines = []
    for name, value in counts.items():
        reasons = value if isinstance(value, dict) else {"in all": value}
        if reasons and name == "other_events":  # as JSON no name can look like a line of its own
            hint = f"most frequent; add them by --SUPPORTED_EVENTS: {json.dumps(value)}"
            reasons = {hint: len(reasons)}
        lines += [f"{name} {number} {reason}" for reason, number in reasons.items()]
    return lines


def _unzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The text of a gzip in pieces of a megabyte at most.

    Raises:
        zlib.error, EOFError: it breaks off, or has zeros or something else between its members,
            which Hadoop cannot read.
    """
    member = None
    for piece in pieces:
        rest, text = piece, b""
        while rest or len(text) == MIB:  # there may be more text than was asked for
            member = member or zlib.decompressobj(wbits=31)
            yield (text := member.decompress(rest, MIB))
            rest = member.unconsumed_tail
            if member.eof:
                rest, text, member = member.unused_data, b"", None
    if member:
        raise EOFError


def _problems_in(pieces: Iterable[bytes]) -> Iterator[str]:
    """Yield a problem for each line that is too long, and one if the gzip breaks off."""
    length, pieces = 0, chain(pieces, [b"\n"])  # the end of the last line
    try:
        for piece in (each.removeprefix(BOM_UTF8).replace(b"\r", b"\n") for each in pieces):
            first, end, _ = piece.partition(b"\n")
            length += len(first)
            if end:
                if length + 1 >= MAX_LINE_BYTES:
                    yield TOO_LONG
                length = len(piece) - 1 - piece.rfind(b"\n")
    except (EOFError, zlib.error):
        yield TRUNCATED
