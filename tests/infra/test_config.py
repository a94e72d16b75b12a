from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

import templates
from infra.backend import LOCAL, Backend, GcsBackend, S3Backend
from infra.capacity.assumptions import Assumptions
from infra.config import (
    LocalSettings,
    ModelSettings,
    RangesSettings,
    Settings,
    StateSettings,
    load_settings,
)
from infra.errors import ConfigError
from infra.ranges import VARIED, LogNormal, Triangular

EXAMPLE = Path(templates.__path__[0]) / "qinfra.example.toml"


@pytest.fixture
def written(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "qinfra.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_without_a_file_there_are_defaults() -> None:
    assert load_settings(None) == Settings()


def test_an_empty_file_changes_nothing(written) -> None:
    assert load_settings(written("")) == Settings()


def test_the_example_shows_the_defaults() -> None:
    assert load_settings(EXAMPLE) == Settings()


def test_the_example_documents_every_key() -> None:
    text = re.sub(
        r"^# (?=\w+ = |\[\[)", "", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    tables = tomllib.loads(text)
    assert set(tables) == set(Settings.model_fields)
    assert set(tables["assumptions"]) == {item.name for item in fields(Assumptions)}
    assert set(tables["model"]) == set(ModelSettings.model_fields)
    assert set(tables["local"]) == set(LocalSettings.model_fields)
    assert set(tables["state"]) == set(StateSettings.model_fields)
    assert set(tables["ranges"]) == set(RangesSettings.model_fields) == set(VARIED)


def test_the_examples_optional_keys_load_too(written) -> None:
    text = re.sub(
        r"^# (?=\w+ = |\[\[)", "", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    settings = load_settings(written(text.replace('backend = "local"', 'backend = "s3"')))
    assert settings.state.place == S3Backend(bucket="example-states", region="us-east-1")
    assert settings.model.context_tokens == 512
    assert settings.local.max_processes == 5


def test_a_file_changes_only_what_it_names(written) -> None:
    settings = load_settings(
        written('[assumptions]\nadoption = 0.05\n[model]\nsplit = "8"\n[local]\nstate_folder = "s"')
    )
    assert settings.assumptions == Assumptions(adoption=0.05)
    assert settings.model == ModelSettings(split="8")
    assert settings.local == LocalSettings(state_folder=Path("s"))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("prefix = 'p'", LOCAL),
        (
            "backend = 's3'\nbucket = 'our-states'\nregion = 'eu-west-1'\nprefix = 'a/b'",
            S3Backend(bucket="our-states", region="eu-west-1", prefix="a/b"),
        ),
        ("backend = 'gcs'\nbucket = 'our_states'", GcsBackend(bucket="our_states")),
    ],
)
def test_states_are_where_the_settings_say(written, text: str, place: Backend) -> None:
    assert load_settings(written(f"[state]\n{text}")).state.place == place


def test_ranges_are_triangular_or_log_normal(written) -> None:
    text = (
        "[ranges]\nadoption = { low = 0.01, mode = 0.025, high = 0.05 }\n"
        "growth = { low = 1, high = 2 }\ninference_seconds = { median = 3, sigma = 0.4 }"
    )
    assert load_settings(written(text)).ranges.spreads() == {
        "adoption": Triangular(low=0.01, mode=0.025, high=0.05),
        "growth": Triangular(low=1, high=2),
        "inference_seconds": LogNormal(median=3, sigma=0.4),
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[modle]", "key 'modle' is unknown; did you mean 'model'?"),
        ("[model]\npth = 'x'", "[model] key 'pth' is unknown; did you mean 'path'?"),
        ("[assumptions]\nadoptin = 1", "key 'adoptin' is unknown; did you mean 'adoption'?"),
        ("[assumptions]\nadoption = 2", "assumptions: adoption is 2.0: must be a number in [0, 1]"),
        ("[assumptions]\ngrowth = nan", "assumptions: growth is nan: must be a number in [1, 100]"),
        ("[assumptions]\ngrowth = true", "assumptions: growth is True, not a number"),
        ("[assumptions]\ngrowth = '2'", "assumptions: growth is '2', not a number"),
        ("[assumptions]\nparallel_queries = 2.5", "assumptions.parallel_queries: "),
        ("assumptions = 3", "assumptions: "),
        ("[model]\ndtype = 'int8'", "model.dtype: Input should be 'float32', 'bfloat16' or"),
        ("[model]\nstages = 4", "model.stages: Input should be less than or equal to 3"),
        ("[local]\ngateway_port = true", "local.gateway_port: Input should be a valid integer"),
        ("[local]\ngateway_port = 70000", "local.gateway_port: "),
        ("[local]\nmax_processes = 1", "local.max_processes: Input should be greater than or eq"),
        ("[ranges]\nadoptin = 1", "[ranges] key 'adoptin' is unknown; did you mean 'adoption'?"),
        ("[ranges]\nadoption = {lo = 1}", "[ranges.adoption] key 'lo' is unknown; did you mean"),
        ("[ranges]\nadoption = 0.1", "ranges.adoption: Input should be"),
        (
            "[ranges]\nadoption = {low = '1', high = 2}",
            "ranges.adoption.low: Input should be a val",
        ),
        ("[ranges]\nadoption = {low = 0.1}", "ranges.adoption: must be { low = .., mode = .., hi"),
        ("[ranges]\nadoption = {low = 0.1, high = 0.2, sigma = 1}", "ranges.adoption: must be {"),
        ("[ranges]\nadoption = {low = 0.3, high = 0.2}", "ranges.adoption: low 0.3 is not below"),
        ("[ranges]\nadoption = {low = 0, mode = 0.3, high = 0.2}", "adoption: mode 0.3 is outside"),
        ("[ranges]\nadoption = {low = 0, high = 2}", "high is 2.0: must be a number in [0, 1]"),
        (
            "[ranges]\nadoption = {low = nan, high = 1}",
            "ranges.adoption: low is nan: must be a fin",
        ),
        (
            "[ranges]\nadoption = {median = 2, sigma = 1}",
            "median is 2.0: must be a number in [0, 1]",
        ),
        ("[ranges]\ngrowth = {median = 2, sigma = -1}", "sigma is -1: must be above 0 and at most"),
        ("[state]\nbuckt = 'x'", "[state] key 'buckt' is unknown; did you mean 'bucket'?"),
        ("[state]\nbackend = 'azure'", "state.backend: Input should be 'local', 's3' or 'gcs'"),
        ("[state]\nbackend = 's3'", 'state: backend is "s3", so bucket has to name one'),
        ("[state]\nbackend = 'gcs'", 'state: backend is "gcs", so bucket has to name one'),
        (
            "[state]\nbackend = 's3'\nbucket = 'abc'",
            'state: backend is "s3", so region has to say where',
        ),
        ("[state]\nbucket = 'abc'", 'state: bucket is set, but backend is "local"'),
        ("[state]\nbackend = 'gcs'\nbucket = 'Ab.c'", "state: bucket 'Ab.c': only a-z, 0-9, _ a"),
        ("[state]\nbackend = 'gcs'\nbucket = 'goog-x'", "the cloud keeps such names for itself"),
        (
            "[state]\nbackend = 's3'\nbucket = 'a_b'\nregion = 'us-east-1'",
            "bucket 'a_b': only a-z, 0-9 and -",
        ),
        (
            "[state]\nbackend = 's3'\nbucket = 'a-b'\nregion = 'useast1'",
            "region 'useast1' is none of AWS's",
        ),
        (
            "[state]\nbackend = 'gcs'\nbucket = 'a-b'\nprefix = '/x'",
            "prefix '/x': only parts of letters",
        ),
        ("x =", "not TOML"),
        ("x = " + "9" * 5_000, "not TOML"),
    ],
)
def test_a_bad_file_is_one_line_with_file_key_and_reason(written, text: str, reason: str) -> None:
    path = written(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert reason in message
    assert "\n" not in message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml: cannot be read: No such file"):
        load_settings(tmp_path / "absent.toml")


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "qinfra.toml"
    path.write_bytes(b"# \xff\xfe")
    with pytest.raises(ConfigError, match="not TOML"):
        load_settings(path)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().local.threads = 2  # type: ignore[misc]  # the point of the test
