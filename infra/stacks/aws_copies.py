"""Copies from region to region: the first one's artifacts, and each one's database.

They stand above the regions, for what is copied and where it goes has to be there before.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

from infra.stacks.aws_policies import policy, trust
from infra.stacks.aws_tags import SHORT_LABEL
from infra.stacks.blocks import resource

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from infra.declaration import PhaseConfig
    from infra.stacks.blocks import Block

# Each region's rollout writes the rest, `nodes/`, for its own machines.
_FOLDERS = ("releases", "models", "tenants")
_KEEP_DAYS = 7  # as the database itself


def copies(
    config: PhaseConfig, states: Mapping[str, Block], within: Mapping[str, str]
) -> tuple[Block, ...]:
    """Return what copies between the regions of a phase; nothing where it has one.

    Args:
        config: The phase.
        states: By region, its outputs.
        within: By region, the provider that works there, where that is not the stack's own.
    """
    if len(config.regions) == 1:
        return ()
    databases = _databases(config, states, within) if config.services.database else ()
    return (*_artifacts(config, states, within), *databases)


def copied_to(config: PhaseConfig, region: str) -> str:
    """Return where a region's database is copied to: the next one, the first after the last."""
    return config.regions[(config.regions.index(region) + 1) % len(config.regions)]


def _artifacts(
    config: PhaseConfig, states: Mapping[str, Block], within: Mapping[str, str]
) -> Iterator[Block]:
    """Copy what comes to the first region's bucket to the others', under their own keys.

    A deletion is not copied: what is lost in one region is kept in another.
    """
    first, *others = config.regions
    role = resource(
        "aws_iam_role",
        "replication",
        name=f"{SHORT_LABEL}-replication",
        description="qinfra: artifacts from the first region to the others",
        assume_role_policy=trust("s3"),
    )
    yield role
    yield resource(
        "aws_iam_role_policy",
        "replication",
        name="copy",
        role=role.ref("id"),
        policy=policy(*_rights(states, first, others)),
    )
    yield resource(
        "aws_s3_bucket_replication_configuration",
        "artifacts",
        bucket=states[first].ref("outputs.bucket"),
        role=role.ref("arn"),
        rule=[
            _rule(number, folder, region, states)
            for number, (region, folder) in enumerate(product(others, _FOLDERS), start=1)
        ],
        meta={"depends_on": ["aws_iam_role_policy.replication"], **_in(within, first)},
    )


def _rule(number: int, folder: str, region: str, states: Mapping[str, Block]) -> dict[str, Any]:
    return {
        "id": f"{folder} to {region}",
        "priority": number,
        "status": "Enabled",
        "filter": {"prefix": f"{folder}/"},
        "delete_marker_replication": {"status": "Disabled"},
        "source_selection_criteria": {"sse_kms_encrypted_objects": {"status": "Enabled"}},
        "destination": {
            "bucket": _bucket(states[region]),
            "encryption_configuration": {"replica_kms_key_id": states[region].ref("outputs.key")},
        },
    }


def _rights(states: Mapping[str, Block], first: str, others: list[str]) -> Iterator[dict[str, Any]]:
    """Read versions of the first bucket, write replicas into the others', with either's key."""
    source = _bucket(states[first])
    yield {
        "Sid": "Look",
        "Action": ["s3:GetReplicationConfiguration", "s3:ListBucket"],
        "Resource": source,
    }
    yield {
        "Sid": "Read",
        "Action": [
            "s3:GetObjectVersionAcl",
            "s3:GetObjectVersionForReplication",
            "s3:GetObjectVersionTagging",
        ],
        "Resource": [f"{source}/{folder}/*" for folder in _FOLDERS],
    }
    yield {
        "Sid": "Write",
        "Action": ["s3:ReplicateObject", "s3:ReplicateTags"],
        "Resource": [
            f"{_bucket(states[region])}/{folder}/*" for region in others for folder in _FOLDERS
        ],
    }
    yield {
        "Sid": "Open",
        "Action": "kms:Decrypt",
        "Resource": states[first].ref("outputs.key"),
        "Condition": _through_s3(first),
    }
    for region in others:
        yield {
            "Sid": f"Seal{region.title().replace('-', '')}",
            "Action": ["kms:Encrypt", "kms:GenerateDataKey"],
            "Resource": states[region].ref("outputs.key"),
            "Condition": _through_s3(region),
        }


def _through_s3(region: str) -> dict[str, Any]:
    return {"StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"}}


def _bucket(state: Block) -> str:
    return f"arn:aws:s3:::{state.ref('outputs.bucket')}"


def _databases(
    config: PhaseConfig, states: Mapping[str, Block], within: Mapping[str, str]
) -> Iterator[Block]:
    """Copy each database's snapshots and logs to the next region, under that one's key.

    From there a person restores it to any minute of the last days. Nothing runs until then.
    """
    for region in config.regions:
        target = copied_to(config, region)
        yield resource(
            "aws_db_instance_automated_backups_replication",
            region.replace("-", "_"),
            source_db_instance_arn=states[region].ref("outputs.database_arn"),
            kms_key_id=states[target].ref("outputs.key"),
            retention_period=_KEEP_DAYS,
            meta=_in(within, target),
        )


def _in(within: Mapping[str, str], region: str) -> dict[str, str]:
    return {"provider": within[region]} if region in within else {}
