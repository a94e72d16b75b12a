"""Copies of what a region cannot compute again: its database, and the bucket of artifacts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.stacks.aws_policies import trust
from infra.stacks.blocks import resource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.declaration import PhaseConfig
    from infra.stacks.blocks import Block
    from infra.stacks.site import Site

# The database keeps seven days of its own; these reach further back, and outlive the instance.
_WEEKLY = "cron(0 5 ? * SUN *)"
_KEEP_DAYS = 35
_POLICIES = {
    "database": "service-role/AWSBackupServiceRolePolicyForBackup",
    "bucket": "AWSBackupServiceRolePolicyForS3Backup",
}


def backup(config: PhaseConfig, site: Site) -> tuple[Block, ...]:
    """Return a vault and what is put there each week; nothing where there is no database.

    The bucket's versions have to be on: AWS Backup takes no other. The role that copies cannot
    restore; that is done by a person, with rights of theirs. Nor is a vault destroyed that still
    holds copies: a person empties it first.
    """
    if config.services.database is None:
        return ()
    vault = resource("aws_backup_vault", "main", name=site.label, kms_key_arn=site.key.ref("arn"))
    plan = resource(
        "aws_backup_plan",
        "main",
        name=site.label,
        rule=[
            {
                "rule_name": "weekly",
                "target_vault_name": vault.ref("name"),
                "schedule": _WEEKLY,
                "start_window": 60,
                "completion_window": 360,
                "lifecycle": {"delete_after": _KEEP_DAYS},
            }
        ],
    )
    return (vault, plan, *_selection(site, plan))


def _selection(site: Site, plan: Block) -> Iterator[Block]:
    role = resource(
        "aws_iam_role",
        "backup",
        name=f"{site.label}-backup",
        assume_role_policy=trust("backup", account=site.vpc.ref("owner_id")),
    )
    yield role
    for name, policy in _POLICIES.items():
        yield resource(
            "aws_iam_role_policy_attachment",
            f"backup_{name}",
            role=role.ref("name"),
            policy_arn=f"arn:aws:iam::aws:policy/{policy}",
        )
    yield resource(
        "aws_backup_selection",
        "main",
        name=site.label,
        plan_id=plan.ref("id"),
        iam_role_arn=role.ref("arn"),
        resources=["${aws_db_instance.main.arn}", site.bucket.ref("arn")],
    )
