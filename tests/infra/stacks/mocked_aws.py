"""A Terraform test's stand-in for AWS: every id is of the form that the provider checks."""

from __future__ import annotations

from collections.abc import Sequence

HERE = "us-east-1:123456789012"
OWN_CERTIFICATE = f"arn:aws:acm:{HERE}:certificate/0a1b-1"
MOCKED = {
    "aws_launch_template": {"id": "lt-0123456789abcdef0", "latest_version": 1},
    "aws_kms_key": {
        "id": "0d9d9a40-0000-4000-8000-000000000000",
        "arn": "arn:aws:kms:us-east-1:123456789012:key/0d9d9a40-0000-4000-8000-000000000000",
    },
    "aws_s3_bucket": {"id": "artifacts", "arn": "arn:aws:s3:::artifacts"},
    "aws_iam_instance_profile": {"arn": "arn:aws:iam::123456789012:instance-profile/node"},
    "aws_iam_role": {"id": "node", "name": "node", "arn": "arn:aws:iam::123456789012:role/node"},
    "aws_lb": {
        "arn": f"arn:aws:elasticloadbalancing:{HERE}:loadbalancer/app/a/0123456789abcdef",
        "arn_suffix": "app/a/0123456789abcdef",
    },
    "aws_lb_target_group": {
        "arn": f"arn:aws:elasticloadbalancing:{HERE}:targetgroup/a/0123456789abcdef",
        "arn_suffix": "targetgroup/a/0123456789abcdef",
    },
    "aws_wafv2_web_acl": {"arn": f"arn:aws:wafv2:{HERE}:regional/webacl/a/0a1b"},
    "aws_sns_topic": {"arn": f"arn:aws:sns:{HERE}:a"},
    "aws_cloudwatch_log_group": {"arn": f"arn:aws:logs:{HERE}:log-group:a"},
    "aws_db_instance": {"arn": f"arn:aws:rds:{HERE}:db:a"},
    "aws_acm_certificate": {
        "arn": OWN_CERTIFICATE,
        "domain_validation_options": [
            {
                "domain_name": "llm.example.org",
                "resource_record_name": "_0a.llm.example.org",
                "resource_record_type": "CNAME",
                "resource_record_value": "_1b.acm-validations.aws",
            }
        ],
    },
    "aws_acm_certificate_validation": {"certificate_arn": OWN_CERTIFICATE},
}


def mocked_aws(zones: Sequence[str], aliases: Sequence[str] = ()) -> str:
    """Return the beginning of a .tftest.hcl file: an AWS whose region rents in these zones.

    Args:
        zones: By their ids.
        aliases: Of further providers of the stack.
    """
    data = {
        "aws_caller_identity": {"account_id": "123456789012"},
        "aws_ec2_instance_type_offerings": {"locations": list(zones)},
        "aws_ssm_parameter": {"insecure_value": "ami-0123456789abcdef0"},
    }
    mocks = [_mock("data", kind, values) for kind, values in data.items()]
    mocks += [_mock("resource", kind, values) for kind, values in MOCKED.items()]
    names = ["", *(f'  alias = "{alias}"\n' for alias in aliases)]
    return "".join(f'mock_provider "aws" {{\n{name}{"".join(mocks)}}}\n' for name in names)


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
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_hcl(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_hcl(each) for each in value) + "]"
    return str(value) if isinstance(value, int) else f'"{value}"'
