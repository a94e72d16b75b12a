"""What a bucket of S3 needs before states are kept in it: values only, nothing is asked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from provision.clouds.bucket import NEWEST_KEPT, OLD_VERSION_DAYS, TAG

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Answer: TypeAlias = Mapping[str, Any]

_TLS_ONLY = "qinfraTlsOnly"
_OLD_VERSIONS = "qinfra-old-versions"
_OPEN = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
_ABANDONED_DAYS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where states are.

    Attributes:
        arn: Of the bucket.
        prefix: Of the states' names.
    """

    arn: str
    prefix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Safeguard:
    """How one safeguard is read and set.

    Attributes:
        operation: As boto3 names it, after `get_` and `put_`.
        action: As a policy names it, after `s3:Get` and `s3:Put`.
        holds: Whether an answer says that it is set.
        wanted: What is to be put, so that it is; what else the answer holds is kept.
        absent: Code with which S3 says that nothing is set; the answer is empty then.
    """

    operation: str
    action: str
    holds: Callable[[Answer, Place], bool]
    wanted: Callable[[Answer, Place], Answer]
    absent: str = ""


def _is_owned(found: Answer, _: Place) -> bool:
    rules = found.get("OwnershipControls", {}).get("Rules", [])
    return [rule["ObjectOwnership"] for rule in rules] == ["BucketOwnerEnforced"]


def _owned(_: Answer, __: Place) -> Answer:
    return {"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}}


def _is_private(found: Answer, _: Place) -> bool:
    return all(found.get("PublicAccessBlockConfiguration", {}).get(name) for name in _OPEN)


def _private(_: Answer, __: Place) -> Answer:
    return {"PublicAccessBlockConfiguration": dict.fromkeys(_OPEN, True)}


def _is_versioned(found: Answer, _: Place) -> bool:
    return bool(found.get("Status") == "Enabled")


def _versioned(_: Answer, __: Place) -> Answer:
    return {"VersioningConfiguration": {"Status": "Enabled"}}


def _is_encrypted(found: Answer, _: Place) -> bool:
    return bool(found.get("ServerSideEncryptionConfiguration", {}).get("Rules"))


def _encrypted(_: Answer, __: Place) -> Answer:
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    return {"ServerSideEncryptionConfiguration": {"Rules": [rule]}}


def _policy(found: Answer) -> tuple[dict[str, Any], list[Answer]]:
    """Return a policy, and its statements, of which S3 takes a single one without a list too."""
    policy: dict[str, Any] = json.loads(found.get("Policy", "{}"))
    statements = policy.get("Statement", [])
    return policy, [statements] if isinstance(statements, dict) else statements


def _tls_only(place: Place) -> Answer:
    return {
        "Sid": _TLS_ONLY,
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [place.arn, f"{place.arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def _refuses_plain(found: Answer, place: Place) -> bool:
    _, statements = _policy(found)
    return _tls_only(place) in statements


def _refusing_plain(found: Answer, place: Place) -> Answer:
    policy, statements = _policy(found)
    others = [each for each in statements if each.get("Sid") != _TLS_ONLY]
    policy = {"Version": "2012-10-17", **policy, "Statement": [*others, _tls_only(place)]}
    return {"Policy": json.dumps(policy)}


def _is_tidied(found: Answer, _: Place) -> bool:
    rules = found.get("Rules", [])
    return any(r.get("ID") == _OLD_VERSIONS and r["Status"] == "Enabled" for r in rules)


def _tidied(found: Answer, place: Place) -> Answer:
    ours = {
        "ID": _OLD_VERSIONS,
        "Status": "Enabled",
        "Filter": {"Prefix": f"{place.prefix}/"},
        "NoncurrentVersionExpiration": {
            "NoncurrentDays": OLD_VERSION_DAYS,
            "NewerNoncurrentVersions": NEWEST_KEPT,
        },
        "Expiration": {"ExpiredObjectDeleteMarker": True},  # locks that were released leave them
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": _ABANDONED_DAYS},
    }
    others = [rule for rule in found.get("Rules", []) if rule.get("ID") != _OLD_VERSIONS]
    return {"LifecycleConfiguration": {"Rules": [*others, ours]}}


def _is_tagged(found: Answer, _: Place) -> bool:
    return TAG.items() <= {tag["Key"]: tag["Value"] for tag in found.get("TagSet", [])}.items()


def _tagged(found: Answer, _: Place) -> Answer:
    tags = {tag["Key"]: tag["Value"] for tag in found.get("TagSet", [])} | TAG
    return {"Tagging": {"TagSet": [{"Key": k, "Value": v} for k, v in tags.items()]}}


SAFEGUARDS: Mapping[str, Safeguard] = {
    "one owner of all objects": Safeguard(
        operation="bucket_ownership_controls",
        action="BucketOwnershipControls",
        holds=_is_owned,
        wanted=_owned,
        absent="OwnershipControlsNotFoundError",
    ),
    "no public access": Safeguard(
        operation="public_access_block",
        action="BucketPublicAccessBlock",
        holds=_is_private,
        wanted=_private,
        absent="NoSuchPublicAccessBlockConfiguration",
    ),
    "versioning": Safeguard(
        operation="bucket_versioning",
        action="BucketVersioning",
        holds=_is_versioned,
        wanted=_versioned,
    ),
    "encryption": Safeguard(
        operation="bucket_encryption",
        action="EncryptionConfiguration",
        holds=_is_encrypted,
        wanted=_encrypted,
        absent="ServerSideEncryptionConfigurationNotFoundError",
    ),
    "TLS only": Safeguard(
        operation="bucket_policy",
        action="BucketPolicy",
        holds=_refuses_plain,
        wanted=_refusing_plain,
        absent="NoSuchBucketPolicy",
    ),
    "old versions expire": Safeguard(
        operation="bucket_lifecycle_configuration",
        action="LifecycleConfiguration",
        holds=_is_tidied,
        wanted=_tidied,
        absent="NoSuchLifecycleConfiguration",
    ),
    "tags": Safeguard(
        operation="bucket_tagging",
        action="BucketTagging",
        holds=_is_tagged,
        wanted=_tagged,
        absent="NoSuchTagSet",
    ),
}
