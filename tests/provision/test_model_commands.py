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
    "arguments",
    [["capacity", "--phase", "mvp"], ["cost", "--phase", "mvp"], ["capacity", "topology"]],
)
def test_the_model_runs_without_heavy_packages(arguments: list[str], tmp_path: Path) -> None:
    code = (
        "import sys\nfrom provision.cli import main\n"
        f"try: main({arguments})\nexcept SystemExit: pass\n"
        "heavy = ('torch', 'transformers', 'jsii', 'boto3', 'matplotlib', 'numpy', 'pydantic')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert run.stdout.splitlines()[-1] == "[]"
