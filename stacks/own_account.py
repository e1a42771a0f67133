"""Conditions that keep a right within the account that the stack is in."""

from aws_cdk import Aws

# On a resource: a bucket's name says nothing about whose it is. A name that is free can be taken
# by anyone, and what was meant for the stack's bucket would then go to theirs.
# Source: AWS IAM User Guide, "AWS global condition context keys", aws:ResourceAccount.
OWN_ACCOUNT = {"StringEquals": {"aws:ResourceAccount": Aws.ACCOUNT_ID}}
# On a service: it takes the role for this account only (the confused deputy).
# Source: the same page, aws:SourceAccount.
FROM_OWN_ACCOUNT = {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
