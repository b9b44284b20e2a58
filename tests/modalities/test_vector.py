"""Vectors from files and columns: found by id, refused with a reason, learned from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context, Examples
from shelfwise.errors import CatalogError, ConfigError
from shelfwise.modalities.vector import Vector

QUICK: dict[str, Any] = {
    "hidden": 0,
    "dropout": 0,
    "training": {"epochs": 30, "loss": "bce", "learning_rate": 0.05},
}
IDS = [f"p{i}" for i in range(40)]


@pytest.fixture
def truth() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, np.dtype[np.float32]]]:
    """Vectors (40, 3) far from 0 and of very different sizes, and the two labels they give."""
    rng = np.random.default_rng(0)
    targets = (rng.random((40, 2)) < 0.5).astype(np.float32)
    return np.column_stack([targets * [1e3, 1e-3], np.zeros(40)]) + rng.normal(
        0, [50, 5e-5, 0], (40, 3)
    ) + 7e2, targets


def member_of(source: str | None = None) -> Vector:
    return Vector(Vector.Settings.model_validate({**QUICK, "source": source}), "sound")


def save_npy(folder: Path, vectors: Any, ids: list[str] = IDS) -> Catalog:
    np.save(folder / "sound.npy", vectors)
    (folder / "sound.txt").write_text("\n".join(ids) + "\n")
    return Catalog.from_records([{"id": i} for i in IDS], folder)


class TestSources:
    def test_all_three_say_the_same(self, tmp_path: Path, truth: Any) -> None:
        vectors, targets = truth
        order = np.random.default_rng(1).permutation(40)[:30]
        there = np.isin(np.arange(40), order)
        ids = [IDS[i] for i in order]
        catalog = save_npy(tmp_path, vectors[order].astype(np.float32), ids)
        pq.write_table(
            pa.table({"id": [*ids, "absent"], "sound": [*vectors[order].tolist(), None]}),
            tmp_path / "sound.parquet",
        )
        column = Catalog.from_records(
            [
                {"id": i, "sound": vectors[n].tolist() if there[n] else None}
                for n, i in enumerate(IDS)
            ]
        )
        found = [
            member_of("sound.npy").prepare(catalog, Context()),
            member_of("sound.parquet").prepare(catalog, Context()),
            member_of().prepare(column, Context()),
        ]
        for inputs in found:
            assert np.array_equal(inputs.present, there)
            assert not inputs.refused
            np.testing.assert_array_equal(
                inputs.values, np.where(there[:, None], vectors, 0).astype(np.float32)
            )
        member = member_of("sound.npy").fit(Examples(found[0], targets).present(), None, Context())
        probabilities, features = member.predict(found[1].take(np.flatnonzero(there)), Context())
        assert ((probabilities > 0.5) == (targets[there] > 0)).mean() > 0.9
        assert np.isfinite(features).all(), "a number that never varies is not divided by 0"

    def test_lists_of_a_table(self) -> None:
        catalog = Catalog.from_records([{"id": "1"}, {"id": "2"}, {"id": "3"}])
        for kind in (pa.list_(pa.int8()), pa.large_list(pa.float64()), pa.list_(pa.float32(), 2)):
            table = catalog.table.append_column("sound", pa.array([[1, 2], None, [3, 4]], kind))
            inputs = member_of().prepare(Catalog(table, catalog.root), Context())
            assert inputs.present.tolist() == [True, False, True]
            assert inputs.values.tolist() == [[1, 2], [0, 0], [3, 4]]

    def test_what_is_no_vector_is_refused(self) -> None:
        values = ["[1, 2.5]", "[1, -2e3]", "[1]", "loud", "[]", "[NaN, 1]", "[1e99, 1]", None]
        inputs = member_of().prepare(
            Catalog.from_records([{"id": f"p{i}", "sound": v} for i, v in enumerate(values)]),
            Context(),
        )
        assert inputs.present.tolist() == [True, True, *[False] * 6]
        assert [r.id for r in inputs.refused] == ["p2", "p3", "p4", "p5", "p6"]
        assert inputs.refused[0].reason == "expected a list of 2 numbers, found one of 1"
        assert "not finite" in inputs.refused[-1].reason

    def test_rows_with_nan_are_refused(self, tmp_path: Path, truth: Any) -> None:
        vectors = truth[0].copy()
        vectors[3, 1] = np.nan
        inputs = member_of("sound.npy").prepare(save_npy(tmp_path, vectors), Context())
        assert np.flatnonzero(~inputs.present).tolist() == [3]
        assert [r.id for r in inputs.refused] == ["p3"]
        assert np.isfinite(inputs.values).all()


class TestErrors:
    @pytest.mark.parametrize(
        ("vectors", "ids", "message"),
        [
            (
                np.zeros(40),
                IDS,
                r"sound.npy holds float64 of shape \(40,\); "
                r"expected numbers of shape \(products, dimensions\)",
            ),
            (np.array([["a"]]), ["p0"], "holds <U1"),
            (np.zeros((40, 3)), IDS[:-1], r"shape \(40, 3\) but sound.txt has 39 ids; expected 40"),
        ],
    )
    def test_shapes(self, tmp_path: Path, vectors: Any, ids: list[str], message: str) -> None:
        with pytest.raises(CatalogError, match=message):
            member_of("sound.npy").prepare(save_npy(tmp_path, vectors, ids), Context())

    def test_pickles_are_not_opened(self, tmp_path: Path) -> None:
        with pytest.raises(CatalogError, match="cannot be read"):
            member_of("sound.npy").prepare(
                save_npy(tmp_path, np.array([{}], dtype=object), ["p0"]), Context()
            )

    @pytest.mark.parametrize("source", ["none.npy", "none.parquet"])
    def test_missing_files(self, tmp_path: Path, source: str) -> None:
        with pytest.raises(CatalogError, match=f"no file .*{source}"):
            member_of(source).prepare(Catalog.from_records([{"id": "1"}], tmp_path), Context())

    @pytest.mark.parametrize(
        ("table", "message"),
        [
            ({"id": ["1"], "noise": [[1.0]]}, "has the columns id, noise; expected id and sound"),
            ({"id": ["1"], "sound": ["x"]}, "holds string; expected lists of numbers"),
            (
                {"id": ["1", "2"], "sound": [[1.0], [1.0, 2.0]]},
                "have 1 to 2 numbers; expected equally many",
            ),
        ],
    )
    def test_parquet(self, tmp_path: Path, table: dict[str, Any], message: str) -> None:
        pq.write_table(pa.table(table), tmp_path / "sound.parquet")
        with pytest.raises(CatalogError, match=message):
            member_of("sound.parquet").prepare(
                Catalog.from_records([{"id": "1"}], tmp_path), Context()
            )

    def test_no_parquet_at_all(self, tmp_path: Path) -> None:
        (tmp_path / "sound.csv").write_text("id,sound\n")
        with pytest.raises(CatalogError, match="cannot be read as Parquet"):
            member_of("sound.csv").prepare(Catalog.from_records([{"id": "1"}], tmp_path), Context())

    def test_columns(self) -> None:
        with pytest.raises(ConfigError, match="no column 'sound'"):
            member_of().prepare(Catalog.from_records([{"id": "1"}]), Context())
        with pytest.raises(ConfigError, match="holds double"):
            Vector(Vector.Settings(), "price").prepare(
                Catalog.from_records([{"id": "1", "price": 2}]), Context()
            )


class TestFitted:
    def test_vectors_of_another_length(self, tmp_path: Path, truth: Any) -> None:
        catalog = save_npy(tmp_path, truth[0])
        member = member_of("sound.npy")
        member.fit(Examples(member.prepare(catalog, Context()), truth[1]), None, Context())
        save_npy(tmp_path, np.zeros((40, 5)))
        with pytest.raises(
            CatalogError, match=r"sound.npy: the vectors have 5 numbers; the model was fitted on 3"
        ):
            member.prepare(catalog, Context())

    def test_a_catalogue_without_vectors(self, tmp_path: Path, truth: Any) -> None:
        catalog = save_npy(tmp_path, truth[0])
        member = member_of("sound.npy")
        member.fit(Examples(member.prepare(catalog, Context()), truth[1]), None, Context())
        state = member.state()
        json.dumps(dict(state.facts))
        for source in ("elsewhere.npy", None):
            bare = (
                member_of(source)
                .restore(state)
                .prepare(Catalog.from_records([{"id": "p1"}]), Context())
            )
            assert not bare.present.any()
            assert bare.values.shape == (1, 3)
