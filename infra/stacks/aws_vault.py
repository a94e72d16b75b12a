"""The key of an AWS region and the bucket of artifacts that it encrypts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.purchase import Purchase
from infra.stacks.aws_policies import policy
from infra.stacks.blocks import data, resource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.declaration import PhaseConfig
    from infra.stacks.blocks import Block

ACCOUNT = "${data.aws_caller_identity.current.account_id}"
_KEEP_OLD_DAYS = 30  # a release is rolled back within days; weights can be fetched again
_ABANDONED_DAYS = 3  # a checkpoint is uploaded within hours
_DELETE_KEY_DAYS = 30  # the longest the cloud waits: with the key go all disks and snapshots
_USE = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey")


def account() -> Block:
    """Return the account that the stack is planned for."""
    return data("aws_caller_identity", "current")


def key(config: PhaseConfig, region: str, label: str) -> tuple[Block, Block]:
    """Return the region's key, renewed every year, and its alias.

    What the key has sealed opens with it alone, the database's last snapshot included. Destroyed,
    it waits 30 days, in which a person can keep that snapshot by a copy under another key, or the
    key by `aws kms cancel-key-deletion`. Copies in the backup vault are safe from this: a vault
    with copies is not destroyed, and so neither is the key it needs.
    """
    made = resource(
        "aws_kms_key",
        "main",
        description=f"{label}: disks, artifacts, data and logs",
        enable_key_rotation=True,
        deletion_window_in_days=_DELETE_KEY_DAYS,
        policy=policy(*_key_rights(config, region)),
        tags={"Name": label},
    )
    alias = resource("aws_kms_alias", "main", name=f"alias/{label}", target_key_id=made.ref("id"))
    return made, alias


def _key_rights(config: PhaseConfig, region: str) -> Iterator[dict[str, Any]]:
    """The account's own policies decide, and services that carry none get just what they need."""
    root = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    yield {"Sid": "account", "Principal": root, "Action": "kms:*", "Resource": "*"}
    logs = f"arn:aws:logs:{region}:{ACCOUNT}:*"
    yield {
        "Sid": "logs",
        "Principal": {"Service": f"logs.{region}.amazonaws.com"},
        "Action": _USE,
        "Resource": "*",
        "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": logs}},
    }
    yield {
        "Sid": "alarms",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Action": ("kms:Decrypt", "kms:GenerateDataKey*"),
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
    }
    launchers = [
        f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/{each}" for each in _launchers(config)
    ]
    if launchers:
        # By condition: a principal that the account has not yet used would be refused.
        by_launcher = {"StringEquals": {"aws:PrincipalArn": launchers}}
        anyone = {"AWS": "*"}
        yield {
            "Sid": "launch", "Principal": anyone, "Action": _USE, "Resource": "*",
            "Condition": by_launcher,
        }  # fmt: skip
        yield {
            "Sid": "attach", "Principal": anyone, "Action": "kms:CreateGrant", "Resource": "*",
            "Condition": {**by_launcher, "Bool": {"kms:GrantIsForAWSResource": "true"}},
        }  # fmt: skip


def _launchers(config: PhaseConfig) -> Iterator[str]:
    """Services that start machines in the account's name, and must be able to open their disks."""
    if any(group.scales for group in config.groups):
        yield "autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
    if config.purchase is Purchase.SPOT:
        yield "spot.amazonaws.com/AWSServiceRoleForEC2Spot"


def bucket(label: str, sealed_by: Block) -> tuple[Block, ...]:
    """Return the bucket of releases and weights, and what protects it.

    A bucket that is not empty is never destroyed: its contents are a person's to delete.
    """
    made = resource("aws_s3_bucket", "artifacts", bucket=f"{label}-{ACCOUNT}", tags={"Name": label})
    return (made, *_protection(made, sealed_by), *_rules(made))


def _protection(made: Block, sealed_by: Block) -> Iterator[Block]:
    yield resource(
        "aws_s3_bucket_public_access_block",
        "artifacts",
        bucket=made.ref("id"),
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
    )
    yield resource(
        "aws_s3_bucket_ownership_controls",
        "artifacts",
        bucket=made.ref("id"),
        rule={"object_ownership": "BucketOwnerEnforced"},
    )
    by_key = {"sse_algorithm": "aws:kms", "kms_master_key_id": sealed_by.ref("arn")}
    yield resource(
        "aws_s3_bucket_server_side_encryption_configuration",
        "artifacts",
        bucket=made.ref("id"),
        rule=[{"apply_server_side_encryption_by_default": by_key, "bucket_key_enabled": True}],
    )


def _rules(made: Block) -> Iterator[Block]:
    yield resource(
        "aws_s3_bucket_policy",
        "artifacts",
        bucket=made.ref("id"),
        policy=policy(
            {
                "Sid": "EncryptedTransportOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [made.ref("arn"), f"{made.ref('arn')}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ),
        meta={"depends_on": ["aws_s3_bucket_public_access_block.artifacts"]},
    )
    yield resource(
        "aws_s3_bucket_versioning",
        "artifacts",
        bucket=made.ref("id"),
        versioning_configuration={"status": "Enabled"},
    )
    yield resource(
        "aws_s3_bucket_lifecycle_configuration",
        "artifacts",
        bucket=made.ref("id"),
        rule=[
            {
                "id": "old versions",
                "status": "Enabled",
                "filter": {"prefix": ""},
                "noncurrent_version_expiration": {"noncurrent_days": _KEEP_OLD_DAYS},
                "abort_incomplete_multipart_upload": {"days_after_initiation": _ABANDONED_DAYS},
            }
        ],
        meta={"depends_on": ["aws_s3_bucket_versioning.artifacts"]},
    )
