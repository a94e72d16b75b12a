"""Copies of data in AWS, which wear the tags of what they are copies of, and what each goes with.

A copy goes with its database, or with the vault that AWS Backup put it in; of either, Terraform's
state knows, of copies it does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provision.clouds.aws_words import at, pages, told

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from provision.clouds.aws_client import Clients
    from provision.clouds.cloud import Found

SNAPSHOT, AUTOMATIC, POINT = "rds:snapshot", "rds:auto-backup", "backup:recovery-point"
_VAULT = "backup:backup-vault"


def owners_of_copies(clients: Clients, region: str, listed: Sequence[Found]) -> dict[str, str]:
    """Return what copies go with, both by their ARNs; asks only about kinds that are listed.

    Raises:
        RemoteError: It could not be read.
    """
    kinds = {each.kind for each in listed}
    owners: dict[str, str] = {}
    if SNAPSHOT in kinds:
        owners.update(_databases_of_snapshots(clients, region))
    if AUTOMATIC in kinds:
        owners.update(_databases_of_backups(clients, region))
    if POINT in kinds:
        for vault in listed:
            if vault.kind == _VAULT:
                owners.update(_points(clients, region, vault.id))
    return owners


def _databases_of_snapshots(clients: Clients, region: str) -> Iterator[tuple[str, str]]:
    with told(at("rds:DescribeDBSnapshots", region)):
        client = clients.of("rds", region)
        for copy in pages(client, "describe_db_snapshots", "DBSnapshots"):
            name = str(copy["DBSnapshotArn"])
            place = name.split(":")[:5]
            yield name, ":".join((*place, "db", copy["DBInstanceIdentifier"]))


def _databases_of_backups(clients: Clients, region: str) -> Iterator[tuple[str, str]]:
    with told(at("rds:DescribeDBInstanceAutomatedBackups", region)):
        client = clients.of("rds", region)
        asked = "describe_db_instance_automated_backups", "DBInstanceAutomatedBackups"
        for copy in pages(client, *asked):
            yield str(copy["DBInstanceAutomatedBackupsArn"]), str(copy["DBInstanceArn"])


def _points(clients: Clients, region: str, vault: str) -> Iterator[tuple[str, str]]:
    with told(at("backup:ListRecoveryPointsByBackupVault", region)):
        client = clients.of("backup", region)
        name = vault.rpartition(":")[2]
        asked = "list_recovery_points_by_backup_vault", "RecoveryPoints"
        for point in pages(client, *asked, BackupVaultName=name):
            yield str(point["RecoveryPointArn"]), vault
