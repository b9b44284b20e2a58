"""Numbers and categories: how they are encoded, what is refused, what is learned."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context, Examples, Floats
from shelfwise.errors import ConfigError
from shelfwise.features.table_columns import CategoryColumn, Column, NumberColumn
from shelfwise.features.table_rows import CategoryEncoder, NumberEncoder, TableEncoding
from shelfwise.modalities.tabular import Tabular
from tests.modalities.stored_state import assert_same_predictions, restored

QUICK: dict[str, Any] = {
    "hidden": 16,
    "dropout": 0,
    "training": {"epochs": 40, "loss": "bce", "learning_rate": 0.02, "batch_size": 32},
}
BRANDS = ("Acme", "Bolt", "Cozy")


def catalog_of(
    count: int = 150, seed: int = 0
) -> tuple[Catalog, np.ndarray[Any, np.dtype[np.float32]]]:
    """The brand gives one of three labels, a price above 20 the fourth, a weight (text) below 5 the fifth."""
    rng = np.random.default_rng(seed)
    brands, prices, weights = (
        rng.integers(3, size=count),
        rng.lognormal(3, 1, count),
        rng.uniform(0, 10, count),
    )
    records: list[dict[str, Any]] = [
        {"id": str(i), "brand": BRANDS[b], "price": p, "weight": f"{w:.2f}"}
        for i, (b, p, w) in enumerate(zip(brands, prices, weights, strict=True))
    ]
    return Catalog.from_records(records), np.column_stack(
        [np.eye(3)[brands], prices > 20, weights < 5]
    ).astype(np.float32)


def fitted(field: str = "price+brand+weight", **settings: Any) -> tuple[Tabular, Any, Any]:
    catalog, targets = catalog_of()
    member = Tabular(
        Tabular.Settings.model_validate({**QUICK, "numbers": ["weight"], **settings}), field
    )
    inputs = member.prepare(catalog, Context())
    return member.fit(Examples(inputs, targets), None, Context()), inputs, targets


def encoded(encoder: NumberEncoder | CategoryEncoder, column: Column) -> Floats:
    return TableEncoding((encoder,)).rows([column]).toarray()


class TestCodes:
    def test_numbers(self) -> None:
        code = NumberEncoder.fit(
            NumberColumn(np.array([1.0, math.e, math.e**2, np.nan])), Tabular.Settings(bins=2)
        )
        rows = encoded(code, NumberColumn(np.array([math.e, math.e**3, 0.0, np.nan])))
        spread = np.std([0, 1, 2])
        np.testing.assert_allclose(rows[:, 0], [0, 2 / spread, -1 / spread, 0], atol=1e-6)
        assert rows[:, 1:].tolist() == [[0, 1, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1]]

    @pytest.mark.parametrize("values", [[np.nan, np.nan], [0.0, 0.0], [-3.0, -1.0], [5.0, 5.0]])
    def test_numbers_that_say_nothing_stay_finite(self, values: list[float]) -> None:
        code = NumberEncoder.fit(NumberColumn(np.array(values)), Tabular.Settings())
        assert np.isfinite(encoded(code, NumberColumn(np.array([*values, 1e9, -1e9, 0])))).all()

    def test_rare_unknown_and_missing_categories(self) -> None:
        column = CategoryColumn(np.array([0, 0, 0, 1, -1, 2, 2, 2]), ("b", "rare", "a"))
        code = CategoryEncoder.fit(column, Tabular.Settings(min_count=3))
        assert code.names == ("a", "b")
        rows = encoded(code, CategoryColumn(np.array([0, 1, 2, -1]), ("b", "new", "a")))
        assert rows.tolist() == [[0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1]]
        met = CategoryColumn(np.array([0, 1, 2, -1]), ("b", "new", "a"))
        assert code.knows(met).tolist() == [True, False, True, False]


class TestColumns:
    def test_present_is_who_has_any(self) -> None:
        records = [
            {"id": "1", "brand": "A"},
            {"id": "2", "price": 3},
            {"id": "3", "brand": " "},
            {"id": "4"},
        ]
        inputs = Tabular(Tabular.Settings(), "price+brand").prepare(
            Catalog.from_records(records), Context()
        )
        assert inputs.present.tolist() == [True, True, False, False]

    def test_text_read_as_numbers(self) -> None:
        records = [
            {"id": str(i), "size": v}
            for i, v in enumerate([" 12 ", "1e3", ".5", "about 3", "nan", None, "1e999"])
        ]
        inputs = Tabular(Tabular.Settings(numbers=("size",)), "size").prepare(
            Catalog.from_records(records), Context()
        )
        np.testing.assert_array_equal(
            inputs.columns[0].values, [12, 1000, 0.5, np.nan, np.nan, np.nan, np.nan]
        )
        assert inputs.present.tolist() == [True, True, True, False, False, False, False]

    @pytest.mark.parametrize(
        "name",
        ["categories", "category", "labels", "product_category_tree", "main_cat", "categories_2"],
    )
    def test_the_answer_is_never_an_input(self, name: str) -> None:
        with pytest.raises(ConfigError, match="holds the product's categories"):
            Tabular(Tabular.Settings(), f"price+{name}").prepare(catalog_of(3)[0], Context())

    def test_unknown_and_nested_columns_are_refused(self) -> None:
        with pytest.raises(ConfigError, match=r"no column 'colour'.*brand"):
            Tabular(Tabular.Settings(), "colour").prepare(catalog_of(3)[0], Context())
        with pytest.raises(ConfigError, match="'related' holds map"):
            Tabular(Tabular.Settings(), "related").prepare(catalog_of(3)[0], Context())

    def test_typed_columns_of_a_table(self) -> None:
        catalog, _ = catalog_of(3)
        table = catalog.table.append_column("stock", pa.array([1, None, 3])).append_column(
            "year", pa.array([1999, 2000, None])
        )
        member = Tabular(Tabular.Settings(numbers=("stock",)), "stock+year")
        columns = member.prepare(Catalog(table, catalog.root), Context()).columns
        np.testing.assert_array_equal(columns[0].values, [1, np.nan, 3])
        assert (columns[1].names, columns[1].codes.tolist()) == (("1999", "2000"), [0, 1, -1])


class TestLearning:
    def test_every_column_is_used(self) -> None:
        member, _, _ = fitted()
        catalog, targets = catalog_of(seed=1)
        probabilities, _ = member.predict(member.prepare(catalog, Context()), Context())
        assert (
            ((probabilities > 0.5) == (targets > 0)).mean(axis=0) > [0.99, 0.99, 0.99, 0.9, 0.9]
        ).all()

    def test_a_fitted_model_does_without_columns(self) -> None:
        member, _, _ = fitted()
        bare = member.prepare(
            Catalog.from_records([{"id": "1", "brand": "ACME"}, {"id": "2"}]), Context()
        )
        assert bare.present.tolist() == [True, False]
        assert member.predict(bare.take(np.array([0])), Context())[0][0, :3].argmax() == 0

    def test_state_survives_storage(self) -> None:
        member, inputs, _ = fitted()
        assert_same_predictions(member, restored(member), inputs)
