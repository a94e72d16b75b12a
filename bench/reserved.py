"""Every reserved rate of the catalogue as cash, put together again, and beside known cash."""

from __future__ import annotations

from infra.pricing.catalogue import packaged_prices
from infra.pricing.commitment import Commitment, commitment

# Worked out by hand when the catalogue was compiled, not quoted by AWS: it holds the search for a
# pair of whole dollars and tenths of a cent to what was found then. USD at once, USD an hour.
KNOWN = {
    ("us-east-1", 1, "partial"): (1_382, 0.158),
    ("us-east-1", 1, "all"): (2_709, 0),
    ("us-east-1", 3, "partial"): (2_765, 0.105),
    ("us-east-1", 3, "all"): (5_198, 0),
    ("eu-west-1", 1, "partial"): (1_670, 0.191),
    ("eu-west-1", 1, "all"): (3_273, 0),
    ("eu-west-1", 3, "all"): (5_795, 0),
    ("eu-central-1", 1, "partial"): (1_872, 0.214),
    ("eu-central-1", 1, "all"): (3_669, 0),
    ("ap-southeast-1", 1, "partial"): (1_934, 0.221),
    ("ap-southeast-1", 1, "all"): (3_791, 0),
    ("ap-southeast-1", 3, "all"): (8_182, 0),
    ("ap-northeast-1", 1, "partial"): (2_022, 0.231),
    ("ap-northeast-1", 1, "all"): (3_962, 0),
    ("ap-northeast-1", 3, "all"): (8_245, 0),
}


def measure() -> dict[str, float]:
    """Return the worst deviations: of rates put together again, and of the cash that is known."""
    found: dict[tuple[str, int, str], Commitment] = {}
    deviations = []
    for price in packaged_prices().prices.values():
        if not price.term.startswith("reserved"):
            continue
        _, term, upfront, _ = price.term.split("_")
        years = int(term[0])
        each = commitment(price.usd, years=years, upfront=upfront)
        found[price.region, years, upfront] = each
        deviations.append(abs(each.effective_usd_per_hour / price.usd - 1))
    return {
        "reserved_rates": len(found),
        "worst_rate_deviation_percent": 100 * float(max(deviations)),
        "rates_of_known_cash": len(KNOWN),
        "worst_upfront_difference_usd": max(
            abs(float(found[key].upfront_usd) - upfront) for key, (upfront, _) in KNOWN.items()
        ),
        "worst_hourly_difference_usd": max(
            abs(float(found[key].usd_per_hour) - hourly) for key, (_, hourly) in KNOWN.items()
        ),
    }
