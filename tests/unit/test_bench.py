"""The benchmark's own arithmetic: what is wrong here would stand in the docs as measured."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench import cost, data, docs, rows
from bench.contestants import DUCKDB, JOB, POLARS, Contestant
from bench.data import Logs
from bench.measure import Measured
from bench.race import Race, Rules
from bench.results import Results, Sample, Section
from bench.tables import Table, gb_per_core_minute, tables
from workshop.errors import WorkshopError

HEADER = "USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP\n"
ABOUT = {
    "date": "2025-06-30",
    "cpu": "a processor",
    "cores": 2,
    "memory_bytes": 8 * 10**9,
    "system": "Linux",
    "versions": {"python": "3.11"},
    "job": "abc",
}
FACTS = {"events": 1000, "files": 3, "raw_bytes": 10**9, "gz_bytes": 10**8}


def folder(path: Path, *files: str) -> Path:
    path.mkdir()
    for number, text in enumerate(files):
        (path / f"part-{number}.csv").write_text(HEADER + text, "utf-8")
    return path


def sample(contestant: str, size: str, seconds: float | None, *, number: int = 1) -> Sample:
    return Sample(size, contestant, "whole", number, seconds, seconds or 60.0, 500 * 10**6)


class TestRows:
    """A difference that is missed would let a wrong contestant win."""

    def test_order_files_and_quotes_do_not_matter(self, tmp_path: Path) -> None:
        one = folder(tmp_path / "one", 'u,"a",e,1\nv,b,e,2\nv,b,e,2\n')
        other = folder(tmp_path / "other", "v,b,e,2\nv,b,e,2\n", "u,a,e,1\n")
        assert rows.digest(one) == rows.digest(other)

    @pytest.mark.parametrize(
        "text",
        ["u,a,e,1\n", "u,a,e,1\nu,a,e,1\nv,b,e,2\n", "u,a,e,1\nv,b,e,3\n", "u,ae,,1\nv,b,e,2\n"],
    )
    def test_a_row_more_less_or_other_does(self, tmp_path: Path, text: str) -> None:
        one = folder(tmp_path / "one", "u,a,e,1\nv,b,e,2\n")
        other = folder(tmp_path / "other", text)
        assert rows.digest(one) != rows.digest(other)
        assert list(rows.differences(one, other))

    def test_the_rows_that_only_one_has_are_named(self, tmp_path: Path) -> None:
        one = folder(tmp_path / "one", "u,a,e,9\nv,b,e,10\nx,c,e,11\n")
        other = folder(tmp_path / "other", "u,a,e,9\n", "x,c,e,11\nv,b,e,12\n")
        assert list(rows.differences(one, other)) == [
            ("-", ("v", "b", "e", "10")),
            ("+", ("v", "b", "e", "12")),
        ]

    def test_another_header_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "x.csv").write_text("user,item\n")
        with pytest.raises(ValueError, match="user,item"):
            rows.digest(tmp_path)


class TestDocs:
    """A number in the documentation must be the one that was measured."""

    TABLE = Table("whole", "Whole", ["", "1 GB"], [["The job", "7.8"]])
    MARKDOWN = "|  | 1 GB |\n| --- | ---: |\n| The job | 7.8 |\n"

    def test_only_what_is_between_the_marks_is_replaced(self, tmp_path: Path) -> None:
        page = tmp_path / "page.md"
        page.write_text("A\n<!-- bench:whole -->\nold\n<!-- /bench -->\nB\n")
        for _ in range(2):
            assert docs.write(page, [self.TABLE]) == ["whole"]
            assert page.read_text() == (
                f"A\n<!-- bench:whole -->\n{self.MARKDOWN}<!-- /bench -->\nB\n"
            )

    @pytest.mark.parametrize(
        ("text", "message"),
        [("no block\n", "no block"), ("<!-- bench:oops -->\n<!-- /bench -->\n", "block oops")],
    )
    def test_a_page_that_cannot_be_filled_is_an_error(
        self, tmp_path: Path, text: str, message: str
    ) -> None:
        page = tmp_path / "page.md"
        page.write_text(text)
        with pytest.raises(WorkshopError, match=message):
            docs.write(page, [self.TABLE])
        assert page.read_text() == text


class TestCost:
    """An organizer would order workers, and money, by it."""

    def test_small_data_takes_the_least_workers_and_a_minute(self) -> None:
        assert cost.estimate(1, 5) == cost.Estimate(2, 1.0, 2 / 60 * 0.308)

    def test_large_data_takes_as_many_workers_as_end_in_time(self) -> None:
        # 10,000 GB at 6 GB a core and minute: 417 minutes of one worker, 42 workers and a driver
        estimate = cost.estimate(10_000, 6)
        assert estimate.workers == 43
        assert estimate.minutes == pytest.approx(10_000 / 24 / 42)
        assert estimate.dollars == pytest.approx(43 * 10_000 / 24 / 42 / 60 * 0.308)

    def test_the_rate_is_of_a_core(self) -> None:
        run = Section(ABOUT, {"1": FACTS}, [sample("job", "1", 30.0)])
        assert gb_per_core_minute(run, "1", "whole") == pytest.approx(1.0)


class TestTables:
    """Whatever was measured, and however little, can be shown."""

    def test_the_median_of_the_rounds_is_shown_and_what_was_over_the_limit_too(self) -> None:
        samples = [sample("job", "1", seconds, number=n) for n, seconds in enumerate([9, 7, 8])]
        samples.append(sample("published", "1", None))
        shown = {
            table.name: table.rows
            for table in tables(Results(Path(), {"run": Section(ABOUT, {"1": FACTS}, samples)}))
        }
        assert shown["whole"] == [["The job", "8.00"], ["Published approach", "over the limit"]]
        assert shown["memory"][0] == ["The job", "500"]


class TestRace:
    """A run of an hour that is interrupted must not be lost, nor a wrong one reported."""

    RULES = Rules(rounds=2, repetitions=3, limit_seconds=100, outputs=Path())
    ENTRIES = tuple((contestant, Logs(Path(), 1, 1, 1, 1)) for contestant in (JOB, DUCKDB, POLARS))

    @pytest.fixture
    def measured(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Let every process take 10 seconds and 1 for each repetition; say who was measured."""
        names: list[str] = []

        def measure(contestant: Contestant, *_: object, repetitions: int, **__: object) -> Measured:
            names.append(contestant.name)
            return Measured(10.0, (3.0,) + (1.0,) * (repetitions - 1), 10**6, finished=True)

        monkeypatch.setattr("bench.race.measure", measure)
        return names

    def race(self, path: Path, rules: Rules = RULES) -> Race:
        results = Results.load(path / "results.json")
        section = results.sections.setdefault("run", Section(ABOUT, {"1": FACTS}))
        return Race(results, section, replace(rules, outputs=path / "outputs"))

    def test_it_goes_on_where_it_was_interrupted(self, tmp_path: Path, measured: list[str]) -> None:
        self.race(tmp_path, replace(self.RULES, rounds=1)).run("1", self.ENTRIES)
        assert measured == ["job", "job", "duckdb", "duckdb", "polars", "polars"]
        resumed = self.race(tmp_path)
        resumed.run("1", self.ENTRIES)
        assert len(measured) == 12
        assert len(self.race(tmp_path).section.samples) == 12
        assert resumed.section.seconds("job", "1", "whole") == 10.0
        assert resumed.section.seconds("job", "1", "steady") == 1.0

    def test_who_would_be_over_the_limit_is_recorded_as_such(
        self, tmp_path: Path, measured: list[str]
    ) -> None:
        race = self.race(tmp_path)
        race.run("1", self.ENTRIES[:1])
        measured.clear()
        race.run("20", self.ENTRIES[:1])
        assert measured == []
        assert [one.seconds for one in race.section.of("job", "20", "whole")] == [None, None]

    @pytest.mark.usefixtures("measured")
    def test_different_rows_are_an_error_that_names_them(self, tmp_path: Path) -> None:
        race = self.race(tmp_path)
        for name in ("job", "duckdb", "polars"):
            (tmp_path / "outputs" / "1" / name).mkdir(parents=True)
        folder(tmp_path / "outputs" / "1" / "duckdb" / "x", "u,a,e,1\n")
        with pytest.raises(WorkshopError, match=r"The job .*DuckDB (.|\n)*\+ u,a,e,1"):
            race.run("1", self.ENTRIES)


def test_regrouped_logs_hold_the_same_events(tmp_path: Path) -> None:
    """Times of few and of many files are compared: both must be the same work."""
    logs = data.logs(tmp_path, "0.001", lambda _: None)
    again = data.regrouped(logs, 7, lambda _: None)
    assert (again.files, again.events, again.raw_bytes) == (7, logs.events, logs.raw_bytes)
    assert logs.raw_bytes == pytest.approx(10**6, rel=0.05)
