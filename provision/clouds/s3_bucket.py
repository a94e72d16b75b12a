"""A bucket of S3 for states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.errors import PreflightError
from provision.clouds.aws_words import told
from provision.clouds.s3_safeguards import SAFEGUARDS, Place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.backend import S3Backend
    from provision.clouds.s3_safeguards import Safeguard

_CONNECT_SECONDS, _READ_SECONDS, _ATTEMPTS = 5, 20, 3
_FIRST_REGION = "us-east-1"  # the only one that CreateBucket refuses to be told


@dataclass(frozen=True, slots=True)
class S3Bucket:
    """A bucket, asked for as the account behind the credentials in force.

    Attributes:
        account: Whose it has to be: a name that another account has taken is refused.
    """

    backend: S3Backend
    account: str
    client: Any

    @classmethod
    def of(cls, backend: S3Backend) -> S3Bucket:
        """Build it, with the account asked of AWS.

        Raises:
            PreflightError: Credentials or boto3 are missing.
            RemoteError: AWS does not answer.
        """
        with told("sts:GetCallerIdentity"):
            account = _client("sts", backend.region).get_caller_identity()["Account"]
            return cls(backend, str(account), _client("s3", backend.region))

    @property
    def url(self) -> str:
        """As in `s3://name`."""
        return f"s3://{self.backend.bucket}"

    @property
    def safeguards(self) -> tuple[str, ...]:
        """Names of all that it should have."""
        return tuple(SAFEGUARDS)

    def missing(self) -> tuple[str, ...] | None:
        """Return the safeguards that it lacks; None when there is no such bucket.

        Raises:
            PreflightError: It is another account's, or lies in another region.
        """
        if not self._is_there():
            return None
        return tuple(
            name
            for name, guard in SAFEGUARDS.items()
            if not guard.holds(self._found(guard), self._place)
        )

    def create(self) -> None:
        """Make it, empty and with an owner for all that is in it.

        Raises:
            PreflightError: Another account has one of this name.
        """
        place: dict[str, Any] = {}
        if self.backend.region != _FIRST_REGION:
            place["CreateBucketConfiguration"] = {"LocationConstraint": self.backend.region}
        with told("s3:CreateBucket"):
            from botocore.exceptions import ClientError

            try:
                self.client.create_bucket(
                    Bucket=self.backend.bucket, ObjectOwnership="BucketOwnerEnforced", **place
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "BucketAlreadyExists":
                    raise
                raise self._foreign() from error

    def establish(self, safeguard: str) -> None:
        """Set one of the safeguards."""
        guard = SAFEGUARDS[safeguard]
        wanted = guard.wanted(self._found(guard), self._place)
        with told(f"s3:Put{guard.action}"):
            getattr(self.client, f"put_{guard.operation}")(**self._ours, **wanted)

    @property
    def _ours(self) -> dict[str, str]:
        return {"Bucket": self.backend.bucket, "ExpectedBucketOwner": self.account}

    @property
    def _place(self) -> Place:
        partition = self.client.meta.partition
        return Place(arn=f"arn:{partition}:s3:::{self.backend.bucket}", prefix=self.backend.prefix)

    def _is_there(self) -> bool:
        with told("s3:ListBucket"):
            from botocore.exceptions import ClientError

            try:
                answer = self.client.head_bucket(**self._ours)
            except ClientError as error:
                status = error.response["ResponseMetadata"]["HTTPStatusCode"]
                if status == 404:
                    return False
                if status == 403:
                    raise self._foreign() from error
                raise
            region = answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region")
        if region not in (None, self.backend.region):
            raise PreflightError(
                f"{self.url}: lies in {region}, not in {self.backend.region}",
                hint=f'Set region = "{region}" in [state].',
            )
        return True

    def _found(self, guard: Safeguard) -> Mapping[str, Any]:
        """Return what is set; empty when nothing is."""
        with told(f"s3:Get{guard.action}"):
            from botocore.exceptions import ClientError

            try:
                found: Mapping[str, Any] = getattr(self.client, f"get_{guard.operation}")(
                    **self._ours
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != guard.absent:
                    raise
                return {}
            return found

    def _foreign(self) -> PreflightError:
        return PreflightError(
            f"{self.url}: is another account's, or account {self.account} may not see it",
            hint="Choose another bucket in [state], or allow s3:ListBucket on this one.",
        )


def _client(service: str, region: str) -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
    )
    return boto3.session.Session().client(service, region_name=region, config=config)
