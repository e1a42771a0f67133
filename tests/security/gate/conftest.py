"""What is behind the gate, and who signs."""

from collections.abc import Iterator
from contextlib import suppress

import boto3
import pytest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from embedded_aws.server import EmbeddedAws
from tests.support.checkout import signed_in
from tests.support.policies import trust
from tests.support.signing import BUCKET, Signer


@pytest.fixture(scope="module")
def owner(server: EmbeddedAws) -> Iterator[boto3.Session]:
    """The owner of an account with a bucket, an object and a role for Lambda functions."""
    with signed_in(server) as session:
        session.client("s3").create_bucket(Bucket=BUCKET)
        session.client("s3").put_object(Bucket=BUCKET, Key="picture.svg", Body=b"<svg/>")
        with suppress(ClientError):  # another module has made it
            session.client("iam").create_role(
                RoleName="Lambda", AssumeRolePolicyDocument=trust(Service="lambda.amazonaws.com")
            )
        yield session


@pytest.fixture
def signer(server: EmbeddedAws, owner: boto3.Session) -> Signer:
    key = owner.get_credentials()
    assert key
    return Signer(server.endpoint, Credentials(key.access_key, key.secret_key))
