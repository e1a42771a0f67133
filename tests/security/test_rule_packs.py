"""The security rules hold both targets: nothing unacknowledged, nothing acknowledged in vain."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Validations
from aws_cdk.aws_s3 import Bucket

from release.acknowledgements_page import page
from stacks.acknowledgements import CHECKOV, Acknowledgement, acknowledged, packs
from stacks.config import WorkshopConfig
from stacks.workshop_stack import WorkshopStack
from tests.support import PROJECT, ran
from tests.support.loopback import listening

pytestmark = pytest.mark.slow

PACKS = {"AwsSolutions", "NIST.800.53.R5", "HIPAA.Security", "PCI.DSS.321", "Serverless"}
# The target "account" has nothing that it has not with a schedule: see test_daily.py.
VARIANTS = {
    "event": {"target": "event"},
    "daily": {"schedule": "cron(15 1 * * ? *)", "alarmEmail": "somebody@example.com"},
}
Finding = tuple[str, str]  # the rule, and the logical id of the resource


@dataclass(frozen=True)
class Synthesized:
    """What `cdk synth` left of one target, and what is acknowledged in it."""

    template: Path
    report: dict[str, Any]
    acknowledgements: list[Acknowledgement]

    def acknowledged(self, *, checkov: bool) -> set[Finding]:
        return {
            (rule, entry.resource)
            for entry in self.acknowledgements
            for rule in entry.rules
            if rule.startswith(CHECKOV) == checkov
        }


def synthesize(given: dict[str, Any], folder: Path) -> Synthesized:
    """Run the app as the CDK CLI does, with this context."""
    settings = json.loads((PROJECT / "cdk.json").read_text(encoding="utf-8"))
    paths = {"aws:cdk:enable-path-metadata": True}
    context = {**settings["context"], **paths, **given}
    ran(sys.executable, "app.py", CDK_CONTEXT_JSON=json.dumps(context), CDK_OUTDIR=str(folder))
    app = App(context=given)
    config = WorkshopConfig.from_context(app.node)
    WorkshopStack(app, config.stack_name, config=config)
    return Synthesized(
        folder / f"{config.stack_name}.template.json",
        json.loads((folder / "validation-report.json").read_text(encoding="utf-8")),
        acknowledged(app),
    )


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Synthesized]:
    """What can be deployed, by its name."""
    return {
        name: synthesize(given, tmp_path_factory.mktemp(name)) for name, given in VARIANTS.items()
    }


@pytest.fixture(params=VARIANTS)
def synthesized(request: pytest.FixtureRequest, every: dict[str, Synthesized]) -> Synthesized:
    """One of them."""
    return every[request.param]


def test_every_synthesis_is_held_against_every_pack(synthesized: Synthesized) -> None:
    """A finding would go into an account unseen."""
    reports = {report["pluginName"]: report for report in synthesized.report["pluginReports"]}
    assert reports.keys() >= PACKS
    for report in reports.values():
        assert report["violations"] == []
    template = json.loads(synthesized.template.read_text(encoding="utf-8"))
    ids = {
        resource["Metadata"]["aws:cdk:path"]: name
        for name, resource in template["Resources"].items()
    }
    found = {
        (finding["ruleName"], ids[construct["constructPath"]])
        for report in reports.values()
        for finding in report.get("suppressedViolations", ())
        for construct in finding["violatingConstructs"]
    }
    assert found == synthesized.acknowledged(checkov=False)


def test_a_finding_that_is_not_acknowledged_stops_the_synthesis(tmp_path: Path) -> None:
    """Rule packs that stop nothing are decoration."""
    app = App(outdir=str(tmp_path))
    stack = WorkshopStack(app, "Workshop", config=WorkshopConfig())
    Bucket(stack, "Another")
    Validations.of(app).add_plugins(*packs(app))
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    report = json.loads((tmp_path / "validation-report.json").read_text(encoding="utf-8"))
    failed = {one["pluginName"] for one in report["pluginReports"] if one["violations"]}
    assert failed == PACKS - {"Serverless"}  # it has no rules about buckets


def test_checkov_finds_what_is_acknowledged_and_nothing_else(every: dict[str, Synthesized]) -> None:
    """Checkov is a second opinion on the same templates."""
    checkov = Path(sys.prefix) / "checkov" / "bin" / "checkov"
    assert checkov.exists(), "Checkov is not installed: make setup-test"
    options = [
        "--framework",
        "cloudformation",
        "--skip-download",
        "--soft-fail",
        "--output",
        "json",
    ]
    with listening() as proxy:
        answered = ran(
            *(checkov, *options, "--file", *(one.template for one in every.values())),
            # Without this it asks the package index for a newer version at every run.
            CKV_SKIP_PACKAGE_UPDATE_CHECK="true",
            HTTPS_PROXY=proxy.url,
        ).stdout
    assert proxy.heard == []
    answer = json.loads(answered)
    assert answer["summary"]["passed"] > 80
    assert answer["summary"]["parsing_errors"] == 0
    for one in every.values():
        found = {
            (check["check_id"], check["resource"].rpartition(".")[2])
            for check in answer["results"]["failed_checks"]
            if check["file_abs_path"] == str(one.template)
        }
        assert found == one.acknowledged(checkov=True)


def test_cfn_lint_finds_nothing(every: dict[str, Synthesized]) -> None:
    """CloudFormation would refuse the templates; the event file is linted for each region."""
    ran("cfn-lint", "--template", *(one.template for one in every.values()))


def test_the_page_is_what_the_app_says() -> None:
    """The page would have reasons for what is not there. To mend it: make acknowledgements."""
    written = (PROJECT / "docs" / "acknowledgements.md").read_text(encoding="utf-8")
    assert written == page()
