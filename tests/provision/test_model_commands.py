"""`qinfra capacity` and `qinfra cost` as a person runs them."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from provision.cli import main
from tests.provision.loopback import answer, loopback

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(main, arguments)

    return invoke


def test_capacity_shows_every_phase(run: Run) -> None:
    result = run("capacity")
    assert result.exit_code == 0
    for phase in ("demo", "mvp", "production", "enterprise"):
        assert f"\n{phase}" in result.output


def test_capacity_as_the_guide_prints_its_figures(run: Run) -> None:
    document = json.loads(run("capacity", "--as-guide", "--json").output)
    assert document["model"]["demand"]["peak_queries_per_hour"] == 7_410
    assert document["model"]["fleet"]["transformer"] == 6
    assert document["phases"][0]["response"]["p95_seconds"] is None


def test_capacity_ends_with_4_when_no_fleet_keeps_the_promise(run: Run) -> None:
    result = run("capacity", "--phase", "production", "--meet-slo")
    assert result.exit_code == 4
    assert "no number of nodes helps" in result.output
    assert run("capacity", "--phase", "mvp", "--meet-slo").exit_code == 0


def test_capacity_simulates_from_a_seed(run: Run) -> None:
    arguments = ("capacity", "--phase", "mvp", "--simulate", "--requests", "20000", "--seed", "3")
    first, again = run(*arguments), run(*arguments)
    assert first.output == again.output
    assert "simulated 20,000 queries (seed 3)" in first.output


def test_capacity_lists_the_findings(run: Run) -> None:
    assert "G10" in run("capacity", "findings").output
    assert "指南" in run("capacity", "findings", "--lang", "zh-TW").output
    assert len(json.loads(run("capacity", "findings", "--json").output)["findings"]) == 10


def test_roi_shows_the_guides_scenarios_and_any_other(run: Run) -> None:
    assert "6,683,603" in run("roi").output
    (one,) = json.loads(
        run("roi", "--phase", "mvp", "--adoption", "0.05", "--plan", "premium", "--json").output
    )
    assert one["revenue_usd"] == pytest.approx(14_434, abs=1)


def test_roi_shows_what_moves_the_profit(run: Run) -> None:
    output = run("roi", "--tornado").output
    assert output.count("What moves the profit of") == 3
    assert "guide v3.0 §2.5" in output
    bars = [line for line in output.splitlines() if "|" in line and line.startswith("adoption")]
    assert len(bars) == 3
    assert "------|=====" in bars[1]


def test_roi_draws_scenarios_from_a_seed(run: Run) -> None:
    arguments = ("roi", "--monte-carlo", "2000", "--seed", "3")
    first = run(*arguments)
    assert first.output == run(*arguments).output
    assert first.output.count("2,000 scenarios, seed 3") == 3
    assert "make a profit" in first.output
    assert "never pay back" in first.output


def test_roi_draws_as_many_scenarios_as_are_said_or_a_hundred_thousand(run: Run) -> None:
    scenario = ("--phase", "mvp", "--adoption", "0.05", "--plan", "premium")
    assert (
        "100,000 scenarios, seed 1" in run("roi", *scenario, "--monte-carlo", "--seed", "1").output
    )


def test_a_range_of_a_flag_wins_over_the_file_and_the_file_over_the_default(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "qinfra.toml").write_text(
        "[ranges]\nadoption = { low = 0.02, high = 0.11 }\ngrowth = { median = 1.5, sigma = 0.2 }\n"
    )
    result = run("roi", "--tornado", "--range", "adoption=0.01::0.12", "--json")
    document = json.loads(result.output)
    ranges = {each["key"]: each for each in document["studies"][1]["ranges"]}
    assert (ranges["adoption"]["from"], ranges["adoption"]["to"]) == (0.01, 0.12)
    assert ranges["adoption"]["source"] == "--range"
    assert ranges["growth"]["source"] == "qinfra.toml"
    assert ranges["growth"]["kind"] == "lognormal"
    assert ranges["conversion"]["source"].startswith("assumed")


def test_the_roi_document_has_everything_and_only_numbers(run: Run) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    text = run("roi", "--tornado", "--monte-carlo", "2000", "--json").output
    document = json.loads(text, parse_constant=refuse)
    rows = json.loads(run("roi", "--json").output)
    assert document["scenarios"] == rows
    for row, study in zip(rows, document["studies"], strict=True):
        assert study["scenario"] == row["scenario"]
        assert study["tornado"]["in_force"]["profit_usd"] == row["profit_usd"]
        assert len(study["tornado"]["bars"]) == len(study["ranges"]) == 6
        assert study["monte_carlo"]["scenarios"] == 2_000
    assert document["studies"][0]["tornado"]["bars"][0]["low"]["payback_months"] is None


@pytest.mark.parametrize("form", ["table", "json", "csv", "md"])
def test_cost_has_forms(run: Run, form: str) -> None:
    result = run("cost", "--phase", "mvp", "--format", form)
    assert result.exit_code == 0
    if form == "json":
        assert json.loads(result.stdout)["phase"] == "mvp"
    elif form == "csv":
        assert len(list(csv.DictReader(io.StringIO(result.stdout)))) == 15
    else:
        assert "unpriced" in result.stdout


def test_cost_compares_all_ways_of_purchase(run: Run) -> None:
    documents = json.loads(run("cost", "--phase", "mvp", "--compare", "--json").output)
    assert len(documents) == 8


def test_a_budget_is_judged_after_the_report(run: Run) -> None:
    result = run("cost", "--phase", "mvp", "--budget", "1000")
    assert result.exit_code == 4
    assert "above the budget of 1,000.00" in result.output
    assert "g4dn.xlarge" in result.stdout
    assert run("cost", "--phase", "mvp", "--budget", "2000").exit_code == 0


def test_strict_refuses_what_has_no_price(run: Run) -> None:
    assert run("cost", "--phase", "mvp", "--strict").exit_code == 4


def test_a_saved_report_is_compared_at_its_own_prices(run: Run, tmp_path: Path) -> None:
    assert run("cost", "--phase", "mvp", "--save", "mvp.json").exit_code == 0
    refreshed = tmp_path / "data" / "qinfra" / "prices.csv"
    refreshed.parent.mkdir(parents=True)
    refreshed.write_text(
        "provider,region,sku,term,unit,usd,note,source,date\n"
        "aws,us-east-1,ec2:g4dn.xlarge,reserved_1y_no_upfront,hour,0.4,,a test,2026-11-24\n"
    )
    document = json.loads(run("cost", "diff", "mvp.json", "mvp", "--json").output)
    assert {line["category"] for line in document["lines"]} == {"compute"}
    assert float(document["change_usd"]) == pytest.approx(6 * 730 * (0.4 - 0.331))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("capacity", "--phase", "mpv"), "did you mean 'mvp'"),
        (("capacity", "--region", "us-esat-1"), "region 'us-esat-1' is unknown"),
        (("capacity", "--assume", "adoption=2"), "adoption is 2.0: must be a number in [0, 1]"),
        (("capacity", "--phase", "mvp", "--peak", "nan"), "is nan"),
        (("capacity", "--phase", "mvp", "--simulate", "--requests", "1"), "requests is 1"),
        (("capacity", "findings", "--lang", "zh"), "language 'zh' is unknown"),
        (("roi", "--phase", "mvp"), "a scenario is a phase, an adoption and a plan"),
        (("roi", "--phase", "mvp", "--adoption", "2", "--plan", "premium"), "adoption is 2.0"),
        (("roi", "--range", "growth=1:2:3"), "--range is of no use alone"),
        (
            ("roi", "--tornado", "--range", "adoption=2:3:4"),
            "low is 2.0: must be a number in [0, 1]",
        ),
        (
            ("roi", "--tornado", "--range", "growth=1:4:3"),
            "--range growth: mode 4 is outside 1 to 3",
        ),
        (("roi", "--tornado", "--range", "growth=2::3"), "mode 1.5 is outside 2 to 3"),
        (("roi", "--tornado", "--range", "growth=nan:2:3"), "low is nan: must be a finite number"),
        (("roi", "--tornado", "--range", "growth=a:2:3"), "--range growth: 'a' is not a number"),
        (("roi", "--tornado", "--range", "growth=~2:-1"), "sigma is -1: must be above 0"),
        (("roi", "--tornado", "--range", "growth=2"), "is neither KEY=LOW:MODE:HIGH nor"),
        (("roi", "--tornado", "--range", "grwth=1:2:3"), "did you mean 'growth'"),
        (
            ("roi", "--tornado", "--range", "parallel_queries=1:2:3"),
            "parallel_queries has no range",
        ),
        (("roi", "--monte-carlo", "10"), "scenarios is 10: must be a number in [1000, 10000000]"),
        (("roi", "--monte-carlo", "--seed", "-1"), "seed is -1"),
        (("roi", "--monte-carlo", "--phase", "mvp"), "a scenario is a phase, an adoption and a pl"),
        (("network", "--network", "guide", "--rpc-url", "http://x"), "--rpc-url stands beside"),
        (("cost",), "cost of which phase?"),
        (("cost", "--phase", "mvp", "--purchase", "reserved"), "did you mean"),
        (("cost", "--phase", "mvp", "--region", "us-east1"), "is one of gcp"),
        (("cost", "--phase", "mvp", "--format", "jsn"), "did you mean 'json'"),
        (("cost", "--phase", "mvp", "--budget", "much"), "'much' is not a number"),
        (("cost", "--phase", "mvp", "--fill-from", "mars"), "region 'mars' is unknown"),
        (("cost", "--phase", "mvp", "--save", "no/where.json"), "cannot be written"),
        (("cost", "diff", "mvp", "absent.json"), "neither a saved report nor PHASE"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    run: Run, arguments: tuple[str, ...], message: str
) -> None:
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    errors = [line for line in result.output.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    assert message in errors[0]


@pytest.mark.parametrize(
    "command",
    [
        "capacity --phase mvp",
        "capacity topology",
        "cost --phase mvp",
        "network",
        "prices show",
        "roi",
        "roi --tornado",
    ],
)
def test_the_model_runs_without_heavy_packages(command: str, tmp_path: Path) -> None:
    code = (
        "import sys\nfrom provision.cli import main\n"
        f"try: main({command.split()})\nexcept SystemExit: pass\n"
        "heavy = ('torch', 'transformers', 'jsii', 'boto3', 'httpx', 'matplotlib', 'numpy')\n"
        "heavy += ('pydantic',)\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert run.stdout.splitlines()[-1] == "[]"


def test_a_stale_network_is_named_wherever_it_is_used(run: Run) -> None:
    figures = {"activeAddresses": 600_000, "epoch": 241}
    with loopback(answer(json.dumps({"data": figures})), answer("", status=500)) as server:
        fresh = run("cost", "--phase", "mvp", "--rpc-url", server.url)
        assert "missing, taken from the guide" in fresh.stderr
        for command in (("cost", "--phase", "mvp", "--json"), ("roi", "--json"), ("network",)):
            result = run(*command, "--rpc-url", server.url)
            assert result.exit_code == 0
            assert "LAST GOOD ANSWER" in result.output


def test_a_full_adoption_can_be_varied(run: Run) -> None:
    assert run("roi", "--tornado", "--assume", "adoption=1").exit_code == 0
