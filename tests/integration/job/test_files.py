"""What the job reads: files of every kind, damaged ones, long lines, days and odd names."""

import gzip
from collections import Counter
from datetime import date

import psutil
import pytest

from tests.support.live_job import DAY, Folders, LiveJob
from tests.support.records import NEXT_DAY, THIRD_DAY, check, event, left, lines
from tests.support.reference import REJECTED


def test_files_of_every_kind(live_job: LiveJob, folders: Folders) -> None:
    """A file that Segment, a copy or an editor wrote in its own way would be lost or misread."""
    bom = b"\xef\xbb\xbf"
    folders.put(f"{DAY}/crlf.json", lines(event("1"), event("2")).replace("\n", "\r\n"))
    folders.put(f"{DAY}/cr.txt", lines(event("3"), event("4")).replace("\n", "\r"))
    folders.put(f"{DAY}/bom.gz", bom + event("5").encode() + b"\n" + event("6").encode())
    folders.put(f"{DAY}/blank.gz", f"\n\r\n  \n\t\n{event('7')}\n\n \t \n", "\n\n")
    folders.put(f"{DAY}/empty.json", "")
    folders.put(f"{DAY}/empty.gz", "")
    (folders.source / DAY / "no-bytes.gz").touch()
    folders.put(f"{DAY}/only-blank.gz", " \n\n\t")
    folders.put(f"{DAY}/members.gz", event("8")[:40], event("8")[40:] + "\n", "", event("9"))
    folders.put(f"{DAY}/deeper/and/deeper/plain", event("10"))
    folders.put("not-a-source.json", event("11"))
    folders.put("ios prod/ü %41+,=.gz", event("12"), "x")
    folders.put(f"{DAY}/copy.GZ", event("13"))
    folders.put(f"{DAY}/copy.Gz", event("14") + "\n").write_bytes(gzip.compress(b"")[:-4])
    for name in ("_SUCCESS", ".a.gz.crc", "_temporary/a.gz", ".git/a.json"):
        folders.put(f"{DAY}/{name}", event(f"hidden {name}"))
    expected = check(live_job, folders)
    assert expected.accounting["kept"] == 12
    assert expected.accounting["rejected"]["not JSON"] == 1
    assert expected.accounting["rejected"]["truncated gzip"] == 1


def test_lines_of_a_megabyte(live_job: LiveJob, folders: Folders) -> None:
    """One event with a large property would stop the job, or be cut."""
    folders.put(
        f"{DAY}/long.gz",
        lines(
            event("1", context={"text": "x" * 2**20}),
            event("2", properties={"products": [{"sku": f"{n}"} for n in range(20_000)]}),
            event("3", userId="x" * 2**20),
            "y" * 2**20,
            event("4"),
        ),
    )
    assert check(live_job, folders).accounting["kept"] == 3


@pytest.mark.slow
def test_a_large_file_is_split_and_read_once(live_job: LiveJob, folders: Folders) -> None:
    """Lines could be lost or doubled at a split, or the counts cost a second scan."""
    text = "x" * 1000
    records = (
        event(f"{n}", event="Product Clicked" if n % 50 == 0 else "Page", context={"text": text})
        for n in range(20_000)
    )
    size = folders.put(f"{DAY}/large.json", lines(*records)).stat().st_size
    assert size > 2 * 8 * 2**20

    def bytes_read() -> int:
        processes = psutil.Process().children(recursive=True)
        spark = [process for process in processes if process.name() == "java"]
        return sum(process.io_counters().read_chars for process in spark)

    check(live_job, folders)  # Java has read its classes then
    before = bytes_read()
    check(live_job, folders)
    assert size < bytes_read() - before < 1.5 * size


@pytest.mark.slow
def test_damaged_gzip_files_cost_no_more_than_their_rest(
    live_job: LiveJob, folders: Folders
) -> None:
    """One broken upload would stop the job, or its loss go unnoticed."""
    names = ("cut", "header", "trailer", "corrupt", "garbage", "plain")
    texts = [lines(*(event(f"{name} {n}", userId=name) for n in range(2000))) for name in names]
    wholes = [gzip.compress(text.encode()) for text in texts]
    middle = len(wholes[0]) // 2
    damaged = {
        "cut": wholes[0][:middle],
        "header": wholes[1][:5],
        "trailer": wholes[2][:-4],
        "corrupt": wholes[3][:middle] + bytes(200) + wholes[3][middle + 200 :],
        "garbage": wholes[4] + b"no gzip member",
        "plain": texts[5].encode(),
    }
    for name, content in damaged.items():
        folders.put(f"{DAY}/{name}.gz").write_bytes(content)
    folders.put(f"{NEXT_DAY}/good.gz", lines(*(event(f"{n}", userId="good") for n in range(10))))
    assert live_job.run(folders).error == ""
    counts, rejected = folders.accounting(), folders.rejected_records()
    files = [folders.source / DAY / f"{name}.gz" for name in damaged]
    broken = [record for record in rejected if record[0] == "truncated gzip"]
    assert broken == sorted(("truncated gzip", file, None) for file in files)
    # Corrupt data may be read for a while before that is noticed.
    partial = [file for _, file, text in rejected if text is not None and file != files[3]]
    assert len(partial) == len(set(partial)) <= len(files)
    kept = Counter(line.split(",")[0] for line in folders.csv_lines())
    assert kept["trailer"] == kept["garbage"] == 2000
    assert 500 < kept["cut"] < 2000
    assert (kept["header"], kept["good"]) == (0, 10)
    other = sum(counts["filtered"].values()) + counts["duplicates"]
    assert counts["records_read"] == counts["kept"] + other + len(rejected)


@pytest.mark.slow
def test_zeros_in_a_gzip_cost_no_more_than_what_follows_them(
    live_job: LiveJob, folders: Folders
) -> None:
    """Tape, block devices and some tools fill files up with zeros; the run goes on."""
    good = gzip.compress(lines(event("good")).encode())
    for number, zeros in enumerate((1, 2, 7, 512, 70_000)):
        first, second = (
            gzip.compress(lines(event(f"{number} {which}")).encode()) for which in "ab"
        )
        folders.put(f"{DAY}/after{number}.gz").write_bytes(first + bytes(zeros))
        folders.put(f"{NEXT_DAY}/between{number}.gz").write_bytes(second + bytes(zeros) + good)
    folders.put(f"{THIRD_DAY}/before.gz").write_bytes(bytes(9) + good)
    folders.put(f"{THIRD_DAY}/good.gz").write_bytes(good)
    expected = check(live_job, folders)
    assert expected.accounting["kept"] == 11
    assert expected.accounting["rejected"]["truncated gzip"] == 11


LIMIT = 8 * 2**20  # bytes of a line that are held in memory


def test_a_line_too_long_to_hold_is_rejected_and_the_run_goes_on(
    live_job: LiveJob, folders: Folders
) -> None:
    """Hadoop skips such a line without a word: it would be lost and not be counted."""
    long = event("long", context={"text": "x" * LIMIT})
    whole = event("whole", context={"text": "x" * (LIMIT - 1000)})
    folders.put(f"{DAY}/in-the-middle.gz", lines(event("1"), long, event("2"), long, event("3")))
    folders.put(f"{DAY}/at-the-end.json", lines(event("4"), whole) + long)
    folders.put(f"{NEXT_DAY}/alone.gz", long)
    folders.put(f"{NEXT_DAY}/good.gz", lines(event("5")))
    cut = folders.put(f"{THIRD_DAY}/cut.gz", lines(event("6"), long, event("7")) + "x" * 999)
    cut.write_bytes(cut.read_bytes()[:-8])
    expected = check(live_job, folders)
    assert expected.accounting["kept"] == 8
    assert expected.accounting["rejected"] == dict.fromkeys(REJECTED, 0) | {
        "line too long": 5,
        "truncated gzip": 1,
    }


@pytest.mark.slow
def test_a_line_is_too_long_by_its_own_bytes(live_job: LiveJob, folders: Folders) -> None:
    """Hadoop counts CRLF as two bytes and no BOM: a line would be lost, or be counted twice."""

    def of(size: int) -> str:
        return event(f"{size}", context={"text": "x" * (size - 400)}).ljust(size)

    for name, start, end in (
        ("lf.json", "", "\n"),
        ("bom.json", "\ufeff", "\n"),
        ("crlf.gz", "", "\r\n"),
        ("bom-crlf.gz", "\ufeff", "\r\n"),
    ):
        folders.put(f"{DAY}/{name}", start + of(LIMIT - 2) + end + of(LIMIT - 1))
    expected = check(live_job, folders)
    assert expected.accounting["rejected"]["line too long"] == 4
    assert expected.accounting["records_read"] == 4 * 2


@pytest.mark.slow
def test_a_line_of_gigabytes_does_not_stop_the_run(live_job: LiveJob, folders: Folders) -> None:
    """A gzip of 1.2 MB that anybody may write into the logs has stopped every run of the job."""
    bomb = folders.put(f"{DAY}/bomb.gz")
    with gzip.open(bomb, "wb", compresslevel=1) as file:
        for _ in range(1200):
            file.write(b"x" * 2**20)
    folders.put(f"{DAY}/good.gz", event("good"))
    outcome = live_job.run(folders)
    assert outcome.error == ""
    assert folders.rejected_records() == [("line too long", bomb, None)]
    assert folders.accounting()["kept"] == 1


def test_lines_that_end_in_other_ways_are_not_missing(live_job: LiveJob, folders: Folders) -> None:
    """Bytes outside of any line must not make the job look for damage or reject anything."""
    records = [event(f"{n}") for n in range(50)]
    folders.put(f"{DAY}/crlf.gz", "\ufeff" + "\r\n".join(records))
    folders.put(f"{DAY}/blank.json", "\n\n\n".join(records))
    assert check(live_job, folders).accounting["records_read"] == 100


def test_the_day_folders_in_range(live_job: LiveJob, folders: Folders) -> None:
    """A daily run would read all that there ever was, or miss a day."""
    noon = "web/1466596800000"  # not Segment's, but a moment of the second day
    folders.put(f"{noon}/a.gz", event("noon", userId="noon of day 1"))
    for number, day in enumerate((DAY, NEXT_DAY, THIRD_DAY)):
        folders.put(f"{day}/a.gz", event(f"{number}", userId=f"day {number}"))
        folders.put(f"{day}/deeper/b.json", event(f"deeper {number}", userId=f"day {number}"))
    for name in ("a.json", "website-prod/b.gz", "website-prod/x/c.gz", "_hidden/1466553600000/a"):
        folders.put(name, event(name))
    first, second = date(2016, 6, 21), date(2016, 6, 22)
    days = {}
    for start, end in ((second, second), (second, None), (None, first)):
        expected = check(live_job, folders, START_DATE=start, END_DATE=end)
        days[start, end] = "".join(sorted({user[-1] for _, user, _, _ in expected.rows}))
    assert list(days.values()) == ["1", "12", "0"]


def test_days_without_a_folder_are_a_run_without_a_record(
    live_job: LiveJob, folders: Folders
) -> None:
    """A day on which nothing was sent would look like a broken job."""
    folders.put(f"{DAY}/a.gz", event("1"))
    outcome = live_job.run(folders, START_DATE="2017-01-01")
    assert outcome.error.startswith("ValueError: ")
    assert folders.accounting()["records_read"] == 0


def test_a_run_that_reads_nothing_says_which_days_there_are(
    live_job: LiveJob, folders: Folders
) -> None:
    """A typing error in a date is found without a look into the bucket."""
    for day in (DAY, NEXT_DAY, THIRD_DAY):
        folders.put(f"{day}/a.gz", event("1"))
    error = live_job.run(folders, START_DATE="2017-01-01").error
    assert "2017-01-01 to 9999-12-31" in error
    assert "days from 2016-06-21 to 2016-06-23" in error
    source = folders.source / "website-prod"  # one folder too deep
    error = live_job.run(folders, S3_JSON_INPUT_PATH=source, START_DATE="2017-01-01").error
    assert "no day's folder" in error


# What a folder's name may have, and Hadoop, Spark, a URI or a glob reads as something else.
ODD = (
    " größe 日本 (b) [c] {d,e} *? +,@&=' 100% %20 %41 a#b a:b "
    'back\\slash mar"ks $HOME ~ ! new\nline [!a] tab\there a;b|c<d> '
)


def test_a_folder_may_have_any_name(live_job: LiveJob, folders: Folders) -> None:
    """The job reads, writes and rejects in the folders that it is given, and in no others."""
    odd = Folders(folders.base / ODD)
    odd.put(f"{DAY}/a.gz", event("1"), "\n{\n")
    odd.put(f"{ODD}/1466467200000/b.json", event("2"))
    odd.put(f"{ODD}/1466553600000/{ODD}.json", event("3"))
    for options, kept in (
        ({}, 3),
        ({"START_DATE": date(2016, 6, 21), "END_DATE": date(2016, 6, 21)}, 2),
    ):
        expected = check(live_job, odd, **options)
        assert expected.accounting["kept"] == kept
        assert [path.name for path in folders.base.iterdir()] == [ODD]
        assert left(odd) == ["rejected", "segment-logs", "transformed"]


def test_names_that_are_found_are_paths_and_not_patterns(
    live_job: LiveJob, folders: Folders
) -> None:
    """A source `a*` is not read instead of, or in addition to, those that it would match."""
    for source in ("a*", "ab", "shop {eu,us}", "shop eu", "web [prod]", "web p"):
        folders.put(f"{source}/1466467200000/1.gz", event(source, userId=source))
    expected = check(live_job, folders, START_DATE=date(2016, 6, 21))
    assert expected.accounting["kept"] == expected.accounting["records_read"] == 6
