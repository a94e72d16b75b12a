"""Apply with the real provider's own checks, against a mock of its cloud."""

from __future__ import annotations

import json

import pytest

from infra.declaration import Phase
from infra.stacks.aws_data import data
from infra.stacks.aws_edge import edge
from infra.stacks.aws_watch import watch
from tests.infra.stacks.ground import config_of, site_of, standing
from tests.infra.stacks.mocked_aws import HERE, MOCKED, OWN_CERTIFICATE
from tests.infra.stacks.terraforming import terraform

_GIVEN = f"arn:aws:acm:{HERE}:certificate/0a1b-2"
_CHECKS = {
    "made": (
        {"domain": "llm.example.org", "zone_id": "Z123", "alarm_email": "a@example.org"},
        (
            f'aws_lb_listener.https.certificate_arn == "{OWN_CERTIFICATE}"',
            'aws_route53_record.certificate[0].name == "_0a.llm.example.org"',
            'aws_route53_record.gateway[0].name == "llm.example.org"',
            "length(aws_sns_topic_subscription.alarms) == 1",
            "aws_db_instance.main.deletion_protection",
            'can(regex("-final-[0-9]{14}$", aws_db_instance.main.final_snapshot_identifier))',
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
                "mock_resource": {kind: {"defaults": values} for kind, values in MOCKED.items()}
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
