"""Apply with the real provider's own checks, against a mock of its cloud."""

from __future__ import annotations

import json

import pytest

from infra.declaration import Phase
from infra.stacks.aws_data import data
from infra.stacks.aws_edge import edge
from infra.stacks.aws_watch import watch
from tests.infra.stacks.ground import config_of, site_of, standing
from tests.infra.stacks.terraforming import terraform

_HERE = "us-east-1:123456789012"
_OWN = f"arn:aws:acm:{_HERE}:certificate/0a1b-1"
_GIVEN = f"arn:aws:acm:{_HERE}:certificate/0a1b-2"
_BALANCER = f"arn:aws:elasticloadbalancing:{_HERE}:loadbalancer/app/a/0123456789abcdef"
_TARGETS = f"arn:aws:elasticloadbalancing:{_HERE}:targetgroup/a/0123456789abcdef"
_MOCKS = {
    "aws_lb": {"arn": _BALANCER, "arn_suffix": "app/a/0123456789abcdef"},
    "aws_lb_target_group": {"arn": _TARGETS, "arn_suffix": "targetgroup/a/0123456789abcdef"},
    "aws_wafv2_web_acl": {"arn": f"arn:aws:wafv2:{_HERE}:regional/webacl/a/0a1b"},
    "aws_kms_key": {"id": "0a1b", "arn": f"arn:aws:kms:{_HERE}:key/0a1b"},
    "aws_sns_topic": {"arn": f"arn:aws:sns:{_HERE}:a"},
    "aws_iam_role": {"arn": "arn:aws:iam::123456789012:role/a"},
    "aws_cloudwatch_log_group": {"arn": f"arn:aws:logs:{_HERE}:log-group:a"},
    "aws_db_instance": {"arn": f"arn:aws:rds:{_HERE}:db:a"},
    "aws_s3_bucket": {"arn": "arn:aws:s3:::a"},
    "aws_acm_certificate": {
        "arn": _OWN,
        "domain_validation_options": [
            {
                "domain_name": "llm.example.org",
                "resource_record_name": "_0a.llm.example.org",
                "resource_record_type": "CNAME",
                "resource_record_value": "_1b.acm-validations.aws",
            }
        ],
    },
    "aws_acm_certificate_validation": {"certificate_arn": _OWN},
}
_CHECKS = {
    "made": (
        {"domain": "llm.example.org", "zone_id": "Z123", "alarm_email": "a@example.org"},
        (
            f'aws_lb_listener.https.certificate_arn == "{_OWN}"',
            'aws_route53_record.certificate[0].name == "_0a.llm.example.org"',
            'aws_route53_record.gateway[0].name == "llm.example.org"',
            "length(aws_sns_topic_subscription.alarms) == 1",
            "aws_db_instance.main.deletion_protection",
        ),
    ),
    "given": (
        {"certificate_arn": _GIVEN, "keep_database": False},
        (
            f'aws_lb_listener.https.certificate_arn == "{_GIVEN}"',
            "length(aws_acm_certificate.gateway) == 0",
            "length(aws_route53_record.certificate) == 0",
            "length(aws_route53_record.gateway) == 0",
            "length(aws_sns_topic_subscription.alarms) == 0",
            "!aws_db_instance.main.deletion_protection",
        ),
    ),
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("parts")
    config = config_of(Phase.PRODUCTION)
    site = site_of(config, "us-east-1")
    parts = (part(config, "us-east-1", site) for part in (edge, data, watch))
    cli = terraform(folder, "aws")
    (place,) = cli.initialised([standing(config, "us-east-1", *parts)], folder / "out")
    (place / "region.tftest.json").write_text(json.dumps(_document()))
    return cli.run(place, "test", "-no-color")


def _document() -> dict[str, object]:
    return {
        "mock_provider": {
            "aws": {
                "mock_resource": {kind: {"defaults": values} for kind, values in _MOCKS.items()}
            }
        },
        "run": [
            {
                name: {
                    "command": "apply",
                    "variables": variables,
                    "assert": [
                        {"condition": f"${{{check}}}", "error_message": check} for check in checks
                    ],
                }
            }
            for name, (variables, checks) in _CHECKS.items()
        ],
    }


@pytest.mark.parametrize("name", _CHECKS)
def test_a_region_applies_with_a_certificate_that_is(name: str, said: str) -> None:
    assert f'run "{name}"... pass' in said
