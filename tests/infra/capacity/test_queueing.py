from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.capacity.queueing import Sojourn, Station, erlang_c, tandem, waiting
from infra.errors import ConfigError


def station(**given: float) -> Station:
    plain = {"arrivals_per_second": 1.5, "servers": 2, "service_seconds": 1.0}
    return Station(name="s", **(plain | given))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("servers", "load", "probability"),
    [
        (1, 0.5, 0.5),  # one server: the utilisation itself
        (2, 1.0, 1 / 3),  # two: 2 rho² / (1 + rho)
        (2, 1.5, 9 / 14),
        (3, 2.0, 4 / 9),  # textbook values, as in Kleinrock 1975
        (5, 4.0, 0.554113),
        (10, 8.0, 0.409180),
    ],
)
def test_erlang_c_has_its_known_values(servers: int, load: float, probability: float) -> None:
    assert erlang_c(servers, load) == pytest.approx(probability, rel=1e-5)


def test_erlang_c_is_the_sum_of_its_definition() -> None:
    servers, load = 100, Fraction(90)
    below = sum(load**n / math.factorial(n) for n in range(servers))
    full = load**servers / math.factorial(servers) / (1 - load / servers)
    assert erlang_c(servers, 90.0) == pytest.approx(float(full / (below + full)), rel=1e-12)


@pytest.mark.parametrize(("servers", "load"), [(5_000, 4_900.0), (100_000, 99_900.0)])
def test_erlang_c_stands_thousands_of_servers(servers: int, load: float) -> None:
    assert 0 < erlang_c(servers, load) < 1


def test_erlang_c_at_its_ends() -> None:
    assert erlang_c(3, 0) == 0
    assert erlang_c(3, 3) == 1
    assert erlang_c(10_000, 1) == 0


@given(servers=st.integers(1, 200), loads=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_more_load_never_waits_less(servers: int, loads: tuple[float, float]) -> None:
    less, more = sorted(loads)
    assert erlang_c(servers, less * servers) <= erlang_c(servers, more * servers) + 1e-12


@given(servers=st.integers(1, 200), load=st.floats(0.01, 0.99))
def test_one_more_server_never_waits_longer(servers: int, load: float) -> None:
    assert erlang_c(servers + 1, load * servers) <= erlang_c(servers, load * servers) + 1e-12


def test_a_single_server_waits_as_pollaczek_and_khinchine_say() -> None:
    for variability in (0.0, 0.5, 1.0, 4.0):
        one = station(arrivals_per_second=0.8, servers=1, variability=variability)
        exact = 0.8 * (1 + variability) / (2 * (1 - 0.8))
        assert waiting(one).mean_seconds == pytest.approx(exact)


def test_a_single_servers_response_is_exponential() -> None:
    sojourn = Sojourn(stations=(station(arrivals_per_second=0.5, servers=1),))
    for share in (0.01, 0.5, 0.95, 0.99, 0.9999):
        assert sojourn.quantile_seconds(share) == pytest.approx(-2 * math.log(1 - share), rel=1e-5)


def test_two_single_servers_alike_add_to_an_erlang_distribution() -> None:
    one = station(arrivals_per_second=0.5, servers=1)
    seconds = Sojourn(stations=tandem((one, one))).quantile_seconds(0.95)
    rate = 0.5
    assert 1 - math.exp(-rate * seconds) * (1 + rate * seconds) == pytest.approx(0.95, abs=1e-6)


def test_departures_of_exponential_stations_are_poisson() -> None:
    for linked in tandem((station(), station(servers=3), station(servers=9))):
        assert linked.arrival_variability == pytest.approx(1)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95, 0.99, 0.9999])
def test_work_without_spread_takes_its_mean_at_every_percentile(share: float) -> None:
    steady = station(variability=0)
    alone = Sojourn(stations=(steady, steady), queues=False)
    assert alone.quantile_seconds(share) == pytest.approx(2)


def test_work_without_spread_waits_for_those_who_have_to_wait() -> None:
    one = station(arrivals_per_second=0.5, servers=1, variability=0)
    wait = waiting(one)
    late = wait.seconds_if_any * math.log(wait.probability / 0.05)
    assert Sojourn(stations=(one,)).quantile_seconds(0.4) == 1
    assert Sojourn(stations=(one,)).quantile_seconds(0.95) == pytest.approx(1 + late, rel=1e-5)


@pytest.mark.parametrize(
    ("variability", "share", "chi_squared"),
    [  # a gamma service is chi-squared with 2 / variability degrees of freedom; printed tables
        (0.002, 0.95, 1_074.679),
        (0.002, 0.99, 1_106.969),
        (0.02, 0.95, 124.342),
        (0.02, 0.99, 135.807),
        (0.2, 0.95, 18.307),
        (0.2, 0.99, 23.209),
        (2, 0.95, 3.841),
        (2, 0.99, 6.635),
    ],
)
def test_gamma_work_has_the_percentiles_of_the_tables(
    variability: float, share: float, chi_squared: float
) -> None:
    alone = Sojourn(stations=(station(variability=variability),), queues=False)
    tabled = chi_squared * variability / 2
    assert alone.quantile_seconds(share) == pytest.approx(tabled, rel=2e-4)


@pytest.mark.parametrize("servers", [2, 8, 50])
@pytest.mark.parametrize("share", [0.5, 0.95, 0.99, 0.9999])
def test_percentiles_are_those_of_the_exact_mixture_of_exponentials(
    servers: int, share: float
) -> None:
    one = station(arrivals_per_second=0.9 * servers, servers=servers)
    seconds = Sojourn(stations=(one,)).quantile_seconds(share)
    late, rate = waiting(one).probability, 1 / waiting(one).seconds_if_any
    waited = (rate * math.exp(-seconds) - math.exp(-rate * seconds)) / (rate - 1)
    left = (1 - late) * math.exp(-seconds) + late * waited
    assert left == pytest.approx(1 - share, rel=5e-5)


@given(
    load=st.floats(0.0, 0.95),
    servers=st.integers(1, 40),
    variability=st.floats(0.05, 10),
    shares=st.tuples(st.floats(0.05, 0.995), st.floats(0.05, 0.995)),
)
def test_percentiles_ascend_and_lie_above_those_of_the_work_alone(
    load: float, servers: int, variability: float, shares: tuple[float, float]
) -> None:
    one = station(arrivals_per_second=load * servers, servers=servers, variability=variability)
    both = tandem((one, one))
    low, high = sorted(shares)
    queued, alone = Sojourn(stations=both), Sojourn(stations=both, queues=False)
    assert queued.quantile_seconds(low) <= queued.quantile_seconds(high) * 1.001
    assert queued.quantile_seconds(high) >= alone.quantile_seconds(high) * 0.999


def test_a_station_that_cannot_keep_up_has_no_wait() -> None:
    with pytest.raises(ConfigError, match="asked for 100% of its time: must be below 100%"):
        waiting(station(arrivals_per_second=2.0))


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"arrivals_per_second": -1.0}, "arrivals_per_second is -1"),
        ({"arrivals_per_second": math.nan}, "arrivals_per_second is nan"),
        ({"servers": 0}, "servers is 0"),
        ({"service_seconds": 0.0}, "service_seconds is 0"),
        ({"variability": -0.1}, "variability is -0.1"),
    ],
)
def test_an_impossible_station_is_refused(wrong: dict[str, float], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        station(**wrong)


@pytest.mark.parametrize("share", [0.0, 1.0, math.nan])
def test_a_percentile_is_inside_zero_and_one(share: float) -> None:
    with pytest.raises(ConfigError, match="share is"):
        Sojourn(stations=(station(),)).quantile_seconds(share)
