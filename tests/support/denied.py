"""Calls that must be denied: what a role, a participant or a stranger would do to break out."""

from tests.support.evaluation import (
    ACCOUNT,
    ADMINISTRATOR,
    BUCKET_ARN,
    PARTICIPANT,
    STRANGER,
    Call,
    arn,
    role_arn,
)
from tests.support.participant import JOB
from tests.support.stack import STACK

OTHER_ACCOUNT = "444455556666"
OTHER_BUCKET = "arn:aws:s3:::somebody-elses-bucket"
PLAIN_HTTP = {"aws:SecureTransport": "false"}
LOG = "segment-logs/website-prod/1700000000000/1700086400000.00000000.gz"
SCRIPT, HELPER = "scripts/segment_events_to_csv.py", "scripts/segment_io.py"
ROLES = ETL, CONTENTS, PERSONALIZE, SEGMENT = (
    "EtlRole",
    "ContentsRole",
    "PersonalizeRole",
    "SegmentRole",
)
# By principal and action, the keys in the bucket.
_OBJECT_WORK = {
    ETL: {
        "s3:GetObject": "athena-results/1.csv notes/mine.txt",
        "s3:PutObject": f"{LOG} {SCRIPT} athena-results/1.csv",
        "s3:DeleteObject": f"{LOG} {SCRIPT}",
        "s3:PutObjectAcl": "transformed/run-1.csv",
        "s3:DeleteObjectVersion": "transformed/run-1.csv",
        "s3:GetObjectVersion": LOG,
    },
    CONTENTS: {
        "s3:GetObject": f"{LOG} transformed/run-1.csv",
        "s3:PutObject": "transformed/run-1.csv athena-results/1.csv",
        "s3:PutObjectAcl": LOG,
    },
    PERSONALIZE: {
        "s3:GetObject": f"{LOG} rejected/run-1/part-0.json transformed-staging/run-1/part-0.csv",
        "s3:PutObject": "transformed/run-1.csv",
        "s3:DeleteObject": "transformed/run-1.csv",
    },
    SEGMENT: {
        "s3:GetObject": LOG,
        "s3:PutObject": f"transformed/run-1.csv {SCRIPT} segment-logs-of-others/1.gz",
        "s3:DeleteObject": LOG,
    },
    PARTICIPANT: {
        "s3:GetObject": "transformed-staging/run-1/part-0.csv",
        "s3:PutObject": (
            "ready-made/run-0-part-r-00000.csv transformed/run-1-part-r-00000.csv "
            f"transformed/run-1.csv {LOG}"
        ),
        "s3:DeleteObject": (
            f"transformed/run-0-part-r-00000.csv transformed/run-1.csv {LOG} {SCRIPT}"
        ),
        "s3:DeleteObjectVersion": SCRIPT,
        "s3:PutObjectAcl": SCRIPT,
    },
    STRANGER: {"s3:GetObject": f"{LOG} transformed/run-1.csv", "s3:PutObject": LOG},
}
_BUCKET_WORK = [
    "s3:DeleteBucket",
    "s3:PutBucketAcl",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketVersioning",
    "s3:PutEncryptionConfiguration",
    "s3:PutLifecycleConfiguration",
    "s3:DeleteBucketPolicy",
]
_KMS_KEY = arn("kms", "key/11111111-2222-3333-4444-555555555555")
# What no principal of the environment needs, whoever it is.
_ELSEWHERE = [
    ("s3:GetObject", f"{OTHER_BUCKET}/data.csv"),
    ("s3:PutObject", f"{OTHER_BUCKET}/data.csv"),
    ("s3:ListBucket", OTHER_BUCKET),
    ("iam:CreateRole", arn("iam", "role/mine")),
    ("iam:PutRolePolicy", role_arn(ETL)),
    ("iam:AttachRolePolicy", role_arn(ETL)),
    ("iam:CreatePolicyVersion", arn("iam", f"policy/{STACK}-EtlPolicy-0")),
    ("sts:AssumeRole", arn("iam", "role/Admin")),
    ("kms:Decrypt", _KMS_KEY),
    ("kms:CreateGrant", _KMS_KEY),
    ("secretsmanager:GetSecretValue", arn("secretsmanager", "secret:db-AbCdEf")),
    ("logs:CreateLogGroup", arn("logs", "log-group:/aws-glue/jobs/output")),
    ("logs:PutLogEvents", arn("logs", "log-group:/aws/other:log-stream:one")),
    ("logs:GetLogEvents", arn("logs", "log-group:/aws/other:log-stream:one")),
    ("logs:DeleteLogGroup", arn("logs", f"log-group:/aws-glue/{JOB}/output")),
    ("glue:StartJobRun", arn("glue", "job/SomebodyElsesJob")),
    ("glue:DeleteJob", arn("glue", f"job/{JOB}")),
    ("glue:CreateJob", arn("glue", f"job/{JOB}")),
    ("glue:DeleteDatabase", arn("glue", "database/segment_personalize")),
    ("glue:DeleteTable", arn("glue", "table/segment_personalize/segment_logs")),
    ("lambda:InvokeFunction", arn("lambda", f"function:{STACK}-ContentsFunction-0")),
    ("cloudformation:DeleteStack", arn("cloudformation", f"stack/{STACK}/11111111-2222")),
    ("cloudformation:UpdateStack", arn("cloudformation", f"stack/{STACK}/11111111-2222")),
    ("athena:DeleteWorkGroup", arn("athena", "workgroup/segment-personalize")),
    ("athena:UpdateWorkGroup", arn("athena", "workgroup/segment-personalize")),
    ("athena:StartQueryExecution", arn("athena", "workgroup/primary")),
]
# Rights that participants have, but on nothing else and for nothing else.
_OF_THE_PARTICIPANT: list[tuple[str, str, dict[str, str]]] = [
    ("s3:PutBucketPolicy", BUCKET_ARN, {}),
    ("iam:PassRole", role_arn(ETL), {"iam:PassedToService": "ec2.amazonaws.com"}),
    ("iam:PassRole", arn("iam", "role/Admin"), {"iam:PassedToService": "glue.amazonaws.com"}),
    ("glue:UpdateTable", arn("glue", "table/segment_personalize/segment_logs"), {}),
    ("glue:CreateTable", arn("glue", "table/others/segment_logs"), {}),
    ("athena:DeleteNamedQuery", arn("athena", "workgroup/segment-personalize"), {}),
    ("glue:UpdateJob", arn("glue", "job/SomebodyElsesJob"), {}),
]
_ACCOUNT_OF_SEGMENT = "arn:aws:iam::595280932656"
_NAME_AT_SEGMENT = "role/segment-s3-integration-production-access"
_IMPORT = "dataset-import-job/one"
_NOT_OUR_PERSONALIZE: list[dict[str, str]] = [
    *(
        {"aws:SourceAccount": account, "aws:SourceArn": source}
        for account, source in (
            (OTHER_ACCOUNT, arn("personalize", _IMPORT, OTHER_ACCOUNT)),
            (ACCOUNT, arn("sagemaker", "training-job/one")),
            (OTHER_ACCOUNT, arn("personalize", _IMPORT)),
        )
    ),
    {},
]
_OF_SERVICES_AND_OTHER_ACCOUNTS = [
    # Who may become which role.
    *(
        Call(who, "sts:AssumeRole", role_arn(SEGMENT), context)
        for who, context in (
            (f"{_ACCOUNT_OF_SEGMENT}:{_NAME_AT_SEGMENT}", {"sts:ExternalId": "workspace2"}),
            (f"{_ACCOUNT_OF_SEGMENT}:{_NAME_AT_SEGMENT}", {"sts:ExternalId": ""}),
            (f"{_ACCOUNT_OF_SEGMENT}:{_NAME_AT_SEGMENT}", {}),
            (f"{_ACCOUNT_OF_SEGMENT}:role/another", {"sts:ExternalId": "workspace1"}),
            (arn("iam", _NAME_AT_SEGMENT, OTHER_ACCOUNT), {"sts:ExternalId": "workspace1"}),
        )
    ),
    *(
        Call("personalize.amazonaws.com", "sts:AssumeRole", role_arn(PERSONALIZE), context)
        for context in _NOT_OUR_PERSONALIZE
    ),
    *(
        Call(who, "sts:AssumeRole", role_arn(role))
        for who, role in (
            ("lambda.amazonaws.com", ETL),
            ("glue.amazonaws.com", ETL),  # for nobody
            ("ec2.amazonaws.com", ETL),
            ("glue.amazonaws.com", CONTENTS),
            ("glue.amazonaws.com", PERSONALIZE),
            (PARTICIPANT, ETL),
            (STRANGER, ETL),
            (arn("iam", "root", OTHER_ACCOUNT), CONTENTS),
        )
    ),
    *(
        Call(who, "sts:AssumeRole", role_arn(role), {"aws:SourceAccount": OTHER_ACCOUNT})
        for who, role in (("glue.amazonaws.com", ETL), ("lambda.amazonaws.com", CONTENTS))
    ),
    # A bucket of this name that is another account's.
    *(
        Call(who, action, f"{BUCKET_ARN}/{key}", {"aws:ResourceAccount": OTHER_ACCOUNT})
        for who, action, key in (
            (ETL, "s3:GetObject", LOG),
            (ETL, "s3:GetObject", HELPER),
            (ETL, "s3:PutObject", "transformed/1.csv"),
            (CONTENTS, "s3:PutObject", SCRIPT),
            (SEGMENT, "s3:PutObject", LOG),
            (PARTICIPANT, "s3:GetObject", LOG),
            (PARTICIPANT, "s3:PutObject", "athena-results/0.csv"),
            (PARTICIPANT, "s3:PutObject", SCRIPT),
        )
    ),
    Call(PARTICIPANT, "s3:ListBucket", BUCKET_ARN, {"aws:ResourceAccount": OTHER_ACCOUNT}),
    # Whom the bucket lets in.
    *(
        Call("personalize.amazonaws.com", action, resource, context)
        for action, resource in (
            ("s3:GetObject", f"{BUCKET_ARN}/transformed/1.csv"),
            ("s3:ListBucket", BUCKET_ARN),
        )
        for context in _NOT_OUR_PERSONALIZE
    ),
    *(
        Call(who, action, f"{BUCKET_ARN}/{LOG}")
        for who in (
            arn("iam", "role/Admin", OTHER_ACCOUNT),
            f"{_ACCOUNT_OF_SEGMENT}:{_NAME_AT_SEGMENT}",
        )
        for action in ("s3:GetObject", "s3:PutObject")
    ),
]

DENIED: list[Call] = [
    *(
        Call(who, action, f"{BUCKET_ARN}/{key}")
        for who, work in _OBJECT_WORK.items()
        for action, keys in work.items()
        for key in keys.split()
    ),
    *(Call(who, action, BUCKET_ARN) for who in (*ROLES, PARTICIPANT) for action in _BUCKET_WORK),
    *(Call(who, *work) for who in (*ROLES, PARTICIPANT) for work in _ELSEWHERE),
    *(Call(PARTICIPANT, *work) for work in _OF_THE_PARTICIPANT),
    *_OF_SERVICES_AND_OTHER_ACCOUNTS,
    # Plain HTTP, also by who may do everything else.
    Call(ADMINISTRATOR, "s3:ListBucket", BUCKET_ARN, PLAIN_HTTP),
    *(
        Call(who, action, f"{BUCKET_ARN}/{key}", PLAIN_HTTP)
        for who, action, key in (
            (ETL, "s3:GetObject", LOG),
            (CONTENTS, "s3:GetObject", SCRIPT),
            (PERSONALIZE, "s3:GetObject", "transformed/1.csv"),
            (PARTICIPANT, "s3:GetObject", LOG),
            (ADMINISTRATOR, "s3:GetObject", LOG),
            (CONTENTS, "s3:PutObject", LOG),
            (SEGMENT, "s3:PutObject", LOG),
            (ADMINISTRATOR, "s3:PutObject", LOG),
        )
    ),
    *(
        Call(PARTICIPANT, action, resource)
        for action, resource in (
            ("iam:DeleteRole", role_arn(ETL)),
            ("iam:CreateUser", arn("iam", "user/another")),
            ("lambda:ListFunctions", "*"),
        )
    ),
]
