"""One encoding for a whole file: the settings say which, or a byte order mark, or the bytes of the table."""

from __future__ import annotations

import codecs
import gzip
from pathlib import Path

import pytest

from shelfwise.catalog.reading.central_encodings import central_encoding
from shelfwise.catalog.reading.detection import format_detection
from shelfwise.catalog.reading.reader import ReadResult, read_catalog
from shelfwise.catalog.reading.text_encoding import counted_letters
from shelfwise.config import CatalogSettings
from shelfwise.errors import CatalogError, ConfigError

TABLE = "id;title;brand\r\n01;Théière 5 €;Hélène\r\n02;Cup;\r\n03;Œuf d’été;\r\n"
TITLES = ["Théière 5 €", "Cup", "Œuf d'été"]
OTHER = 'if it is another one, write it under [catalog]: encoding = "NAME"'
NOTE = f"the file is not in UTF-8; all of it is decoded as Windows-1252; {OTHER}"


def read(
    folder: Path, data: bytes, name: str = "shop.csv", encoding: str | None = None
) -> ReadResult:
    path = folder / name
    path.write_bytes(data)
    return read_catalog(path, CatalogSettings(encoding=encoding))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (TABLE.encode(), ()),
        (TABLE.encode("cp1252"), (NOTE,)),
        (TABLE.encode("utf-16"), ()),
        (codecs.BOM_UTF16_BE + TABLE.encode("utf-16-be"), ()),
        (gzip.compress(TABLE.encode("cp1252"), mtime=0), (NOTE,)),
        (gzip.compress(TABLE.encode("utf-16"), mtime=0), ()),
    ],
)
def test_the_encoding_of_a_table_is_found_out(
    tmp_path: Path, data: bytes, told: tuple[str, ...]
) -> None:
    name = "shop.csv.gz" if data.startswith(b"\x1f\x8b") else "shop.csv"
    reading = read(tmp_path, data, name)
    assert reading.catalog.ids == ["01", "02", "03"]
    assert reading.catalog.column("title") == TITLES
    # once for the file, and no count of products
    assert reading.reading.evidence == told
    assert not reading.notes
    assert not reading.quarantine


def test_a_letter_far_behind_decides_for_the_whole_file(tmp_path: Path) -> None:
    rows = "".join(f"{i},Mug number {i} of many\n" for i in range(60_000))
    reading = read(tmp_path, f"id,title\n{rows}x,Théière\n".encode("cp1252"))
    assert reading.catalog.column("title")[-1] == "Théière"
    assert NOTE in reading.reading.evidence


def test_a_few_damaged_bytes_do_not_make_utf_8_another_encoding(tmp_path: Path) -> None:
    reading = read(tmp_path, "id,title\n1,Théière, été\n2,Été à thé\n3,".encode() + b"caf\xe9\n")
    assert reading.catalog.ids == ["2"]
    assert [refused.kind for refused in reading.quarantine] == [
        "wrong number of columns",
        "not UTF-8",
    ]


def test_json_lines_are_utf_8_or_utf_16_and_never_windows(tmp_path: Path) -> None:
    lines = '{"id": 1, "title": "Théière"}\n{"id": 2, "title": "Cup"}\n'
    reading = read(tmp_path, lines.encode("utf-16"), "shop.jsonl")
    assert reading.catalog.column("title") == ["Théière", "Cup"]
    reading = read(tmp_path, lines.encode("cp1252"), "shop.jsonl")
    assert [refused.kind for refused in reading.quarantine] == ["not UTF-8"]
    # unless the settings say so
    reading = read(tmp_path, lines.encode("latin-1"), "shop.jsonl", "latin-1")
    assert reading.catalog.column("title") == ["Théière", "Cup"]


def test_the_setting_counts_more_than_what_is_found(tmp_path: Path) -> None:
    reading = read(tmp_path, "id,title\n1,Чай\n".encode("cp1251"), encoding="windows-1251")
    assert reading.catalog.column("title") == ["Чай"]
    reading = read(tmp_path, TABLE.encode("cp1252"), encoding="utf-8")
    assert [refused.kind for refused in reading.quarantine] == ["not UTF-8"] * 2


@pytest.mark.parametrize("name", ["klingon", "zip"])
def test_an_unknown_encoding_is_one_clear_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(
        ConfigError, match=f"setting catalog.encoding is '{name}', which is no encoding"
    ):
        read(tmp_path, b"id\n1\n", encoding=name)


def test_a_decoded_file_is_not_read_again_from_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    for data, file in [(b"id\n1\n", path), (TABLE.encode("cp1252"), None)]:
        path.write_bytes(data)
        source = format_detection.open_source(path, CatalogSettings(), lambda _: None)
        assert source.file == file


def test_characters_cut_by_the_end_of_a_chunk_are_whole() -> None:
    data = "é".encode()
    assert not counted_letters([b"a" + data[:1], data[1:] + b"b"]).is_windows
    assert counted_letters([b"caf\xe9", b" x"]).is_windows


def test_a_half_character_of_utf_16_is_replaced(tmp_path: Path) -> None:
    data = TABLE.encode("utf-16").replace("p".encode("utf-16-le"), b"\x00\xd8")
    assert read(tmp_path, data).catalog.column("title")[1].startswith("Cu")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_text_without_the_mark_that_its_encoding_has_is_refused(
    tmp_path: Path, encoding: str
) -> None:
    with pytest.raises(
        CatalogError, match=rf"mark of byte order .* to {encoding}-le or {encoding}-be"
    ):
        read(tmp_path, TABLE.encode(), encoding=encoding)


@pytest.mark.parametrize(
    ("encoding", "title"),
    [
        ("cp1251", "Кружка синяя"),
        ("koi8-r", "Кружка синяя"),
        ("cp1250", "Łyżka święta"),
        ("cp1253", "Μπλε κούπα"),
        ("cp1254", "Kırmızı fincan"),
        # one word tells nothing, and these letters are elsewhere in other encodings of DOS
        ("mac_roman", "Café"),
        ("cp850", "Café"),
        ("cp852", "Törölköző őszi fűszer"),
        ("cp737", "Μπλε κούπα"),
        ("cp860", "Calções decoração mães"),
        ("shift_jis", "青いマグ"),
    ],
)
def test_other_encodings_are_asked_about(tmp_path: Path, encoding: str, title: str) -> None:
    path = tmp_path / "products.csv"
    rows = "".join(f"{i},{title}\n" for i in range(20))
    path.write_bytes(f"id,title\n{rows}".encode(encoding))
    with pytest.raises(CatalogError, match=r"encoding = \"NAME\""):
        read_catalog(path)
    settings = CatalogSettings(encoding=encoding)
    assert read_catalog(path, settings).catalog.column("title") == [title] * 20


def test_a_question_mark_of_beginnings_behind_a_letter_is_no_spanish(tmp_path: Path) -> None:
    # a capital and small letters of Polish are letters of Windows-1252, too
    rows = "".join(f"{i};Wyprzedaż\n" for i in range(20))
    with pytest.raises(CatalogError, match=r"cp1250 \(Wyprzedaż\)"):
        read(tmp_path, f"id;title\n{rows}".encode("cp1250"))
    spanish = "".join(f"{i};¿Qué es? Jabón\n" for i in range(20))
    found = read(tmp_path, f"id;title\n{spanish}".encode("cp1252"))
    assert found.catalog.column("title") == ["¿Qué es? Jabón"] * 20


def test_a_japanese_word_is_shown_whole(tmp_path: Path) -> None:
    # the second half of a long vowel is a bracket of ASCII, at which words end
    rows = "".join(f"{i},コントロールカラム\n" for i in range(20))
    with pytest.raises(CatalogError, match=r"cp932 \(ルカラム\)"):
        read(tmp_path, f"id,title\n{rows}".encode("cp932"))


WESTERN = {
    "de": ["Becher für Tee", "Küche", "Größe", "Wäsche", "Tücher"],
    "fr": ["Tasse à thé", "Bêche", "Râteau", "Équipement", "Façade"],
    "da": ["Blå krus", "Køkken", "Tøj", "Bøger", "Værktøj"],
    "es": ["Taza pequeña", "Jardín", "Decoración", "Algodón", "Baño"],
}


@pytest.mark.parametrize("language", WESTERN)
@pytest.mark.parametrize("encoding", ["cp850", "mac_roman", "cp1252"])
def test_the_encoding_in_which_all_words_are_words(
    tmp_path: Path, language: str, encoding: str
) -> None:
    titles = WESTERN[language] * 4
    rows = "".join(f"{i};{title}\n" for i, title in enumerate(titles))
    reading = read(tmp_path, f"id;title\n{rows}".encode(encoding))
    assert reading.catalog.column("title") == titles
    assert OTHER in reading.reading.evidence[0]


@pytest.mark.parametrize("title", ["Kissen für 5 €", "Cœur", "Bœuf 5 €"])
def test_signs_of_latin_9_alone(tmp_path: Path, title: str) -> None:
    rows = "".join(f"{i};{title}\n" for i in range(9))
    reading = read(tmp_path, f"id;title\n{rows}".encode("iso8859-15"))
    assert reading.catalog.column("title") == [title] * 9
    assert "Latin-9" in reading.reading.evidence[0]


@pytest.mark.parametrize(
    "title", ["½ Liter Öl", "1½l Öl", "L´Oréal", "Größe ¼ Zoll", "5 € für ½ kg"]
)
def test_fractions_are_no_latin_9(tmp_path: Path, title: str) -> None:
    rows = "".join(f"{i};{title}\n" for i in range(9))
    reading = read(tmp_path, f"id;title\n{rows}".encode("cp1252"))
    assert reading.catalog.column("title") == [title] * 9


@pytest.mark.parametrize(
    "title", ["Été à la plage, 10 m³", "Größe 5 für £5", "¿Qué año? 50 °C", "Œuvre"]
)
def test_words_of_western_europe_are_windows(tmp_path: Path, title: str) -> None:
    path = tmp_path / "products.csv"
    path.write_bytes(
        "".join(["id;title\n", *(f"{i};{title}\n" for i in range(9))]).encode("cp1252")
    )
    assert read_catalog(path).catalog.column("title") == [title] * 9


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32"])
def test_wide_encodings_need_no_mark(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "products.csv"
    path.write_bytes("id,title\n1,Été\n2,Mug\n".encode(encoding))
    assert read_catalog(path).catalog.column("title") == ["Été", "Mug"]


HUNGARIAN = ["Fűrész", "Kő", "Tükör", "Bőr táska", "Ágynemű", "Csésze"]


def test_hungarian_of_windows(tmp_path: Path) -> None:
    rows = "".join(f"{i};{title}\n" for i, title in enumerate(HUNGARIAN * 3))
    reading = read(tmp_path, f"id;title\n{rows}".encode("cp1250"))
    assert reading.catalog.column("title") == HUNGARIAN * 3
    assert "Windows-1250" in reading.reading.evidence[0]


@pytest.mark.parametrize(
    "titles",
    [
        # Portuguese, Estonian, French, and German with a name or two of Hungary
        ["Cartões", "Botões de pressão", "Calções", "Óleo", "Limões"],
        ["Põrandalamp", "Sõõr", "Kõrvits", "Õun", "Mänguasi"],
        ["Goûter d’été", "Brûlé", "Théière", "Flûte"],
        ["Küche", "Größe", "Bõrzsöny", "Tücher", "Öl"],
    ],
)
def test_other_languages_of_windows_stay(tmp_path: Path, titles: list[str]) -> None:
    rows = "".join(f"{i};{title}\n" for i, title in enumerate(titles * 3))
    reading = read(tmp_path, f"id;title\n{rows}".encode("cp1252"))
    assert "Windows-1252" in reading.reading.evidence[0]


CENTRAL = {
    "Polish": "łyżka żółty książka dźwięk pościel ręcznik świeca koń łóżko wąż gęś ćma źdźbło łąka ząb ślub",
    "Czech": "žába čáp štěně kůň řeka děda míč kočka ježek žížala světlo hůl stůl nůž úřad rýč",
    "Croatian": "čaša žlica šalica đak ćuk kuća noćna čarapa mreža šešir ključ ploča riža košulja čizma žaba",
}


@pytest.mark.parametrize("encoding", ["cp1250", "iso8859-2"])
@pytest.mark.parametrize("language", CENTRAL)
def test_languages_of_central_europe(tmp_path: Path, language: str, encoding: str) -> None:
    words = CENTRAL[language].split()
    rows = "".join(f"{i};{word}\n" for i, word in enumerate(words))
    reading = read(tmp_path, f"id;title\n{rows}".encode(encoding))
    assert reading.catalog.column("title") == words
    assert "all of it is decoded as" in reading.reading.evidence[0]


def test_words_that_may_be_of_two_languages_are_not_decided() -> None:
    # č and ć are è and æ of French
    words = [f"{word}č{word}ć".encode("cp1250") for word in "abcdefghijklmnopqrstuvwxyz"]
    assert central_encoding(words) is None
