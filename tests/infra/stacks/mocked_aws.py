"""A Terraform test's stand-in for AWS: every id is of the form that the provider checks."""

from __future__ import annotations

from collections.abc import Sequence

_IDS = {
    "aws_launch_template": {"id": "lt-0123456789abcdef0", "latest_version": 1},
    "aws_kms_key": {
        "id": "0d9d9a40-0000-4000-8000-000000000000",
        "arn": "arn:aws:kms:us-east-1:123456789012:key/0d9d9a40-0000-4000-8000-000000000000",
    },
    "aws_s3_bucket": {"id": "artifacts", "arn": "arn:aws:s3:::artifacts"},
    "aws_iam_instance_profile": {"arn": "arn:aws:iam::123456789012:instance-profile/node"},
    "aws_iam_role": {"id": "node", "name": "node", "arn": "arn:aws:iam::123456789012:role/node"},
}


def mocked_aws(zones: Sequence[str]) -> str:
    """Return the beginning of a .tftest.hcl file: an AWS whose region rents in these zones."""
    data = {
        "aws_caller_identity": {"account_id": "123456789012"},
        "aws_ec2_instance_type_offerings": {"locations": list(zones)},
        "aws_ssm_parameter": {"insecure_value": "ami-0123456789abcdef0"},
    }
    mocks = [_mock("data", kind, values) for kind, values in data.items()]
    mocks += [_mock("resource", kind, values) for kind, values in _IDS.items()]
    return 'mock_provider "aws" {\n' + "".join(mocks) + "}\n"


def run(name: str, command: str, *lines: str) -> str:
    """Return a run of such a file."""
    inner = "".join(f"  {line}\n" for line in (f"command = {command}", *lines))
    return f'run "{name}" {{\n{inner}}}\n'


def holds(condition: str) -> str:
    """Return a line of a run that fails it unless the condition is true."""
    return f'assert {{\n    condition = {condition}\n    error_message = "not so"\n  }}'


def _mock(mode: str, kind: str, values: dict[str, object]) -> str:
    lines = "".join(f"      {key} = {_hcl(value)}\n" for key, value in values.items())
    return f'  mock_{mode} "{kind}" {{\n    defaults = {{\n{lines}    }}\n  }}\n'


def _hcl(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_hcl(each) for each in value) + "]"
    return str(value) if isinstance(value, int) else f'"{value}"'
