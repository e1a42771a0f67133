"""Calls that must be denied: what a role, a participant or a stranger would do to break out."""

from tests.support.evaluation import (
    ACCOUNT,
    ADMINISTRATOR,
    BUCKET_ARN,
    PARTICIPANT,
    REGION,
    STRANGER,
    Call,
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
_OBJECT_WORK = {
    ETL: [
        ("s3:GetObject", "athena-results/1.csv"),
        ("s3:GetObject", "notes/mine.txt"),
        ("s3:PutObject", LOG),
        ("s3:DeleteObject", LOG),
        ("s3:PutObject", SCRIPT),
        ("s3:DeleteObject", SCRIPT),
        ("s3:PutObject", "athena-results/1.csv"),
        ("s3:PutObjectAcl", "transformed/run-1.csv"),
        ("s3:DeleteObjectVersion", "transformed/run-1.csv"),
        ("s3:GetObjectVersion", LOG),
    ],
    CONTENTS: [
        ("s3:GetObject", LOG),
        ("s3:GetObject", "transformed/run-1.csv"),
        ("s3:PutObject", "transformed/run-1.csv"),
        ("s3:PutObject", "athena-results/1.csv"),
        ("s3:PutObjectAcl", LOG),
    ],
    PERSONALIZE: [
        ("s3:GetObject", LOG),
        ("s3:GetObject", "rejected/run-1/part-0.json"),
        ("s3:GetObject", "transformed-staging/run-1/part-0.csv"),
        ("s3:PutObject", "transformed/run-1.csv"),
        ("s3:DeleteObject", "transformed/run-1.csv"),
    ],
    SEGMENT: [
        ("s3:GetObject", LOG),
        ("s3:DeleteObject", LOG),
        ("s3:PutObject", "transformed/run-1.csv"),
        ("s3:PutObject", SCRIPT),
        ("s3:PutObject", "segment-logs-of-others/1.gz"),
    ],
    PARTICIPANT: [
        ("s3:PutObject", "ready-made/run-0-part-r-00000.csv"),
        ("s3:PutObject", "transformed/run-1-part-r-00000.csv"),
        ("s3:DeleteObject", "transformed/run-0-part-r-00000.csv"),
        ("s3:PutObject", LOG),
        ("s3:DeleteObject", LOG),
        ("s3:PutObject", "transformed/run-1.csv"),
        ("s3:DeleteObject", "transformed/run-1.csv"),
        ("s3:DeleteObject", SCRIPT),
        ("s3:DeleteObjectVersion", SCRIPT),
        ("s3:PutObjectAcl", SCRIPT),
        ("s3:GetObject", "transformed-staging/run-1/part-0.csv"),
    ],
    STRANGER: [
        ("s3:GetObject", LOG),
        ("s3:PutObject", LOG),
        ("s3:GetObject", "transformed/run-1.csv"),
    ],
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
# What no principal of the environment needs, whoever it is.
_ELSEWHERE = [
    ("s3:GetObject", f"{OTHER_BUCKET}/data.csv"),
    ("s3:PutObject", f"{OTHER_BUCKET}/data.csv"),
    ("s3:ListBucket", OTHER_BUCKET),
    ("iam:CreateRole", f"arn:aws:iam::{ACCOUNT}:role/mine"),
    ("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/{STACK}-EtlRole-0"),
    ("iam:AttachRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/{STACK}-EtlRole-0"),
    ("iam:CreatePolicyVersion", f"arn:aws:iam::{ACCOUNT}:policy/{STACK}-EtlPolicy-0"),
    ("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/Admin"),
    ("kms:Decrypt", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"),
    ("kms:CreateGrant", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"),
    (
        "secretsmanager:GetSecretValue",
        f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:db-AbCdEf",
    ),
    ("logs:CreateLogGroup", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws-glue/jobs/output"),
    ("logs:PutLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/other:log-stream:one"),
    ("logs:GetLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/other:log-stream:one"),
    ("logs:DeleteLogGroup", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws-glue/{JOB}/output"),
    ("glue:StartJobRun", f"arn:aws:glue:{REGION}:{ACCOUNT}:job/SomebodyElsesJob"),
    ("glue:DeleteJob", f"arn:aws:glue:{REGION}:{ACCOUNT}:job/{JOB}"),
    ("glue:CreateJob", f"arn:aws:glue:{REGION}:{ACCOUNT}:job/{JOB}"),
    ("glue:DeleteDatabase", f"arn:aws:glue:{REGION}:{ACCOUNT}:database/segment_personalize"),
    (
        "glue:DeleteTable",
        f"arn:aws:glue:{REGION}:{ACCOUNT}:table/segment_personalize/segment_logs",
    ),
    (
        "lambda:InvokeFunction",
        f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{STACK}-ContentsFunction-0",
    ),
    (
        "cloudformation:DeleteStack",
        f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK}/11111111-2222",
    ),
    (
        "cloudformation:UpdateStack",
        f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK}/11111111-2222",
    ),
    ("athena:DeleteWorkGroup", f"arn:aws:athena:{REGION}:{ACCOUNT}:workgroup/segment-personalize"),
    ("athena:UpdateWorkGroup", f"arn:aws:athena:{REGION}:{ACCOUNT}:workgroup/segment-personalize"),
    ("athena:StartQueryExecution", f"arn:aws:athena:{REGION}:{ACCOUNT}:workgroup/primary"),
]
_OF_THE_PARTICIPANT = [
    # Rights that they have, but on nothing else and for nothing else.
    Call(PARTICIPANT, "s3:PutBucketPolicy", BUCKET_ARN),
    Call(
        PARTICIPANT,
        "iam:PassRole",
        f"arn:aws:iam::{ACCOUNT}:role/{STACK}-EtlRole-0",
        {"iam:PassedToService": "ec2.amazonaws.com"},
    ),
    Call(
        PARTICIPANT,
        "iam:PassRole",
        f"arn:aws:iam::{ACCOUNT}:role/Admin",
        {"iam:PassedToService": "glue.amazonaws.com"},
    ),
    Call(
        PARTICIPANT,
        "glue:UpdateTable",
        f"arn:aws:glue:{REGION}:{ACCOUNT}:table/segment_personalize/segment_logs",
    ),
    Call(
        PARTICIPANT,
        "glue:CreateTable",
        f"arn:aws:glue:{REGION}:{ACCOUNT}:table/others/segment_logs",
    ),
    Call(
        PARTICIPANT,
        "athena:DeleteNamedQuery",
        f"arn:aws:athena:{REGION}:{ACCOUNT}:workgroup/segment-personalize",
    ),
    Call(
        PARTICIPANT,
        "glue:UpdateJob",
        f"arn:aws:glue:{REGION}:{ACCOUNT}:job/SomebodyElsesJob",
    ),
]
_ACCOUNT_OF_SEGMENT = "arn:aws:iam::595280932656"
_SEGMENT_ROLE = f"arn:aws:iam::{ACCOUNT}:role/{STACK}-{SEGMENT}-0"
_PERSONALIZE_ROLE = f"arn:aws:iam::{ACCOUNT}:role/{STACK}-{PERSONALIZE}-0"
_OTHERS_PERSONALIZE = {
    "aws:SourceAccount": OTHER_ACCOUNT,
    "aws:SourceArn": f"arn:aws:personalize:{REGION}:{OTHER_ACCOUNT}:dataset-import-job/one",
}
_OTHER_SERVICE = {
    "aws:SourceAccount": ACCOUNT,
    "aws:SourceArn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:training-job/one",
}
_FOR_ANOTHER_ACCOUNT = {
    "aws:SourceAccount": OTHER_ACCOUNT,
    "aws:SourceArn": f"arn:aws:personalize:{REGION}:{ACCOUNT}:dataset-import-job/one",
}
_NOT_OUR_PERSONALIZE: tuple[dict[str, str], ...] = (
    *(_OTHERS_PERSONALIZE, _OTHER_SERVICE, _FOR_ANOTHER_ACCOUNT),
    {},
)
_OF_SERVICES_AND_OTHER_ACCOUNTS = [
    # Who may become which role.
    *(
        Call(f"{_ACCOUNT_OF_SEGMENT}:{who}", "sts:AssumeRole", _SEGMENT_ROLE, context)
        for who, context in (
            ("role/segment-s3-integration-production-access", {"sts:ExternalId": "workspace2"}),
            ("role/segment-s3-integration-production-access", {"sts:ExternalId": ""}),
            ("role/segment-s3-integration-production-access", {}),
            ("role/another", {"sts:ExternalId": "workspace1"}),
        )
    ),
    Call(
        f"arn:aws:iam::{OTHER_ACCOUNT}:role/segment-s3-integration-production-access",
        "sts:AssumeRole",
        _SEGMENT_ROLE,
        {"sts:ExternalId": "workspace1"},
    ),
    *(
        Call("personalize.amazonaws.com", "sts:AssumeRole", _PERSONALIZE_ROLE, context)
        for context in _NOT_OUR_PERSONALIZE
    ),
    *(
        Call(who, "sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/{STACK}-{role}-0")
        for who, role in (
            ("lambda.amazonaws.com", ETL),
            ("glue.amazonaws.com", ETL),  # for nobody
            ("ec2.amazonaws.com", ETL),
            ("glue.amazonaws.com", CONTENTS),
            ("glue.amazonaws.com", PERSONALIZE),
            (PARTICIPANT, ETL),
            (STRANGER, ETL),
            (f"arn:aws:iam::{OTHER_ACCOUNT}:root", CONTENTS),
        )
    ),
    *(
        Call(
            who,
            "sts:AssumeRole",
            f"arn:aws:iam::{ACCOUNT}:role/{STACK}-{role}-0",
            {"aws:SourceAccount": OTHER_ACCOUNT},
        )
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
            f"arn:aws:iam::{OTHER_ACCOUNT}:role/Admin",
            f"{_ACCOUNT_OF_SEGMENT}:role/segment-s3-integration-production-access",
        )
        for action in ("s3:GetObject", "s3:PutObject")
    ),
]

DENIED: list[Call] = [
    *(
        Call(who, action, f"{BUCKET_ARN}/{key}")
        for who, work in _OBJECT_WORK.items()
        for action, key in work
    ),
    *(Call(who, action, BUCKET_ARN) for who in (*ROLES, PARTICIPANT) for action in _BUCKET_WORK),
    *(
        Call(who, action, resource)
        for who in (*ROLES, PARTICIPANT)
        for action, resource in _ELSEWHERE
    ),
    *_OF_THE_PARTICIPANT,
    *_OF_SERVICES_AND_OTHER_ACCOUNTS,
    # Plain HTTP, also by who may do everything else.
    Call(ADMINISTRATOR, "s3:ListBucket", BUCKET_ARN, PLAIN_HTTP),
    *(
        Call(who, "s3:GetObject", f"{BUCKET_ARN}/{key}", PLAIN_HTTP)
        for who, key in (
            (ETL, LOG),
            (CONTENTS, SCRIPT),
            (PERSONALIZE, "transformed/1.csv"),
            (PARTICIPANT, LOG),
            (ADMINISTRATOR, LOG),
        )
    ),
    *(
        Call(who, "s3:PutObject", f"{BUCKET_ARN}/{LOG}", PLAIN_HTTP)
        for who in (CONTENTS, SEGMENT, ADMINISTRATOR)
    ),
]
