"""Attribute tables: what is a number, what a category, what is missing, which label is churn."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest

from guanxi.data.attribute_values import MINIMUM_OF_EACH, _split_label
from guanxi.data.attributes import read_attributes, read_labelled
from guanxi.errors import DataError, SourceError
from guanxi.params import DataParams

ROWS = 24


def customers(**columns) -> pd.DataFrame:
    """Customers with a label in words, and whatever else is given."""
    base = {"id": [f"c{i}" for i in range(ROWS)], "left": ["no", "yes"] * (ROWS // 2), "age": range(ROWS)}
    return pd.DataFrame(base | columns)


def labelled(table: pd.DataFrame, label: str = "left"):
    return read_labelled(table, "id", label)


class TestLabel:
    @pytest.mark.parametrize(
        ("no", "yes"),
        [(0, 1), (0.0, 1.0), ("0", "1"), (False, True), ("FALSE", "true"), ("No", "YES"), (" no", "Yes ")],
    )
    def test_known_pairs(self, no, yes):
        found = labelled(customers(left=[no, yes] * (ROWS // 2)))
        assert found.label.tolist() == [0.0, 1.0] * (ROWS // 2)

    def test_any_other_pair_needs_the_value_that_is_churn(self):
        table = customers(left=["Stayed", "Churned"] * (ROWS // 2))
        with pytest.raises(
            DataError, match=r"has the values 'churned' and 'stayed': name the churn value, as in --l"
        ):
            labelled(table)
        assert labelled(table, "left=CHURNED").label.tolist() == [0.0, 1.0] * (ROWS // 2)
        assert labelled(table, "left=stayed").label.tolist() == [1.0, 0.0] * (ROWS // 2)
        with pytest.raises(DataError, match="has no value 'gone': its values are 'churned' and 'stayed'"):
            labelled(table, "left=gone")

    def test_the_value_also_turns_a_known_pair_round(self):
        assert labelled(customers(left=[0, 1] * (ROWS // 2)), "left=0").label.tolist()[:2] == [1.0, 0.0]

    def test_a_column_may_have_an_equals_sign_in_its_name(self):
        assert _split_label("a=b", ["a=b"]) == ("a=b", None)
        assert _split_label("a=b=c", ["a=b"]) == ("a=b", "c")

    @pytest.mark.parametrize(
        ("left", "message"),
        [
            (["no"] * ROWS, r"has one value \('no'\)"),
            (["no", "yes", "maybe"] * (ROWS // 3), r"has 3 values \('maybe', 'no', 'yes'\)"),
            (["no", None] * (ROWS // 2), r"is missing for 12 customers \(first: c1\)"),
            (["no", " "] * (ROWS // 2), r"is missing for 12 customers"),
            (
                ["yes"] * 9 + ["no"] * (ROWS - 9),
                f"the value 'yes' only 9 times: at least {MINIMUM_OF_EACH}",
            ),
            (np.linspace(0, 1, ROWS), "has 24 values .*, …"),
        ],
        ids=["one class", "three values", "missing", "blank", "few", "a number"],
    )
    def test_what_is_no_label_is_refused(self, left, message):
        with pytest.raises(DataError, match=message):
            labelled(customers(left=left))

    @pytest.mark.parametrize(
        ("label", "message"), [("gone", "'gone' is not a column"), ("id", "is the identifier")]
    )
    def test_a_label_column_that_is_not_there(self, label, message):
        with pytest.raises(SourceError, match=message + r".*choose --label from left, age"):
            labelled(customers(), label)


class TestIdentifiers:
    def test_an_identifier_twice(self):
        with pytest.raises(DataError, match=r"id 'c3' appears twice: keep one row per customer \(2 rows too"):
            labelled(customers(id=["c3", "c3", "c3", *(f"d{i}" for i in range(ROWS - 3))]))

    @pytest.mark.parametrize("blank", [None, " "])
    def test_an_identifier_missing(self, blank):
        with pytest.raises(DataError, match="customer 2 from the top has no 'id'"):
            labelled(customers(id=["a", blank, *(f"d{i}" for i in range(ROWS - 2))]))

    def test_no_such_column(self):
        with pytest.raises(
            SourceError, match="no column 'customer' for the identifier; it has id, left, age"
        ):
            read_labelled(customers(), "customer", "left")

    def test_identifiers_are_written_as_in_transactions(self):
        found = labelled(customers(id=[f" {i}.0 " for i in range(ROWS)]))
        assert found.ids.tolist() == [str(i) for i in range(ROWS)]
        with pytest.raises(DataError, match="id '1' appears twice"):
            labelled(customers(id=["1", "1.0", *(f"{i}" for i in range(2, ROWS))]))

    def test_numbers_pass_unchanged(self):
        found = labelled(customers(id=range(7, ROWS + 7)))
        assert found.ids.tolist() == list(range(7, ROWS + 7))
        assert found.ids.dtype == np.int64


class TestKinds:
    def test_numbers_and_categories_with_what_is_missing(self):
        table = customers(
            number=["1", " 2.5 ", "", "NA"] * (ROWS // 4),
            infinite=[1.0, np.inf, np.nan, 2.0] * (ROWS // 4),
            plan=["Basic ", "Plus", None, "n/a"] * (ROWS // 4),
            flag=[True, False, None, True] * (ROWS // 4),
        )
        found = labelled(table).attributes
        assert found["number"].tolist()[:2] == [1.0, 2.5]
        assert found["number"].isna().tolist()[:4] == [False, False, True, True]
        assert found["infinite"].isna().tolist()[:4] == [False, True, True, False]
        assert found["plan"].tolist()[:4] == ["Basic", "Plus", None, None]
        assert found["flag"].tolist()[:4] == ["true", "false", None, "true"]

    @pytest.mark.parametrize("infinite", ["inf", "-Infinity", "1e999"])
    def test_infinite_cells_do_not_turn_numbers_into_text(self, infinite):
        table = customers(age=[infinite, *map(str, range(1, ROWS))])
        assert labelled(table).attributes["age"].tolist()[1:] == list(range(1, ROWS))
        assert np.isnan(labelled(table).attributes["age"][0])
        read = read_attributes(table, "id", {"age": None}).attributes["age"]
        assert np.isnan(read[0])
        assert read[1] == 1.0

    @pytest.mark.parametrize(
        ("written", "value"),
        [
            ("${}.30", 100.3),
            ("1,{}.50 €", 1100.5),
            ("1.{},50 €", 1100.5),
            ("￥1.2{}", 1.21),
            ("({}.00)", -100.0),
            ("1'{}.25", 1100.25),
        ],
    )
    @pytest.mark.slow
    def test_numbers_are_read_as_amounts_are(self, written, value, tmp_path):
        table = customers(price=[written.format(100 + i) for i in range(ROWS)])
        table.to_csv(tmp_path / "t.csv", index=False)
        for source in (table, str(tmp_path / "t.csv")):
            found = labelled(source).attributes["price"]
            assert (found.dtype, found[0]) == (np.float64, value)
            trained = read_attributes(source, "id", {"price": None}).attributes["price"]
            assert trained.tolist() == found.tolist()

    def test_one_number_tells_how_all_are_written(self):
        table = customers(price=["1.234,56 €"] * 12 + ["7,00 €"] * 12, income=["12.500", "950"] * 12)
        assert labelled(table).attributes["income"].tolist()[:2] == [12500.0, 950.0]

    def test_each_attribute_may_have_its_currency(self):
        table = customers(here=[f"{i}.5 €" for i in range(ROWS)], there=[f"${i}.5" for i in range(ROWS)])
        assert labelled(table).attributes[["here", "there"]].iloc[3].tolist() == [3.5, 3.5]
        with pytest.raises(DataError, match="amounts are in several currencies"):
            labelled(customers(both=["1.5 €", "$2.5"] * 12))

    def test_numbers_with_two_readings_are_refused(self):
        texts = [f"$12.{500 + i}" for i in range(ROWS)]
        with pytest.raises(DataError, match=r"is 12\.5 with --set data\.decimal=\. or 12500 with"):
            labelled(customers(price=texts))
        found = read_labelled(customers(price=texts), "id", "left", DataParams(decimal=","))
        assert found.attributes["price"][0] == 12500.0

    def test_percentages_are_told(self):
        said = labelled(customers(rate=[f"{i} %" for i in range(ROWS)])).left_out["rate"]
        assert said == "looks like numbers ('0 %'): write them plainly, as in 1234.50"

    @pytest.mark.parametrize("texts", [["1,2", "1,2,3"], ["12a", "13"], ["2020-01-01", "2020-01-02"]])
    def test_what_is_no_number_stays_text(self, texts):
        kept = labelled(customers(other=texts * 12, price=["$1.50", "$2.50"] * 12))
        assert "other" in kept.left_out or kept.attributes["other"].tolist()[:2] == texts
        assert kept.attributes["price"][0] == 1.5

    def test_none_is_a_category(self):
        assert labelled(customers(offer=["None", "A"] * (ROWS // 2))).attributes["offer"][0] == "None"

    def test_csv_and_parquet_read_alike(self, tmp_path):
        table = customers(
            plan=["a", None, "b", "a"] * (ROWS // 4),
            flag=[True, False] * (ROWS // 2),
            price=[1.5, np.nan] * (ROWS // 2),
        )
        table.to_csv(tmp_path / "t.csv", index=False)
        table.to_parquet(tmp_path / "t.parquet")
        one, other = (
            read_labelled(str(tmp_path / f"t.{ending}"), "id", "left").attributes
            for ending in ("csv", "parquet")
        )
        pd.testing.assert_frame_equal(one, other)

    def test_what_cannot_be_an_attribute_is_left_out_and_told(self):
        table = customers(
            nothing=[None] * ROWS,
            same=["x"] * ROWS,
            name=[f"n{i}" for i in range(ROWS)],
            since=["2024-01-31", "2024-02-01"] * (ROWS // 2),
            day=[datetime.date(2024, 1, 1)] * ROWS,
        )
        found = labelled(table)
        assert list(found.attributes) == ["age"]
        assert found.left_out == {
            "nothing": "is missing for everyone",
            "same": "is 'x' for everyone",
            "name": "identifies customers rather than describing them (24 distinct values for 24 customers)",
            "since": "is a date: convert it to a number, such as days before today",
            "day": "is a date: convert it to a number, such as days before today",
        }

    def test_no_attribute_left(self):
        with pytest.raises(DataError, match=r"no attribute is left to learn from: 'age' is '3' for everyone"):
            labelled(customers(age=[3] * ROWS))
        with pytest.raises(DataError, match="no attribute is left to learn from: there are none"):
            labelled(customers().drop(columns="age"))


class TestLines:
    def test_empty_file(self, tmp_path):
        (tmp_path / "t.csv").write_text("")
        with pytest.raises(SourceError, match="first line is empty"):
            read_labelled(str(tmp_path / "t.csv"), "id", "left")

    def test_header_alone(self, tmp_path):
        (tmp_path / "t.csv").write_text("id,left,age\n")
        with pytest.raises(DataError, match="has columns but no line"):
            read_labelled(str(tmp_path / "t.csv"), "id", "left")

    def test_lines_in_another_encoding_get_its_proposals(self, tmp_path):
        (tmp_path / "t.csv").write_bytes(customers(plan=["Größe", "x"] * 12).to_csv().encode("cp1252"))
        with pytest.raises(SourceError, match=r"cannot be read: 12 .*--set data\.encoding=cp1252 "):
            read_labelled(str(tmp_path / "t.csv"), "id", "left")

    def test_a_ragged_line_is_a_customer_lost(self, tmp_path):
        (tmp_path / "t.csv").write_text(customers().to_csv(index=False) + "c99,no,3,4\n")
        with pytest.raises(
            SourceError, match=r"lines that cannot be read: 1 \(first: line 26, ragged_line\)"
        ):
            read_labelled(str(tmp_path / "t.csv"), "id", "left", DataParams())


TRAINED = {"age": None, "plan": ["basic", "plus"], "flag": ["false", "true"]}


class TestAtPredict:
    def read(self, **columns):
        table = {"id": ["a", "b"], "age": [30, 40], "plan": ["basic", "plus"], "flag": [True, False]}
        return read_attributes(pd.DataFrame(table | columns), "id", TRAINED)

    def test_extra_columns_are_ignored(self):
        found = self.read(more=["x", "y"], left=[None, None], day=[datetime.date(2024, 1, 1)] * 2)
        assert list(found.attributes) == list(TRAINED)

    def test_another_dtype_is_cast(self):
        found = self.read(age=[" 30", "NA"], plan=pd.Categorical(["basic", "plus"]), flag=["TRUE", "False"])
        pd.testing.assert_frame_equal(found.attributes.iloc[:1], self.read().attributes.iloc[:1])
        assert np.isnan(found.attributes["age"][1])

    def test_a_feature_missing_for_everyone_is_missing(self):
        assert (
            self.read(age=[None, None], plan=[None, None]).attributes[["age", "plan"]].isna().all(axis=None)
        )

    def test_an_unseen_category_stays_for_the_model_to_take_as_missing(self):
        assert self.read(plan=["gold", "plus"]).attributes["plan"].tolist() == ["gold", "plus"]

    def test_a_column_missing(self):
        table = pd.DataFrame({"id": ["a"], "age": [1]})
        with pytest.raises(SourceError, match="column 'plan' is missing and 1 more: the model needs it"):
            read_attributes(table, "id", TRAINED)
        with pytest.raises(SourceError, match="column 'age' is a date"):
            self.read(age=[datetime.date(2024, 1, 1)] * 2)

    def test_words_where_numbers_were(self):
        with pytest.raises(DataError, match=r"column 'age' contains 'old' \(customer b\), but .* numbers"):
            self.read(age=["30", "old"])

    def test_numbers_where_categories_were(self):
        with pytest.raises(
            DataError, match=r"column 'flag' contains numbers \(first: 1\).* write 'false', 'true'"
        ):
            self.read(flag=[1, 0])

    def test_an_identifier_twice(self):
        with pytest.raises(DataError, match="id 'a' appears twice"):
            self.read(id=["a", "a"])
