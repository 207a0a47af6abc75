"""Parameters from defaults, file, ``--set`` and flags; whatever is wrong is said in one line."""

from __future__ import annotations

import datetime as dt
import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from guanxi.errors import ParamsError
from guanxi.params import Params, load_params, override, parse_columns

WHOLE_PERIODS = "clv.model=bg_bb counts whole periods: set data.event_grain=W, M or Y"
COMMENTED = Path(__file__).resolve().parents[1] / "params.yaml"


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work where no params.yaml is."""
    monkeypatch.chdir(tmp_path)


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "my.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


class TestCommentedFile:
    def test_holds_every_default(self) -> None:
        tree = yaml.safe_load(COMMENTED.read_text(encoding="utf-8"))
        assert Params.model_validate(tree) == Params()
        assert load_params(COMMENTED) == Params()

    def test_holds_every_key_and_no_other(self) -> None:
        tree = yaml.safe_load(COMMENTED.read_text(encoding="utf-8"))
        assert keys(tree) == keys(Params().model_dump())

    def test_comments_on_every_key(self) -> None:
        lines = COMMENTED.read_text(encoding="utf-8").splitlines()
        bare = [line for line in lines if re.match(r"\s*\w+: +\S", line) and "  # " not in line]
        assert not bare


def keys(tree: Any, prefix: str = "") -> set[str]:
    if not isinstance(tree, dict) or not tree:
        return {prefix}
    return set().union(*(keys(value, f"{prefix}.{key}".strip(".")) for key, value in tree.items()))


def test_written_and_read_again(tmp_path: Path) -> None:
    params = load_params(
        overrides=["as_of=2011-06-09", 'data.columns={"amount":"Quantity*Price"}', "language=zh"]
    )
    assert load_params(written(tmp_path, params.to_yaml())) == params
    assert params.flat()["data.columns.amount"] == "Quantity*Price"
    assert params.flat()["as_of"] == "2011-06-09"


def test_flags_come_before_overrides_before_the_file_before_defaults(tmp_path: Path) -> None:
    path = written(tmp_path, "seed: 1\nhorizon_days: 10\nlanguage: zh\ndata:\n  refunds: drop\n")
    params = load_params(path, ["seed=2", "horizon_days=20", "seed=5"], {"seed": 3, "drivers.top": None})
    assert (params.seed, params.horizon_days, params.language) == (3, 20, "zh")
    assert (params.data.refunds, params.data.duplicates, params.drivers.top) == ("drop", "keep", 3)


def test_the_file_of_the_working_folder_is_read_if_there(tmp_path: Path) -> None:
    assert load_params() == Params()
    (tmp_path / "params.yaml").write_text("seed: 4\n")
    assert load_params().seed == 4


def test_columns_of_flag_and_file_are_joined(tmp_path: Path) -> None:
    path = written(tmp_path, "data:\n  columns: {customer_id: A, amount: B}\n")
    params = load_params(path, flags={"data.columns": {"amount": "C"}})
    assert params.data.columns == {"customer_id": "A", "amount": "C"}
    assert load_params(path, ["data.columns.amount=D"]).data.columns["amount"] == "D"


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "data:\n", "churn:\n  lightgbm:\n", "data:\nclv:\nmlflow:\n"]
)
def test_empty_files_and_sections_hold_the_defaults(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, text)
    assert load_params(path) == Params()
    assert load_params(path, ["data.refunds=drop", "churn.lightgbm.num_leaves=7"]).data.refunds == "drop"


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("as_of=2011-06-09", dt.date(2011, 6, 9)),
        ("as_of=null", None),
        ("horizon_days= 30 ", 30),
        ("data.duplicates_ignore=[\"a\", \"b c\"]", ("a", "b c")),
        ("data.timestamp_format=%d/%m/%Y %H:%M=x", "%d/%m/%Y %H:%M=x"),
        ("churn.snapshot_spacing_days=null", None),
        ("mlflow.tracking_uri=http://localhost:5000", "http://localhost:5000"),
    ],
)  # fmt: skip
def test_values_of_overrides(given: str, value: Any) -> None:
    found: Any = load_params(overrides=[given])
    for part in given.partition("=")[0].split("."):
        found = getattr(found, part)
    assert found == value


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            "churn.lightgbm.num_leafs=3",
            "parameter churn.lightgbm.num_leafs is unknown: did you mean num_leaves?",
        ),
        ("horizont=3", "parameter horizont is unknown: did you mean horizon_days?"),
        (
            "scorecard.exports.zoho.fieldz=3",
            "parameter scorecard.exports.zoho.fieldz is unknown: did you mean fields?",
        ),
        ("dta.refunds=net", "parameter dta is unknown: did you mean data?"),
        (
            "zzz=3",
            "parameter zzz is unknown: known here: task, horizon_days, as_of, seed, language, data, "
            "relations, contracts, clv",
        ),
        ("data..refunds=net", "parameter data. is unknown: known here: columns, exclude, refunds"),
        ("seed", "--set 'seed' is not key=value: write, say, --set horizon_days=30"),
        ("=3", "--set '=3' is not key=value"),
        ("horizon_days.x=3", "parameter horizon_days = {'x': '3'} is not valid"),
        ("data=3", "parameter data = '3' is not valid: keys with values belong below it"),
        ("data.columns=a", "parameter data.columns = 'a' is not valid: write a map, as in"),
        (
            "data.duplicates_ignore=a",
            "parameter data.duplicates_ignore = 'a' is not valid: write a list, as in",
        ),
        ("data.columns={amount: x}", "--set data.columns: '{amount: x}' is not valid JSON"),
        (
            'data.columns={"amnt": "x"}',
            "'amnt' is not a canonical column: choose from customer_id, timestamp, amount",
        ),
        (
            "data.refunds=keep",
            "parameter data.refunds = 'keep' is not valid: Input should be 'net', 'drop' or 'reject'",
        ),
        ("data.timezone=Mars/Base", "'Mars/Base' is not an IANA time zone such as UTC or Europe/London"),
        ("data.timezone=UTC'; DROP TABLE x", "is not an IANA time zone"),
        ("data.timezone=../../etc/passwd", "is not an IANA time zone"),
        ("as_of=9/6/2011", "parameter as_of = '9/6/2011' is not valid: write a date as YYYY-MM-DD"),
        ("as_of=0", "write a date as YYYY-MM-DD"),
        (
            "horizon_days=0",
            "parameter horizon_days = '0' is not valid: Input should be greater than or equal to 1",
        ),
        ("horizon_days=null", "parameter horizon_days = None is not valid"),
        ("horizon_days=30.5", "parameter horizon_days = '30.5' is not valid"),
        ("clv.margin=nan", "parameter clv.margin = 'nan' is not valid: Input should be a finite number"),
        ("churn.lightgbm.reg_lambda=inf", "Input should be a finite number"),
        ("clv.interval=1", "parameter clv.interval = '1' is not valid: Input should be less than 1"),
    ],
)
def test_overrides_that_cannot_be_used(given: str, message: str) -> None:
    with pytest.raises(ParamsError, match=re.escape(message)) as caught:
        load_params(overrides=[given])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["clv.model=bg_bb"], f"the parameters are not valid: {WHOLE_PERIODS}"),
        (["clv.model=bg_bb", "data.event_grain=D"], f"the parameters are not valid: {WHOLE_PERIODS}"),
        (
            ["clv.model=nbd", "clv.engine=lifetimes"],
            "parameter clv is not valid: lifetimes fits bg_nbd, mbg_nbd, pareto_nbd only, not nbd",
        ),
    ],
)
def test_values_that_contradict_each_other(given: list[str], message: str) -> None:
    with pytest.raises(ParamsError, match=f"^{re.escape(message)}$"):
        load_params(overrides=given)


@pytest.mark.parametrize("grain", ["W", "M", "Y"])
def test_whole_periods_take_every_coarser_grain(grain: str) -> None:
    params = load_params(overrides=["clv.model=bg_bb", f"data.event_grain={grain}"])
    assert (params.clv.model, params.data.event_grain) == ("bg_bb", grain)


def test_several_faults_are_counted() -> None:
    with pytest.raises(ParamsError, match=r"\(and 1 more\)$"):
        load_params(overrides=["horizont=3", "sed=2"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n- b\n", "my.yaml is not a map of keys to values: see the commented params.yaml"),
        ("just text\n", "my.yaml is not a map of keys to values"),
        ("seed: [1\n", "my.yaml is not valid YAML: line 2: expected ',' or ']'"),
        ("data:\n\trefunds: net\n", "my.yaml is not valid YAML: line 2: found character '\\t'"),
        (
            "seed: 1\nlanguage: en\nseed: 2\n",
            "my.yaml is not valid YAML: line 1: key 'seed' appears twice: keep one",
        ),
        ("data:\n  refunds: net\n  refunds: net\n", "line 2: key 'refunds' appears twice: keep one"),
        ("data:\n  columns:\n    amount: a\n    amount: b\n", "line 3: key 'amount' appears twice"),
        ("seed: 1\n---\nseed: 2\n", "is not valid YAML"),
        (
            "seed: !!python/object/apply:os.getpid []\n",
            "is not valid YAML: line 1: could not determine a constructor",
        ),
        ("[a]: 1\n", "is not valid YAML: line 1: found unhashable key"),
        ("1: 2\n", "parameter 1 = 1 is not valid"),
        ("seed: {a: 1}\n", "parameter seed = {'a': 1} is not valid"),
        ("as_of: 20110609\nseed: x\n", "parameter seed = 'x' is not valid"),
        ("as_of: 2011-06\n", "write a date as YYYY-MM-DD"),
        (b"\xff\xfea", "my.yaml: it is not UTF-8 text"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(ParamsError, match=re.escape(message)) as caught:
        load_params(written(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_merge_keys_are_yaml_too(tmp_path: Path) -> None:
    text = "clv:\n  <<: &base {margin: 0.5}\n  interval: 0.6\n"
    assert load_params(written(tmp_path, text)).clv.margin == 0.5


@pytest.mark.parametrize("name", ["none.yaml", "."])
def test_files_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(ParamsError, match="cannot read"):
        load_params(tmp_path / name)


def test_parameters_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Params().data.refunds = "drop"  # type: ignore[misc]


def test_resolved_parameters_are_overridden() -> None:
    base = load_params(overrides=["seed=1", 'data.columns={"amount": "A"}'])
    changed = override(base, {"horizon_days": 7, "data.columns": {"customer_id": "C"}, "drivers.top": None})
    assert (changed.seed, changed.horizon_days, changed.drivers.top) == (1, 7, 3)
    assert changed.data.columns == {"amount": "A", "customer_id": "C"}
    with pytest.raises(ParamsError, match="parameter horizon_days = -1 is not valid"):
        override(base, {"horizon_days": -1})


class TestColumnsShorthand:
    def test_reads_names_and_products(self) -> None:
        text = "customer_id = Customer ID , amount=Quantity*Price,timestamp=a=b"
        assert parse_columns(text) == {
            "customer_id": "Customer ID",
            "amount": "Quantity*Price",
            "timestamp": "a=b",
        }

    @pytest.mark.parametrize("text", ["", "amount", "customer_id=", "=x", "a=b,,c=d"])
    def test_refuses_other_shapes(self, text: str) -> None:
        with pytest.raises(ParamsError, match="is not name=column, as in customer_id=CustomerID"):
            parse_columns(text)

    def test_refuses_a_name_twice(self) -> None:
        with pytest.raises(ParamsError, match="--columns names 'amount' twice: keep one"):
            parse_columns("amount=a,amount=b")


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "with its aliases written out it has more than 100,000 values"),
        (
            "a: &a {x: 1}\n" + "".join(f"b{i}: &b{i} {{<<: [*a, *a]}}\n" for i in range(9)),
            "key 'x' appears twice",
        ),
        ("seed: &a [*a]", "nested too deeply, or refers to itself"),
        ("seed: " + "[" * 20_000, "nested too deeply"),
        ("seed: " + "9" * 10_000, "Exceeds the limit"),
        ("seed: 2020-99-99", "is not valid YAML: month must be in 1..12"),
        ("seed: " + "x" * 2_000_000, "is larger than 1,000,000 bytes"),
        ("{[a]: 1}", "unhashable key"),
        ("\n".join(f"k{i}: 1" for i in range(30_000)), r"k0 is unknown.*\(and 29999 more\)"),
        ("seed: " + "x" * 50_000, "parameter seed"),
        ("seed: &a 7\nhorizon_days: *a", ""),
    ],
    ids=range(11),
)
def test_a_hostile_file_ends_soon_and_in_a_short_line(tmp_path: Path, text: str, message: str) -> None:
    path, begin = written(tmp_path, text), time.perf_counter()
    if not message:
        assert load_params(path).horizon_days == 7
        return
    with pytest.raises(ParamsError, match=message) as caught:
        load_params(path)
    assert len(str(caught.value)) < 600
    assert "\n" not in str(caught.value)
    assert time.perf_counter() - begin < 20


def test_a_hostile_override_ends_in_a_short_line() -> None:
    for value in ("[" * 50_000, "[" + "9" * 10_000 + "]", "{" * 9 + "x" * 50_000):
        with pytest.raises(ParamsError, match=r"is not valid JSON") as caught:
            load_params(None, [f"scorecard.by={value}"])
        assert len(str(caught.value)) < 400
