"""Categories as objects or in several columns, and products without an id, in a catalogue that comes back."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shelfwise.review.exports.decision_files import EXPORTS
from shelfwise.review.workspace import Workspace
from shelfwise.service.answers.problems import Problem
from tests.review.exports.test_write_back import decide, parts

Open = Callable[..., Workspace]


def opened(tmp_path: Path, workspace_of: Open, name: str, content: str | bytes) -> Workspace:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return workspace_of(path)


def exported(workspace: Workspace) -> str:
    return EXPORTS["catalog"].write(workspace).decode()


def refused(workspace: Workspace) -> str:
    with pytest.raises(Problem) as caught:
        EXPORTS["catalog"].write(workspace)
    return str(caught.value)


OBJECTS = """\
{"id": "p1", "categories": [{"id": 5, "name": "Kitchen"}, {"id": 6, "name": "Mugs"}], "title": "Mug"}
{"id": "p2", "categories": [{"name": "Garden", "id": 7}], "title": "Pot", "n": 1e2}
{"id": "p3", "categories": [], "title": "Bowl & spoon"}
{"id": "p4", "categories": null, "title": "Bowl"}
{"id": "p5", "title": "Émile's bowl" }
"""

KITCHEN, MUGS = '{"id": 5, "name": "Kitchen"}', '{"id": 6, "name": "Mugs"}'
GARDEN = '{"name": "Garden", "id": 7}'


def test_objects_are_those_of_the_product_or_of_the_catalogue(
    tmp_path: Path, workspace_of: Open
) -> None:
    workspace = opened(tmp_path, workspace_of, "shop.jsonl", OBJECTS)
    decide(workspace, 0, "Kitchen", "Garden")
    decide(workspace, 1)
    decide(workspace, 2, "Kitchen", "Mugs")
    decide(workspace, 3, "Garden")
    decide(workspace, 4, "Mugs", "Kitchen")
    after = OBJECTS.replace(f"[{KITCHEN}, {MUGS}]", f"[{KITCHEN}, {GARDEN}]")
    after = after.replace(f"[{GARDEN}], ", "[], ").replace("[], ", f"[{KITCHEN}, {MUGS}], ", 2)
    after = after.replace(f'"p2", "categories": [{KITCHEN}, {MUGS}]', '"p2", "categories": []')
    after = after.replace("null", f"[{GARDEN}]")
    after = after.replace('bowl" }', f'bowl", "categories": [{KITCHEN}, {MUGS}] }}')
    assert exported(workspace) == after


def test_objects_over_several_lines_keep_their_form(tmp_path: Path, workspace_of: Open) -> None:
    records = [json.loads(line) for line in OBJECTS.splitlines()]
    before = json.dumps(records, indent=2, ensure_ascii=False)
    workspace = opened(tmp_path, workspace_of, "shop.json", before)
    decide(workspace, 0, "Kitchen", "Garden")
    records[0]["categories"][1] = records[1]["categories"][0]
    assert exported(workspace) == json.dumps(records, indent=2, ensure_ascii=False)


def test_objects_written_into_the_cells_of_a_table(tmp_path: Path, workspace_of: Open) -> None:
    cells = ['"[{""id"": 5, ""name"": ""Kitchen""}]"', '"[{""id"": 7, ""name"": ""Garden""}]"']
    before = "id,title,categories,n\n" + "".join(
        f"p{number},Mug,{cell},x \n" for number, cell in enumerate(cells)
    )
    workspace = opened(tmp_path, workspace_of, "shop.csv", before)
    decide(workspace, 1, "Kitchen")
    assert exported(workspace) == before.replace(cells[1], cells[0])


def test_objects_of_python_stay_such(tmp_path: Path, workspace_of: Open) -> None:
    first, second = "[{'id': 5, 'name': 'Kitchen'}]", "[{'id': 7, 'name': 'Garden'}]"
    before = f"id;title;categories;n\np1;Mug;{first};x \np2;Pot;{second};x \n"
    workspace = opened(tmp_path, workspace_of, "shop.csv", before)
    decide(workspace, 1, "Kitchen", "Garden")
    both = "[{'id': 7, 'name': 'Garden'}, {'id': 5, 'name': 'Kitchen'}]"
    assert exported(workspace) == before.replace(second, both)


ONE_OBJECT = """\
{"id": "p1", "category": {"id": 5, "name": "Kitchen"}, "title": "Mug"}
{"id": "p2", "category": {"id": 7, "name": "Garden"}, "title": "Pot"}
"""


def test_an_only_object_is_replaced_and_holds_no_second(tmp_path: Path, workspace_of: Open) -> None:
    workspace = opened(tmp_path, workspace_of, "shop.jsonl", ONE_OBJECT)
    decide(workspace, 1, "Kitchen")
    assert exported(workspace) == ONE_OBJECT.replace(
        '{"id": 7, "name": "Garden"}', '{"id": 5, "name": "Kitchen"}'
    )
    decide(workspace, 0)
    assert '{"id": "p1", "category": null, "title": "Mug"}' in exported(workspace)


def test_two_categories_of_an_only_object_are_refused(tmp_path: Path, workspace_of: Open) -> None:
    workspace = opened(tmp_path, workspace_of, "shop.jsonl", ONE_OBJECT)
    decide(workspace, 1, "Kitchen", "Garden")
    told = refused(workspace)
    assert "product 'p2' is to have Garden, Kitchen; its category is one object" in told


def test_objects_that_hold_only_a_name_are_made(tmp_path: Path, workspace_of: Open) -> None:
    before = "".join(
        f'{{"id": "p{number}", "categories": [{{"name": "{name}"}}]}}\n'
        for number, name in enumerate(("Kitchen", "Garden"))
    )
    workspace = opened(tmp_path, workspace_of, "shop.jsonl", before)
    decide(workspace, 1, "Toys")
    assert exported(workspace) == before.replace("Garden", "Toys")


def test_a_name_without_an_object_is_refused(tmp_path: Path, workspace_of: Open) -> None:
    workspace = opened(tmp_path, workspace_of, "shop.jsonl", OBJECTS)
    decide(workspace, 1, "Toys")
    told = refused(workspace)
    assert "product 'p2' is to have 'Toys'; no product of the file has it" in told
    assert "beside the name (id)" in told


def test_a_name_of_two_objects_is_refused_but_where_the_product_has_one(
    tmp_path: Path, workspace_of: Open
) -> None:
    twice = OBJECTS.replace('{"id": 5, "name": "Kitchen"}', '{"id": 5, "name": "Garden"}')
    workspace = opened(tmp_path, workspace_of, "shop.jsonl", twice)
    decide(workspace, 0, "Garden")
    assert '"categories": [{"id": 5, "name": "Garden"}], ' in exported(workspace)
    decide(workspace, 2, "Garden")
    told = refused(workspace)
    assert "product 'p3' is to have 'Garden'; it has two objects of the name" in told
    assert "'id': 5" in told
    assert "'id': 7" in told


def test_objects_in_parquet_keep_all_their_members(tmp_path: Path, workspace_of: Open) -> None:
    kind = pa.list_(pa.struct([("id", pa.int32()), ("name", pa.string())]))
    values = [[{"id": 5, "name": "Kitchen"}], [{"id": 7, "name": "Garden"}], None]
    table = pa.table(
        {"id": ["p1", "p2", "p3"], "title": ["M", "P", "B"], "categories": pa.array(values, kind)}
    )
    written = io.BytesIO()
    pq.write_table(table, written)
    workspace = opened(tmp_path, workspace_of, "shop.parquet", written.getvalue())
    decide(workspace, 2, "Kitchen")
    after = pq.read_table(io.BytesIO(EXPORTS["catalog"].write(workspace)))
    assert after.schema.equals(table.schema)
    assert after.column("categories").to_pylist() == [*values[:2], values[0]]


def test_embedded_images_stay_in_parquet(tmp_path: Path, workspace_of: Open) -> None:
    images = [{"bytes": b"of an image", "path": "1.png"}, {"bytes": b"other", "path": None}]
    columns = {"id": ["p1", "p2"], "title": ["M", "P"], "categories": [["Kitchen"], ["Garden"]]}
    table = pa.table({**columns, "image": images})
    written = io.BytesIO()
    pq.write_table(table, written)
    workspace = opened(tmp_path, workspace_of, "shop.parquet", written.getvalue())
    decide(workspace, 0, "Garden")
    after = pq.read_table(io.BytesIO(EXPORTS["catalog"].write(workspace)))
    assert after.column("categories").to_pylist() == [["Garden"], ["Garden"]]
    assert after.drop_columns(["categories"]).equals(table.drop_columns(["categories"]))


def test_a_tar_archive_is_refused(tmp_path: Path, workspace_of: Open) -> None:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for name, category in (("1.json", "Kitchen"), ("2.json", "Garden")):
            content = json.dumps({"title": "Mug", "categories": [category]}).encode()
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    workspace = opened(tmp_path, workspace_of, "shop.tar", written.getvalue())
    decide(workspace, 0, "Garden")
    assert "a tar archive is not written back" in refused(workspace)


LEVELS = """\
id;cat1;title;cat2;cat3
p1;Kitchen;"Mug; blue";Mugs;
p2;Garden;Pot;;
p3;;Bowl;;
p4;Kitchen;Bowl;Bowls;Small
"""


def test_levels_in_several_columns_are_written_into_these(
    tmp_path: Path, workspace_of: Open
) -> None:
    workspace = opened(tmp_path, workspace_of, "shop.csv", LEVELS)
    decide(workspace, 0, "Kitchen")
    decide(workspace, 1, "Kitchen", "Mugs")
    decide(workspace, 2, "Garden")
    decide(workspace, 3)
    assert (
        exported(workspace)
        == """\
id;cat1;title;cat2;cat3
p1;Kitchen;"Mug; blue";;
p2;Kitchen;Pot;Mugs;
p3;Garden;Bowl;;
p4;;Bowl;;
"""
    )


def test_two_paths_are_refused_where_columns_hold_one(tmp_path: Path, workspace_of: Open) -> None:
    workspace = opened(tmp_path, workspace_of, "shop.csv", LEVELS)
    decide(workspace, 1, "Garden", "Kitchen", "Mugs")
    told = refused(workspace)
    assert "product 'p2' is to have Garden and Kitchen > Mugs" in told
    assert "its 3 columns cat1, cat2, cat3 hold one path" in told


def test_a_path_that_is_longer_than_its_columns_is_refused(
    tmp_path: Path, workspace_of: Open
) -> None:
    two = "id,level1,level2,title\np1,Garden,Pots,Pot\np2,Kitchen,Mugs,Mug\n"
    # the model's own paths may be longer than those of the catalogue
    names = ("Bowls", "Garden", "Kitchen", "Mugs")
    paths = (("Kitchen", "Mugs", "Bowls"), ("Garden",), ("Kitchen",), ("Kitchen", "Mugs"))
    (tmp_path / "shop.csv").write_text(two)
    workspace = workspace_of(tmp_path / "shop.csv", names=names, paths=paths)
    decide(workspace, 0, "Kitchen", "Mugs", "Bowls")
    assert "a path of 3 levels; its 2 columns level1, level2 do not hold them" in refused(workspace)


def test_what_stands_below_an_empty_level_goes_with_the_old_path(
    tmp_path: Path, workspace_of: Open
) -> None:
    rows = ["p1,Garden,,Old,Pot", "p2,Kitchen,Mugs,Blue,Mug", "p3,Garden,,Old,Pot"]
    before = "\n".join(["id,cat1,cat2,cat3,title", *rows, ""])
    workspace = opened(tmp_path, workspace_of, "shop.csv", before)
    decide(workspace, 0, "Kitchen")
    # what is confirmed stays as it is written
    decide(workspace, 2, "Garden", "Old")
    assert exported(workspace) == before.replace("p1,Garden,,Old", "p1,Kitchen,,")


def test_levels_in_json_are_changed_and_added(tmp_path: Path, workspace_of: Open) -> None:
    before = (
        '{"id": "p1", "level1": "Kitchen", "level2": "Mugs", "title": "Mug"}\n'
        '{"id": "p2", "level1": "Garden", "level2": null, "title": "Pot"}\n'
        '{"id": "p3", "level1": "Garden", "title": "Pot"}\n'
    )
    workspace = opened(tmp_path, workspace_of, "shop.jsonl", before)
    decide(workspace, 0, "Kitchen")
    decide(workspace, 2, "Kitchen", "Mugs")
    assert exported(workspace) == (
        '{"id": "p1", "level1": "Kitchen", "level2": null, "title": "Mug"}\n'
        '{"id": "p2", "level1": "Garden", "level2": null, "title": "Pot"}\n'
        '{"id": "p3", "level1": "Kitchen", "title": "Pot", "level2": "Mugs"}\n'
    )


LABELS = "id,label1,label2,title\np1,Kitchen,Mugs,Mug\np2,Garden,-,Pot\np3,-,Garden,Pot\n"


def test_labels_stay_in_their_columns_and_new_ones_fill_empty_ones(
    tmp_path: Path, workspace_of: Open
) -> None:
    workspace = opened(tmp_path, workspace_of, "shop.csv", LABELS)
    decide(workspace, 0, "Mugs", "Garden")
    decide(workspace, 1, "Garden", "Kitchen")
    decide(workspace, 2)
    assert exported(workspace) == (
        "id,label1,label2,title\np1,Garden,Mugs,Mug\np2,Garden,Kitchen,Pot\np3,-,-,Pot\n"
    )


def test_more_labels_than_columns_are_refused(tmp_path: Path, workspace_of: Open) -> None:
    workspace = opened(tmp_path, workspace_of, "shop.csv", LABELS)
    decide(workspace, 0, "Kitchen", "Mugs", "Garden")
    told = refused(workspace)
    assert "product 'p1' is to have 3 categories; its 2 columns label1, label2 do not hold" in told


ONES = (
    "id,Kitchen,title,Mugs,Garden\np1,1,Mug,yes,0\np2,0,Pot,no,1\np3,1,Bowl,no,0\np4,0,Cup,yes,1\n"
)


def test_ones_and_zeros_are_written_as_each_column_has_them(
    tmp_path: Path, workspace_of: Open
) -> None:
    workspace = opened(tmp_path, workspace_of, "shop.csv", ONES)
    decide(workspace, 0, "Kitchen", "Garden")
    decide(workspace, 1, "Kitchen", "Mugs")
    after = ONES.replace("p1,1,Mug,yes,0", "p1,1,Mug,no,1")
    assert exported(workspace) == after.replace("p2,0,Pot,no,1", "p2,1,Pot,yes,0")


def test_ones_and_zeros_are_written_where_a_word_stands_before_the_labels(
    tmp_path: Path, workspace_of: Open
) -> None:
    dummies = ONES.replace("Kitchen", "tag_Kitchen").replace("Mugs,Garden", "tag_Mugs,tag_Garden")
    workspace = opened(tmp_path, workspace_of, "shop.csv", dummies)
    decide(workspace, 0, "Kitchen", "Garden")
    assert exported(workspace) == dummies.replace("p1,1,Mug,yes,0", "p1,1,Mug,no,1")


def test_a_label_without_a_column_is_refused(tmp_path: Path, workspace_of: Open) -> None:
    workspace = opened(tmp_path, workspace_of, "shop.csv", ONES)
    decide(workspace, 0, "Kitchen", "Toys")
    told = refused(workspace)
    assert "product 'p1' is to have 'Toys', and no column of 0 and 1 is called so" in told


def test_a_file_is_refused_in_which_no_product_would_lack_a_label(
    tmp_path: Path, workspace_of: Open
) -> None:
    # a column of nothing but ones is no column of labels any more
    workspace = opened(tmp_path, workspace_of, "shop.csv", ONES)
    decide(workspace, 1, "Kitchen", "Garden")
    decide(workspace, 3, "Kitchen", "Garden", "Mugs")
    assert "cannot be given" in refused(workspace)


def test_ones_and_zeros_of_parquet_keep_their_types(tmp_path: Path, workspace_of: Open) -> None:
    columns: dict[str, Any] = {
        "id": ["p1", "p2", "p3"],
        "title": ["Mug", "Pot", "Bowl"],
        "Kitchen": pa.array([1, 0, 1], pa.int8()),
        "Mugs": pa.array([True, False, False]),
        "Garden": pa.array([0.0, 1.0, 0.0], pa.float32()),
    }
    table = pa.table(columns)
    written = io.BytesIO()
    pq.write_table(table, written)
    workspace = opened(tmp_path, workspace_of, "shop.parquet", written.getvalue())
    decide(workspace, 1, "Mugs", "Garden")
    after = pq.read_table(io.BytesIO(EXPORTS["catalog"].write(workspace)))
    assert after.schema.equals(table.schema)
    expected = table.set_column(3, "Mugs", pa.array([True, True, False]))
    assert after.equals(expected)


def workbook(rows: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def test_numbers_of_a_workbook_stay_numbers(tmp_path: Path, workspace_of: Open) -> None:
    rows: list[list[Any]] = [
        ["id", "Kitchen", "title", "Mugs", "Garden"],
        ["p1", 1, "Mug", True, 0],
        ["p2", 0, "Pot", False, 1],
        ["p3", 1, "Bowl", False, None],
    ]
    before = workbook(rows)
    workspace = opened(tmp_path, workspace_of, "shop.xlsx", before)
    decide(workspace, 1, "Mugs", "Garden")
    content = EXPORTS["catalog"].write(workspace)
    rows[2] = ["p2", 0, "Pot", True, 1]
    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    found = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert found == rows
    assert [type(value) for value in found[2]] == [str, int, str, bool, int]
    old, new = parts("shop.xlsx", before), parts("shop.xlsx", content)
    assert [name for name in old if old[name] != new[name]] == ["xl/worksheets/sheet1.xml"]


def test_several_elements_of_a_feed_are_refused(tmp_path: Path, workspace_of: Open) -> None:
    item = "<item><id>{}</id><title>Mug</title><cat1>{}</cat1><cat2>Mugs</cat2></item>"
    items = item.format(1, "Kitchen") + item.format(2, "Garden")
    workspace = opened(tmp_path, workspace_of, "shop.xml", f"<rss><channel>{items}</channel></rss>")
    decide(workspace, 0, "Kitchen")
    assert "several elements, and only one is changed" in refused(workspace)


NAMELESS = {
    "shop.csv": '\nid,title,categories\np1,"Mug\nblue",Kitchen\n\n,Pot,Garden\n,Bowl,Garden\n',
    "shop.jsonl": (
        '{"id": "p1", "title": "Mug", "categories": ["Kitchen"]}\n\n'
        '{"id": null, "title": "Pot", "categories": ["Garden"]}\nbroken\n'
        '{"title": "Bowl", "categories": ["Garden"]}\n'
    ),
    "shop.json": (
        '[{"id": "p1", "title": "Mug", "categories": ["Kitchen"]}, 7,\n'
        '{"id": "", "title": "Pot", "categories": ["Garden"]},\n'
        '{"title": "Bowl", "categories": ["Garden"]}]'
    ),
    "shop.xml": (
        "<rss><channel><item><id>1</id><title>Mug</title><category>Kitchen</category></item>\n"
        "<item><title>Pot</title><category>Garden</category></item>\n"
        "<item><id/><title>Bowl</title><category>Garden</category></item></channel></rss>"
    ),
}


@pytest.mark.parametrize("name", NAMELESS)
def test_products_without_an_id_are_found_by_their_lines(
    tmp_path: Path, workspace_of: Open, name: str
) -> None:
    before = NAMELESS[name]
    workspace = opened(tmp_path, workspace_of, name, before)
    assert len(workspace.products) == 3
    # the last of them
    decide(workspace, 2, "Kitchen")
    head, _, tail = before.rpartition("Garden")
    assert exported(workspace) == f"{head}Kitchen{tail}"


def test_rows_without_an_id_in_a_workbook_and_in_parquet(
    tmp_path: Path, workspace_of: Open
) -> None:
    rows = [["Spring"], ["id", "title", "categories"], ["p1", "Mug", "A"], [None, "Pot", "B"]]
    workspace = opened(tmp_path, workspace_of, "shop.xlsx", workbook(rows))
    decide(workspace, 1, "Garden")
    sheet = openpyxl.load_workbook(io.BytesIO(EXPORTS["catalog"].write(workspace))).active
    assert [cell.value for cell in sheet["C"]] == [None, "categories", "A", "Garden"]


def test_rows_without_an_id_in_parquet(tmp_path: Path, workspace_of: Open) -> None:
    columns = {"id": ["p1", None], "title": ["Mug", "Pot"], "categories": ["A", "B"]}
    written = io.BytesIO()
    pq.write_table(pa.table(columns), written, row_group_size=1)
    workspace = opened(tmp_path, workspace_of, "shop.parquet", written.getvalue())
    decide(workspace, 1, "Garden")
    after = pq.read_table(io.BytesIO(EXPORTS["catalog"].write(workspace)))
    assert after.column("categories").to_pylist() == ["A", "Garden"]


HOME, POTS = '{"id": 1, "name": "Home", "parent": 0}', '{"id": 2, "name": "Pots", "parent": 1}'
OF_HOME = f"""\
{{"id": "p1", "categories": [{POTS}, {HOME}], "title": "Mug"}}
{{"id": "p2", "categories": [{{"id": 3, "name": "Toys", "parent": 0}}], "title": "Pot"}}
"""


def test_objects_with_the_one_above_stand_beside_each_other(
    tmp_path: Path, workspace_of: Open
) -> None:
    workspace = opened(tmp_path, workspace_of, "shop.jsonl", OF_HOME)
    decide(workspace, 1, "Home", "Pots")
    written = exported(workspace).splitlines()[1]
    assert written == f'{{"id": "p2", "categories": [{HOME}, {POTS}], "title": "Pot"}}'


def test_objects_that_hold_others_are_not_written_back(tmp_path: Path, workspace_of: Open) -> None:
    below = '"children": [{"name": "Pots"}]'
    before = OF_HOME.replace(f"[{POTS}, {HOME}]", "[]").replace('"parent": 0', below)
    workspace = opened(tmp_path, workspace_of, "shop.jsonl", before)
    decide(workspace, 1, "Pots")
    assert "product 'p2' hold those below them" in refused(workspace)


def test_categories_deep_inside_records_of_xml_are_not_changed(
    tmp_path: Path, workspace_of: Open
) -> None:
    records = "".join(
        f"<item><part><PartID>p{i}</PartID></part><more><ShortName>Mug {i}</ShortName>"
        f"<Classification>{name}</Classification></more></item>"
        for i, name in enumerate(["Mugs", "Pots", "Mugs", "Cups"] * 3)
    )
    workspace = opened(tmp_path, workspace_of, "shop.xml", f"<items>{records}</items>")
    decide(workspace, 1, "Mugs")
    assert "cannot be given Mugs in this file's writing" in refused(workspace)
