"""Which sources are asked for which regions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.domain import unknown
from infra.errors import ConfigError
from infra.machines import REGIONS, region_named

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.machines import Cloud
    from provision.clouds.reading import Errand

DEFAULT = "aws-bulk"
SOURCES: Mapping[str, Cloud] = {
    "aws-bulk": "aws",
    "aws-api": "aws",
    "aws-spot": "aws",
    "gcp": "gcp",
}


def errands(sources: Sequence[str], regions: Sequence[str] | None) -> list[Errand]:
    """Return the requests to make, in the order the sources are named.

    Args:
        sources: Names of sources; `DEFAULT` when there is none.
        regions: Where; every region the catalogue knows a machine in when None.

    Raises:
        ConfigError: A source or a region is unknown, or a region is of no source's cloud.
    """
    chosen = list(dict.fromkeys(sources)) or [DEFAULT]
    for source in chosen:
        if source not in SOURCES:
            raise unknown("source", source, SOURCES)
    named = list(dict.fromkeys(region_named(name) for name in regions or REGIONS))
    clouds = {SOURCES[source] for source in chosen}
    if regions:
        _check_clouds(named, clouds, chosen)
    return [
        errand
        for source in chosen
        for errand in _of(source, [name for name in named if REGIONS[name] == SOURCES[source]])
    ]


def _check_clouds(regions: Sequence[str], clouds: set[Cloud], sources: Sequence[str]) -> None:
    for region in regions:
        if REGIONS[region] not in clouds:
            fitting = [name for name, cloud in SOURCES.items() if cloud == REGIONS[region]]
            raise ConfigError(
                f"region '{region}' is of {REGIONS[region]}, which {', '.join(sources)} does not "
                "know",
                hint=f"Add --source {' or --source '.join(fitting)}.",
            )


def _of(source: str, regions: Sequence[str]) -> list[Errand]:
    """Import a source only when it is used."""
    if source == "gcp":
        from provision.clouds.gcp_prices import GcpErrand

        return [GcpErrand.of(tuple(regions))] if regions else []
    if source == "aws-bulk":
        from provision.clouds.aws_bulk import BulkErrand

        return [BulkErrand.of(region) for region in regions]
    from provision.clouds.aws_api import ApiErrand, SpotErrand

    kind = ApiErrand if source == "aws-api" else SpotErrand
    return [kind.of(region) for region in regions]
