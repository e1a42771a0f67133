"""The template for events: one file, small enough, and the same stack as `cdk deploy` makes."""

import json
import os
import re
import sys
from dataclasses import astuple
from datetime import date
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest

from release import event_package
from release.event_template import LIMIT_BYTES, body, compact
from stacks import outputs
from stacks.bucket_contents import handler, simulated_shop
from stacks.bucket_contents.construct import INLINE_SOURCE
from stacks.bucket_contents.handler import texts
from stacks.bucket_contents.simulated_shop import log_files
from stacks.etl import HELPER, SCRIPT
from tests.support import PROJECT, ran
from tests.support.checkout import copy_project
from tests.support.templates import REGIONS, event_template, resolved, synthesize_for_events

KEY, HELPER_KEY = "scripts/segment_events_to_csv.py", "scripts/segment_io.py"
Template = dict[str, Any]


@pytest.fixture(scope="module")
def synthesized() -> Template:
    return synthesize_for_events()


@pytest.fixture(scope="module")
def events(synthesized: Template) -> Template:
    return compact(synthesized)


# Of CloudFormation and, for a job, of Glue's CreateJob.
DEFAULTS: dict[str, dict[str, object]] = {
    "AWS::IAM::ManagedPolicy": {"Path": "/", "Description": ""},
    "AWS::Glue::Job": {
        "MaxRetries": 0,
        "JobRunQueuingEnabled": False,
        "ExecutionProperty": {"MaxConcurrentRuns": 1},
    },
}


def plain(template: Template) -> Template:
    """A template in one way of writing it: no default policies or values, no metadata."""
    template = json.loads(json.dumps(template))
    for resource in template["Resources"].values():
        resource.pop("Metadata", None)
        for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
            if resource.get(policy) == "Delete":  # CloudFormation's default for each type here
                del resource[policy]
        for name, default in DEFAULTS.get(resource["Type"], {}).items():
            assert resource["Properties"].pop(name, default) == default
        arguments = resource["Properties"].get("DefaultArguments", {})
        assert arguments.pop("--job-language", "python") == "python"  # Glue's default
    existing = {"ExistingLogs": "s3://<ExistingLogs>/<folder>"}  # a function takes it apart
    return dict(resolved(template, lambda name: existing.get(name, f"<{name}>"), {}))


def of_type(template: Template, kind: str) -> Template:
    (found,) = (r["Properties"] for r in template["Resources"].values() if r["Type"] == kind)
    return dict(found)


def test_the_file_says_what_was_synthesized(synthesized: Template, events: Template) -> None:
    """An event would have another environment than the one that was tested."""
    assert plain(events) == plain(synthesized)


def test_the_two_targets_differ_in_the_scripts_place_and_the_dashboard(
    events: Template, account: Template
) -> None:
    """What is rehearsed with `cdk deploy` must be what the event gets."""
    ours, theirs = plain(events), plain(account)
    del theirs["Parameters"]["BootstrapVersion"], theirs["Rules"]["CheckBootstrapVersion"]
    # The organizer's dashboard does not fit into the one file; nothing refers to it.
    del theirs["Outputs"][outputs.DASHBOARD_CONSOLE]
    for name in [name for name in theirs["Resources"] if name.startswith("Monitoring")]:
        del theirs["Resources"][name]
    contents = ours["Resources"]["ContentsSampleData"]["Properties"]
    assert contents.pop("Objects").keys() == {KEY}
    assert contents.pop("Packed").keys() == {HELPER_KEY}
    for part, name, key in (
        ("Command", "ScriptLocation", KEY),
        ("DefaultArguments", "--extra-py-files", HELPER_KEY),
    ):
        location = ours["Resources"]["EtlJob"]["Properties"][part].pop(name)
        assert location.endswith(f"/{key}")
        del theirs["Resources"]["EtlJob"]["Properties"][part][name]
    statements = ours["Resources"]["ContentsPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    (of_the_script,) = (s for s in statements if s["Action"] == ["s3:GetObject", "s3:ListBucket"])
    statements.remove(of_the_script)
    for template, mark in ((ours, "/scripts/"), (theirs, "cdk-hnb659fds-assets")):
        for name in ("EtlPolicy", "ContentsPolicy"):
            policy = template["Resources"][name]["Properties"]["PolicyDocument"]
            for statement in policy["Statement"]:
                resources = statement["Resource"]
                if isinstance(resources, list):
                    kept = [r for r in resources if mark not in json.dumps(r)]
                    statement["Resource"] = kept[0] if len(kept) == 1 else kept
    assert ours == theirs


@pytest.fixture(scope="module")
def account() -> Template:
    """The template of `cdk deploy`, with the same flags."""
    return synthesize_for_events(target="account")


def test_the_file_is_small_enough(events: Template) -> None:
    """`create-stack`, StackSets by the CLI and `fleet deploy` would need a bucket to take it from.

    CloudFormation takes 51,200 bytes as a text; 1,500 of them are for corrections.
    """
    assert len(body(events)) <= LIMIT_BYTES == 49_700


def test_the_file_needs_nothing_else(events: Template) -> None:
    """An account without a bootstrap, or a platform that gives no parameter, would fail."""
    assert events.keys() == {
        *("Description", "Parameters", "Rules", "Conditions", "Resources", "Outputs")
    }
    assert events["Parameters"].keys() == {
        *("BucketSuffix", "ExistingLogs", "SampleData", "SegmentWorkspaceId")
    }
    assert events["Rules"].keys() == {"ExistingLogsAlone"}  # none about a bootstrap
    assert all(parameter["Default"] == "" for parameter in events["Parameters"].values())
    _, names = of_type(events, "AWS::Lambda::Function")["Code"]["ZipFile"]["Fn::Sub"]
    text = body(events).decode()
    for packed in (*names.values(), *of_type(events, "Custom::BucketContents")["Packed"].values()):
        text = text.replace(packed, "")  # any three letters may be in it
    assert "cdk" not in text.lower().replace("cdk deploy", "")
    assert "RoleName" not in text  # a named role would need CAPABILITY_NAMED_IAM


def test_the_lesson_and_the_bucket_are_there_as_they_are(events: Template) -> None:
    """What an organizer reads in the template is what the repository has, byte for byte."""
    contents = of_type(events, "Custom::BucketContents")
    assert contents["Objects"] == {KEY: SCRIPT.read_text(encoding="utf-8")}
    code, names = of_type(events, "AWS::Lambda::Function")["Code"]["ZipFile"]["Fn::Sub"]
    assert code == INLINE_SOURCE
    assert 'BUCKET = "${DataBucket}"\n' in code
    assert names.keys() == {"Code"}


def test_the_lambda_does_what_the_repository_has(events: Template) -> None:
    """Whoever reads handler.py and simulated_shop.py would read something else than what runs."""
    code, names = of_type(events, "AWS::Lambda::Function")["Code"]["ZipFile"]["Fn::Sub"]
    minified: dict[str, Any] = {"__name__": "index"}
    exec(code.replace("${Code}", names["Code"]), minified)  # noqa: S102 - as Lambda does
    assert minified["BUCKET"] == "${DataBucket}"
    for function in (*own(handler), *own(simulated_shop)):
        assert words(minified[function.__name__].__code__) == words(function.__code__)
    day = date(2019, 2, 26)
    made = [astuple(log) for log in minified["log_files"](day, events=500)]
    assert made == [astuple(log) for log in log_files(day, events=500)]


def own(module: ModuleType) -> list[FunctionType]:
    """The functions that a module defines."""
    found = [item for item in vars(module).values() if isinstance(item, FunctionType)]
    return [function for function in found if function.__module__ == module.__name__]


def words(code: CodeType) -> list[object]:
    """The names of what a function uses and, without its docstring, its texts, in their order."""
    texts = [text for text in code.co_consts[1:] if isinstance(text, str)]
    return [code.co_names, texts, *(words(c) for c in code.co_consts if isinstance(c, CodeType))]


def test_in_the_account_both_files_lie_as_in_the_repository(events: Template) -> None:
    """The module that travels compressed is unpacked by the custom resource."""
    found = texts(of_type(events, "Custom::BucketContents"))
    assert found == {
        KEY: SCRIPT.read_text(encoding="utf-8"),
        HELPER_KEY: HELPER.read_text(encoding="utf-8"),
    }


@pytest.mark.slow
def test_every_region_takes_the_file(events: Template, tmp_path: Path) -> None:
    """An event in a region that lacks a resource type or a runtime would fail on the day."""
    file = tmp_path / "events.template.json"
    file.write_bytes(body(events))
    ran("cfn-lint", "--regions", *REGIONS, "--template", file)


@pytest.mark.parametrize("section", ["Resources", "Parameters", "Outputs"])
def test_the_file_is_within_cloudformations_counts(events: Template, section: str) -> None:
    """CloudFormation, or Workshop Studio with its 50 outputs, would refuse it."""
    limit = {"Resources": 500, "Parameters": 200, "Outputs": 50}[section]
    assert len(events[section]) <= limit
    assert all(len(name) <= 255 for name in events[section])
    assert all(re.fullmatch("[A-Za-z0-9]+", name) for name in events[section])


@pytest.mark.slow
def test_same_inputs_same_bytes(tmp_path: Path, events: Template) -> None:
    """Nobody could tell whether the template of an event is the one that was released.

    The other run has another folder, another umask, another user's name and other hash seeds.
    """
    folder = tmp_path / "elsewhere"
    copy_project(folder)
    # A copy's environment is a link.
    make = "make --old-file=setup-deploy event-package"
    ran(
        *("sh", "-c", f"umask 077 && {make}"),
        cwd=folder,
        env={
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "HOME": os.environ["HOME"],  # jsii's cache is there
            "USER": "somebody",
            "PYTHONHASHSEED": "7",
            "TZ": "Asia/Tokyo",
        },
    )
    written = folder / "dist" / "segment-personalize-workshop.template.json"
    assert written.read_bytes() == body(events)
    event_package.main(written, tmp_path / "workshop-studio")
    zipped = folder / "dist" / "workshop-studio.zip"
    assert zipped.read_bytes() == (tmp_path / "workshop-studio.zip").read_bytes()


def test_a_template_that_is_too_large_is_not_written(tmp_path: Path) -> None:
    """A template that every platform refuses would be noticed on the morning of the event."""
    template = event_template()
    template["Description"] = "x" * LIMIT_BYTES
    (tmp_path / "large.json").write_text(json.dumps(template))
    command = [sys.executable, "-m", "release.event_template", "large.json", "written.json"]
    tried = ran(*command, code=1, cwd=tmp_path, PYTHONPATH=str(PROJECT))
    assert "too large" in tried.stderr
    assert not (tmp_path / "written.json").exists()
