"""The embedded AWS's Glue by its own API: jobs of any script, their roles, runs and logs."""

from dataclasses import dataclass
from typing import Any

from tests.support.live_job import HELPER
from tests.support.policies import policy, trust
from tests.support.waiting import until

BUCKET = "personalize-data-test"
LOGS = "/aws-glue/test-job"


@dataclass(frozen=True)
class Aws:
    """Clients of the embedded AWS, as its root."""

    s3: Any
    glue: Any
    logs: Any
    iam: Any
    account: str

    def role(self, name: str, *objects: str) -> str:
        """Make a role that may list the bucket, write logs, and use the objects given."""
        allowed = [
            (["s3:ListBucket"], f"arn:aws:s3:::{BUCKET}"),
            *[(["s3:*Object"], f"arn:aws:s3:::{BUCKET}/{pattern}") for pattern in objects],
            (["logs:CreateLogStream", "logs:PutLogEvents"], "*"),
        ]
        self.iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=trust(Service="glue.amazonaws.com")
        )
        self.iam.put_role_policy(
            RoleName=name,
            PolicyName="Job",
            PolicyDocument=policy(
                *[{"Action": action, "Resource": resource} for action, resource in allowed]
            ),
        )
        return name

    def job(self, name: str, script: str, role: str = "Job", **settings: object) -> str:
        """Make a job of the script, with the paths of the workshop as its default arguments."""
        self.s3.put_object(Bucket=BUCKET, Key=f"scripts/{name}.py", Body=script.encode())
        arguments = {
            "--job-language": "python",
            "--enable-metrics": "",
            "--TempDir": f"s3://{BUCKET}/not-for-the-role/",
            "--custom-logGroup-prefix": LOGS,
            "--extra-py-files": f"s3://{BUCKET}/scripts/{HELPER.name}",
            "--S3_JSON_INPUT_PATH": f"s3://{BUCKET}/segment-logs/",
            "--S3_CSV_OUTPUT_PATH": f"s3://{BUCKET}/transformed",
            "--S3_REJECTED_PATH": f"s3://{BUCKET}/rejected",
        }
        self.glue.create_job(
            Name=name,
            Role=f"arn:aws:iam::{self.account}:role/{role}",
            Command={"Name": "glueetl", "ScriptLocation": f"s3://{BUCKET}/scripts/{name}.py"},
            **({"GlueVersion": "6.0", "DefaultArguments": arguments} | settings),
        )
        return name

    def run(self, job: str, **parameters: object) -> dict[str, Any]:
        """Run the job to its end."""
        return run_of(self.glue, job, **parameters)

    def ended(self, job: str, run_id: str) -> dict[str, Any]:
        """Wait for the end of a run."""
        return ended_run(self.glue, job, run_id)

    def log(self, run: dict[str, Any], name: str) -> list[str]:
        """The lines of one of a run's two log streams."""
        events = self.logs.get_log_events(
            logGroupName=f"{LOGS}/{name}", logStreamName=run["Id"], startFromHead=True
        )["events"]
        return [event["message"] for event in events]

    def keys(self, prefix: str) -> list[str]:
        """The keys of the objects whose key starts with the prefix."""
        found = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        return [each["Key"] for each in found]


def run_of(glue: Any, job: str, **parameters: object) -> dict[str, Any]:
    """Run a job to its end."""
    return ended_run(glue, job, glue.start_job_run(JobName=job, **parameters)["JobRunId"])


def ended_run(glue: Any, job: str, run_id: str) -> dict[str, Any]:
    """Wait for the end of a run."""

    def look() -> dict[str, Any] | None:
        run: dict[str, Any] = glue.get_job_run(JobName=job, RunId=run_id)["JobRun"]
        return None if run["JobRunState"] in {"STARTING", "RUNNING", "STOPPING"} else run

    return until(look, seconds=300)
