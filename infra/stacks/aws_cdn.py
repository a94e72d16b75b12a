"""CloudFront before all regions, under one name; each name has a distribution of its own.

Standard logs are left out, because they need a bucket with access lists, which the artifacts' is
not; gateways log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.ports import HTTPS_PORT
from infra.stacks.aws_certificate import ORIGIN
from infra.stacks.blocks import resource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.stacks.blocks import Block

# Policies that AWS keeps under fixed ids: never cache; pass on all that the client sent, but Host.
_NO_CACHE = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
_ALL_BUT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
_SECURITY_HEADERS = "67f7725c-6f97-4210-82d7-5512b31e9d03"  # added where an answer has none
_READ_SECONDS = 60  # the most without asking AWS; a stream may pause so long, not last so long


def cdn(
    name: str,
    domain: str,
    certificate_arn: str,
    *,
    comment: str,
    headers: Mapping[str, str] | None = None,
) -> Block:
    """Return a distribution that ends TLS near the client and keeps nothing.

    Each answer is another's. It does not compress, for that would hold back the pieces of a stream.

    Args:
        name: Of the block.
        domain: The name under which it is reached.
        certificate_arn: Of that name, in us-east-1.
        comment: What tells it from others in the console.
        headers: What it tells the gateway with every request, whatever the client said.
    """
    return resource(
        "aws_cloudfront_distribution",
        name,
        enabled=True,
        comment=comment,
        aliases=[domain],
        http_version="http2and3",
        is_ipv6_enabled=True,
        price_class="PriceClass_All",
        origin=[_origin(headers or {})],
        default_cache_behavior={
            "target_origin_id": "regions",
            "viewer_protocol_policy": "https-only",
            "allowed_methods": ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"],
            "cached_methods": ["GET", "HEAD"],
            "cache_policy_id": _NO_CACHE,
            "origin_request_policy_id": _ALL_BUT_HOST,
            "response_headers_policy_id": _SECURITY_HEADERS,
            "compress": False,
        },
        restrictions={"geo_restriction": {"restriction_type": "none"}},
        viewer_certificate={
            "acm_certificate_arn": certificate_arn,
            "ssl_support_method": "sni-only",
            "minimum_protocol_version": "TLSv1.2_2021",
        },
    )


def _origin(headers: Mapping[str, str]) -> dict[str, Any]:
    told = [{"name": name, "value": value} for name, value in headers.items()]
    return {
        "origin_id": "regions",
        "domain_name": ORIGIN,
        **({"custom_header": told} if told else {}),
        "custom_origin_config": {
            "http_port": 80,
            "https_port": HTTPS_PORT,
            "origin_protocol_policy": "https-only",
            "origin_ssl_protocols": ["TLSv1.2"],
            "origin_read_timeout": _READ_SECONDS,
            "origin_keepalive_timeout": 60,
        },
    }
