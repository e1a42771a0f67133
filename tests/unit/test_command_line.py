"""The options of every command, and how a command fails: a cause, a next step, no traceback."""

import io
import re
import shlex
import sys
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from typer.core import TyperOption

from tests.support import PROJECT
from tests.support.checkout import free_port
from tests.support.printing import COMMAND_LINE, COMMANDS
from tests.support.shell import Shell
from workshop.commands.app import with_port
from workshop.commands.context import OPTIONS, Context

KEY = "AWS_ACCESS_KEY_ID=111122223333 AWS_SECRET_ACCESS_KEY=secret"
OF_AWS = "AWS_ACCESS_KEY_ID=AKIA AWS_SECRET_ACCESS_KEY=secret AWS_CONFIG_FILE=/dev/null"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture
def another_server(httpserver: HTTPServer) -> str:
    """A program that has nothing to do with AWS."""
    httpserver.expect_request(re.compile(".*")).respond_with_data("<html>hello</html>")
    return f"http://127.0.0.1:{httpserver.port}"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--local", "status"], ["--local=4566", "status"]),
        (["status", "--local"], ["status", "--local=4566"]),
        (["status", "--local", "4777"], ["status", "--local=4777"]),
        (["--local=4777", "status"], ["--local=4777", "status"]),
        (["query", "--local", "08"], ["query", "--local=4566", "08"]),
        (["query", "--local", "4777", "08"], ["query", "--local=4777", "08"]),
    ],
)
def test_local_takes_a_port_or_none(words: list[str], expected: list[str]) -> None:
    """Saved queries and ports are both numbers."""
    assert with_port(words) == expected


@pytest.mark.parametrize("after", [False, True])
def test_the_options_stand_before_or_after_the_command(shell: Shell, *, after: bool) -> None:
    """Users of aws, cdk and sam write either."""
    options = ["--local", str(free_port()), "--stack", "Second", "--json"]
    words = ["status", *options] if after else [*options, "status"]
    answer = shell.run(*words, code=1)
    assert answer.json()["error"].endswith(f"does not answer at http://127.0.0.1:{options[1]}.")
    assert answer.json()["next"].endswith(f"make up PORT={options[1]} STACK=Second")


@pytest.mark.parametrize("command", ["status", "verify", "query", "run-job"])
def test_nothing_runs_at_the_endpoint(shell: Shell, command: str) -> None:
    """Somebody opens a new terminal after `make down`."""
    environment = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"}
    error = shell.run(command, code=1, env=environment).stderr
    assert "The embedded AWS does not answer" in error
    assert "make up" in error


@pytest.mark.parametrize("page", ["<html>hello</html>", "<html>hello<br></html>", "hello", ""])
def test_another_server_is_not_the_embedded_aws(
    shell: Shell, httpserver: HTTPServer, page: str
) -> None:
    """What it answers may be XML as AWS's answers are, and what is none was a traceback."""
    httpserver.expect_request(re.compile(".*")).respond_with_data(page)
    environment = dict(setting.split("=") for setting in KEY.split())
    environment["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{httpserver.port}"
    error = shell.run("status", code=1, env=environment).stderr
    assert "is not the embedded AWS" in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("typed", "code", "named"),
    [
        (f"AWS_ENDPOINT_URL=ANOTHER_SERVER {KEY} status", 1, "not the embedded AWS"),
        ("AWS_ENDPOINT_URL=ANOTHER_SERVER status", 1, "does not accept"),
        ("status --profile nope", 1, "nope"),
        (f"{OF_AWS} HTTPS_PROXY=http://127.0.0.1:9 status --region xx-nope-1", 1, "proxy"),
        (f"{OF_AWS} status --region 'not a region'", 1, "not a region"),
        ("status --local --profile x", 1, "--profile"),
        ("status --local 99999", 2, "--local"),
        ("query --limit many", 2, "--limit"),
        ("query --limit 0", 2, "--limit"),
        ("query 02 --all", 1, "--all"),
        ("query 02 --sql 'SELECT 1'", 1, "--sql"),
        ("query --sql 'SELECT 1' --all", 1, "--all"),
        ("query --all --csv", 1, "--csv"),
        ("query --sql ' '", 1, "empty"),
        ("query -f nothing.sql", 1, "nothing.sql cannot be read: No such file or directory"),
        (f"{OF_AWS} fleet check --region eu-west-1 --accounts no.csv", 1, "read: No such file"),
        ("run-job --start-date yesterday", 2, "'yesterday' is not a day like 2019-02-26"),
        ("seed --end 2019-13-01", 2, "'2019-13-01' is not a day like 2019-02-26"),
        ("transform . csv --START_DATE", 1, "--START_DATE has no value"),
        ("transform a b --end-date 2019-02-30", 2, "'2019-02-30' is not a day like 2019-02-26"),
        ("send-events --from 2019-02-30", 2, "'2019-02-30' is not a day like 2019-02-26"),
        ("send-events --from yesterday", 2, "'yesterday' is not a day like 2019-02-26"),
        ("personalize import --day 20190226", 2, "'20190226' is not a day like 2019-02-26"),
        ("run-job --timeout 1h", 2, "--timeout"),
        ("open everything", 2, "everything"),
        (f"{OF_AWS} aws --region us-east-1 s3 ls", 1, "workshop aws"),
        ("nope", 2, "nope"),
        ("status --nope", 2, "--nope"),
    ],
)
def test_an_error_has_a_cause_and_a_next_step(
    shell: Shell, another_server: str, typed: str, code: int, named: str
) -> None:
    """A traceback, or nothing at all for a program that reads JSON, helps nobody."""
    words = shlex.split(typed.replace("ANOTHER_SERVER", another_server))
    settings = [word for word in words if re.match("[A-Z_]+=", word)]
    environment = dict(setting.split("=", 1) for setting in settings)
    answer = shell.run("--json", *words[len(settings) :], code=code, env=environment)
    assert named in answer.json()["error"]
    assert answer.json()["next"]
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://0.0.0.0:4566",
        "http://[::]:4566",
        "http://192.0.2.1:4566",
        "http://127.0.0.1.example.com:4566",
        "http://127.0.0.1@example.com:4566",
        "http://127.0.0.9:4899\\@127.0.0.1:4566",
        "http://127.0.0.1:4566\\@127.0.0.9:4899",
        "http://user:password@127.0.0.1:4566",
        "http://127.0.0.1:4566#@127.0.0.9:4899",
        "http://127.0.0.1:4566/path",
        "http://127.0.0.1:70000",
        "http://127.0.0.1:0",
        "https://127.0.0.1:4566",
        "https://sts.amazonaws.com",
        "http://127.0.0.1:80a",
        "127.0.0.1:4566",
        "localhost:4566",
    ],
)
def test_an_endpoint_is_on_loopback_or_refused(shell: Shell, endpoint: str) -> None:
    """A command for this machine would work on another one."""
    answer = shell.run("--json", "status", code=1, env={"AWS_ENDPOINT_URL": endpoint}).json()
    assert f"{endpoint} is not an endpoint on this machine" in answer["error"]
    assert answer["next"]


def test_a_statement_may_begin_with_a_mark_of_its_bytes_order(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows writes one: Athena would refuse a statement that looks right."""
    mark = "\ufeff \n"
    (shell.folder / "mark.sql").write_text(mark, encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", io.StringIO(mark))
    for words in (("-f", "mark.sql"), ("-",)):
        assert "The statement is empty" in shell.run("query", *words, code=1).stderr
    (shell.folder / "mark.sql").write_bytes(b"\xff\xfe")
    error = shell.run("query", "-f", "mark.sql", code=1).stderr
    assert "mark.sql cannot be read: it is not UTF-8 text" in error


def test_a_port_that_something_else_has_is_no_console(shell: Shell, another_server: str) -> None:
    """The advice would be to open a console that does not run."""
    port = another_server.rpartition(":")[2]
    error = shell.run("console", "--local", free_port(), "--listen", port, code=1).stderr
    assert f"Port {port} is in use" in error
    assert f"Choose another port: --listen {int(port) + 1}" in error
    assert "open console" not in error


@pytest.mark.parametrize("command", ["seed", "run-job", "transform", "personalize import"])
def test_the_help_says_how_a_day_is_written(shell: Shell, command: str) -> None:
    """It would say that it wants a moment."""
    assert "YYYY-MM-DD" in shell.run(*command.split(), "--help").stdout


@pytest.mark.parametrize(
    ("context", "text", "expected"),
    [
        (Context(), "workshop status", "workshop status"),
        (Context(port=4777), "see workshop status", "see workshop --local 4777 status"),
        (Context(port=4777), "make up", "make up PORT=4777"),
        (Context(port=4566), "make up", "make up"),
        (Context(stack="Nope"), "make deploy", "make deploy STACK=Nope"),
        (
            Context(profile="p", region="eu-west-1"),
            "workshop query lists them",
            "workshop --profile p --region eu-west-1 query lists them",
        ),
        (Context(port=4777), "make up PORT=4778", "make up PORT=4778"),
        (Context(port=4777), "the workshop of today", "the workshop of today"),
    ],
)
def test_a_hint_names_the_place_in_use(context: Context, text: str, expected: str) -> None:
    """The next step of an error in one stack must not change another one."""
    assert context.hint(text) == expected


@pytest.mark.parametrize(
    "text", ["", "USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP\nu,i,e,1700000000000\n"]
)
def test_verify_of_a_folder_advises_what_works_there(shell: Shell, text: str) -> None:
    """A run of the job would never write into it; and a rule that holds needs no advice."""
    folder = shell.folder / "csv"
    folder.mkdir()
    if text:
        (folder / "run-1.csv").write_text(text)
    answer = shell.run("verify", folder, code=1)
    assert "Transform the logs again: workshop transform" in answer.stderr
    assert "run-job" not in answer.stdout + answer.stderr
    assert "workshop seed --days" in answer.stdout
    shown = re.findall(r"^(ok|no) (.+?)  .*(\n +Next: .+)?$", answer.stdout, re.MULTILINE)
    assert {"Interactions", "Users with two or more"} <= {
        rule for word, rule, _ in shown if word == "no"
    }
    assert all(bool(advice) == (word == "no") for word, _, advice in shown)


@pytest.mark.parametrize(
    ("output", "named"),
    [
        ("logs", "one in the other"),
        ("logs/csv", "one in the other"),
        (".", "one in the other"),
        ("file/csv", "Not a directory"),
        ("/proc/csv", "/proc"),
    ],
)
def test_transform_says_at_once_where_it_cannot_write(
    shell: Shell, output: str, named: str
) -> None:
    """Spark would start for it, and the advice would be to look at the logs."""
    (shell.folder / "logs").mkdir()
    (shell.folder / "file").touch()
    error = shell.run("transform", "logs", output, code=1).stderr
    assert named in error
    assert "Choose a folder for the CSV" in error
    assert sorted(path.name for path in shell.folder.iterdir()) == ["file", "logs"]


def test_the_page_of_the_command_line_says_what_the_help_says() -> None:
    """A page that lags behind --help sends its readers astray."""
    page = (PROJECT / "docs" / "command-line.md").read_text()
    rows = re.findall(r"^\| `(.+?)` \| (.+) \|$", page, re.MULTILINE)
    commands = [
        (name, (command.help or "").partition("\n")[0].removesuffix("."))
        for name, command in COMMANDS.items()
    ]
    options = [
        (" ".join(filter(None, [option.opts[0], option.metavar])), option.help.removesuffix("."))
        for option in COMMAND_LINE.params
        if isinstance(option, TyperOption) and option.name in OPTIONS and option.help
    ]
    assert rows == [*options, *commands]
