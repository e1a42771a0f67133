"""The package for AWS Workshop Studio: in its shape, true to the template, reproducible."""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import jsonschema
import pytest
import yaml

from release import event_package
from release.event_template import body
from stacks.bucket_contents.construct import GENERATOR
from stacks.config import WorkshopConfig
from stacks.etl import HELPER
from tests.support import PROJECT, ran
from tests.support.guide import blocks
from tests.support.templates import REGIONS, event_template, resolved

SCHEMA = Path(__file__).parent / "contentspec.schema.json"
TEMPLATE_NAME = "segment-personalize-workshop.template.json"
# What the guide names and the template does not.
ELSEWHERE = {
    ". .venv/bin/activate",  # what every terminal needs once
    "!= 1",  # what the reader writes into the script
    "--host events.eu1.segmentapis.com",  # an option of `workshop send-events`
    "--local",  # an option of every command
    "--local 4600",  # the same, with a port
    "1769817600000",  # a day, as Segment's folders are named
    "<write key>",  # the reader's own
    "BucketSuffix cannot change",  # what the Lambda says
    "MyJob",  # the reader's own
    "arguments.json",  # the reader's own file
    "dataLocation",  # an argument of Personalize's
    "describe",  # the first word of several commands
    "glue_scripts/segment_events_to_csv.py",  # a file of the repository
    "2026-03-01T12:00:00.000Z",  # a timestamp, as an example
    "DROP DATABASE default",  # what undoes a saved query
    "OperationAborted",  # what S3 answers while a bucket's name is not free yet
    "interactions.json",  # the reader's own file
    "personas-events-source",  # a source that the sample data has nothing of
    "primary",  # the workgroup that every account has
    "rejected/run-<number>/accounting.json",  # what a run of the job writes
    "retainData",  # a choice of the CDK context
    '{"success": true}',  # what Segment's HTTP API answers
}
# What a managed policy may have, without white space. Source: the quotas of the IAM User Guide.
POLICY_CHARACTERS = 6_144
# Who commits, whatever the machine's settings say.
GIT = os.environ | {
    **{f"GIT_{role}_NAME": "organizer" for role in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{role}_EMAIL": "organizer@example.com" for role in ("AUTHOR", "COMMITTER")},
    "GIT_CONFIG_GLOBAL": os.devnull,
}


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return event_template()


def without_parameters(template: dict[str, Any]) -> dict[str, Any]:
    """What an account gets without parameters, by the names of the guide."""
    names = {
        "AWS::AccountId": "<account id>",
        "AWS::Region": "<region>",
        "DataBucket": "personalize-data-<account id>",
        "ExistingLogs": "s3://<bucket>/<folder>",  # a function takes it apart
    }
    conditions = dict.fromkeys(template["Conditions"], False)
    return dict(resolved(template, lambda name: names.get(name, name), conditions))


@pytest.fixture(scope="module")
def package(template: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder; the zip is beside it."""
    folder = tmp_path_factory.mktemp("package")
    (folder / TEMPLATE_NAME).write_bytes(body(template))
    event_package.main(folder / TEMPLATE_NAME, folder / "workshop-studio")
    return folder / "workshop-studio"


@pytest.fixture(scope="module")
def contentspec(package: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((package / "contentspec.yaml").read_text())
    return found


@pytest.fixture(scope="module")
def pages(package: Path) -> dict[str, str]:
    """The guide's pages by their folder; the overview's is ""."""
    return {
        "" if page.parent.name == "content" else page.parent.name: page.read_text()
        for page in sorted((package / "content").rglob("*"))
        if page.is_file()
    }


def test_the_contentspec_has_the_documented_shape(contentspec: dict[str, Any]) -> None:
    """Workshop Studio would refuse the content, after the push and not before."""
    jsonschema.validate(contentspec, json.loads(SCHEMA.read_text()))


def test_the_contentspec_names_what_is_there(
    contentspec: dict[str, Any], package: Path, template: dict[str, Any]
) -> None:
    """A build would fail for a missing file, or participants see no outputs."""
    (described,) = contentspec["infrastructure"]["cloudformationTemplates"]
    policies = contentspec["awsAccountConfig"]["participantRole"]["iamPolicies"]
    assert all((package / file).is_file() for file in (described["templateLocation"], *policies))
    assert set(described["participantVisibleStackOutputs"]) <= template["Outputs"].keys()
    regions = contentspec["awsAccountConfig"]["regionConfiguration"]["deployableRegions"]
    assert sorted(region for kind in regions.values() for region in kind) == sorted(REGIONS)


def test_the_zip_holds_the_folder(package: Path, tmp_path: Path) -> None:
    """Whoever uploads the zip must have the workshop of those who push the folder."""
    with ZipFile(package.with_suffix(".zip")) as archive:
        archive.extractall(tmp_path)
    assert contents(tmp_path) == contents(package)
    assert {path.parts[0] for path in contents(package)} == {
        *("assets", "contentspec.yaml", "content", "static")
    }


def contents(folder: Path) -> dict[Path, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder): path.read_bytes() for path in files}


def test_the_assets_are_not_pushed(package: Path, tmp_path: Path) -> None:
    """Workshop Studio keeps them in S3; and its own .gitignore would go with the old files."""
    remote, first = tmp_path / "remote.git", tmp_path / "first"
    run_git(tmp_path, "init", "--quiet", "--bare", "--initial-branch", "mainline", remote.name)
    run_git(tmp_path, "clone", "--quiet", remote.name, first.name)
    for name in (".gitignore", "of-before.md"):
        (first / name).touch()
    run_git(first, "add", "--all")
    run_git(first, "commit", "--quiet", "--message", "As it was made")
    run_git(first, "push", "--quiet", "origin", "mainline")
    shutil.copytree(package, tmp_path / "dist" / "workshop-studio")
    page = (PROJECT / "docs" / "organizers.md").read_text(encoding="utf-8")
    (commands,) = re.findall(r"```bash\n(git clone .+?)```", page, re.DOTALL)
    for placeholder, value in (("<the workshop's repository>", remote), ("<the workshop's id>", 1)):
        commands = commands.replace(placeholder, str(value))

    no_aws = "aws() { :; }\n"
    ran("sh", "-ec", no_aws + commands, cwd=tmp_path, env=GIT)

    pushed = run_git(remote, "ls-tree", "--name-only", "mainline")
    assert pushed.split() == [".gitignore", "content", "contentspec.yaml", "static"]


def run_git(folder: Path, *arguments: str) -> str:
    return ran("git", *arguments, cwd=folder, env=GIT).stdout


def test_iam_takes_the_participants_policy(package: Path, tmp_path: Path) -> None:
    """No participant could enter an account; cfn-lint knows every action and its resources."""
    policy = json.loads((package / "static" / "participant-policy.json").read_text())
    assert len(re.sub(r"\s", "", json.dumps(policy))) <= POLICY_CHARACTERS
    resource = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": policy}}
    file = tmp_path / "policy.template.json"
    file.write_text(json.dumps({"Resources": {"Policy": resource}}))
    ran("cfn-lint", "--include-checks", "I", "--template", file)


def test_every_page_has_its_place(pages: dict[str, str]) -> None:
    """A page would be missing from the menu, or in another order than the exercise."""
    weights = {}
    for name, text in pages.items():
        front = re.match(r"---\n(.+?)\n---\n", text, re.DOTALL)
        assert front, name
        header = yaml.safe_load(front[1])
        assert header.keys() == {"title", "weight"}
        weights[name] = header["weight"]
    assert [int(name.split("-")[0] or 0) for name in weights] == list(weights.values())
    assert any("at-an-event" in name for name in pages)
    assert any("on-your-own" in name for name in pages)


def test_every_name_in_the_guide_is_in_the_template(
    pages: dict[str, str], template: dict[str, Any]
) -> None:
    """The guide would send participants to something that is not there.

    What the guide sets in the font of code is a name of the environment, or a value in it.
    """
    text = json.dumps(without_parameters(template), ensure_ascii=False)
    packed = (file.read_text(encoding="utf-8") for file in (GENERATOR, HELPER))
    known = " ".join((text, *packed, WorkshopConfig.stack_name, *REGIONS))
    named = {code for text in pages.values() for code in re.findall(r"`([^`\n]+)`", text)}
    # Commands and options are held by test_commands_of_the_pages.py.
    named = {code for code in named if not code.startswith(("workshop ", "make "))}
    assert len(named) > 40
    assert {name for name in named if name not in known} == ELSEWHERE


def test_the_guide_leads_to_everything(
    pages: dict[str, str], template: dict[str, Any], package: Path
) -> None:
    """Something that is deployed would never be shown, or a download be missing."""
    text = "\n".join(pages.values())
    assert "<details" not in text
    assert text.count("::::expand{header=") * 2 == text.count("::::")
    for resource in without_parameters(template)["Resources"].values():
        shown = resource["Properties"].get("Name", "")
        assert shown in text
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert links
    for link in links:
        path, _, _ = link.removeprefix("/").partition("#")
        page = path.removesuffix("/") in pages
        assert link.startswith("/")
        assert page or (path.startswith("static/") and (package / path).is_file()), link
    shown = {Path(link).name for link in links if link.startswith("/static/")}
    brought = {path.name for path in (package / "static").iterdir()}
    assert brought - shown == {"participant-policy.json"}


def test_the_job_made_by_hand_is_the_stacks_job(template: dict[str, Any]) -> None:
    """A run of it would fail for an argument that is missing, or write somewhere else."""
    job = without_parameters(template)["Resources"]["EtlJob"]["Properties"]
    (arguments,) = (block for block in map(json.loads, blocks("json")) if "--conf" in block)
    assert arguments == job["DefaultArguments"]
    (command,) = (block for block in blocks("bash") if "create-job" in block)
    options = ("GlueVersion", "WorkerType", "NumberOfWorkers", "Timeout")
    assert all(f" {job[name]} " in command for name in options)
    script = job["Command"]["ScriptLocation"]
    assert f"Name={job['Command']['Name']},PythonVersion=3,ScriptLocation={script} " in command
