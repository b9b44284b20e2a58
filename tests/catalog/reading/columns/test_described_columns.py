"""Columns without a usual name are found by a word in their names and by what they hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from shelfwise.catalog.reading.columns.column_mapping import plain_names
from shelfwise.catalog.reading.reader import ReadResult
from shelfwise.errors import CatalogError, NothingUsableError
from tests.catalog.reading.written_products import PRODUCTS, names_read, read, table

HEADERS: dict[str, Sequence[str]] = {
    "turkish": ("Stok Kodu", "Ürün Adı", "Açıklama", "Kategori", "Marka", "Fiyat"),
    "japanese": ("商品コード", "商品名", "商品説明", "カテゴリ", "ブランド", "販売価格"),
    "chinese": ("商品编号", "商品名称", "商品描述", "类目", "品牌", "价格"),
    "korean": ("상품코드", "상품명", "상품설명", "카테고리", "브랜드", "판매가"),
    "arabic": ("رقم المنتج", "اسم المنتج", "الوصف", "الفئة", "العلامة التجارية", "السعر"),
    "thai": ("รหัสสินค้า", "ชื่อสินค้า", "รายละเอียด", "หมวดหมู่", "แบรนด์", "ราคา"),
    "greek": ("Κωδικός", "Τίτλος", "Περιγραφή", "Κατηγορία", "Μάρκα", "Τιμή"),
    "german": ("Materialnummer", "Artikelbezeichnung", "Langtext", "Kategoriepfad", "Marke", "VK"),
    "spanish": ("Ref.", "Nombre del producto", "Descripción", "Categoría web", "Marca", "Precio €"),
    "code": (
        "itemNumber",
        "itemTextName",
        "longDescription",
        "categoryPath",
        "brandName",
        "priceNow",
    ),
    "turkish marketplace": (
        "Barkod",
        "Ürün Adı",
        "Ürün Açıklaması",
        "Kategori",
        "Marka",
        "Satış Fiyatı (KDV Dahil)",
    ),
    "swedish": ("Artikelnr", "Benämning", "Beskrivning", "Varugrupp", "Märke", "Pris inkl moms"),
    "finnish": ("Tuotenumero", "Tuotenimi", "Kuvaus", "Tuoteryhmä", "Merkki brand", "Hinta"),
    "hungarian": ("Cikkszám", "Megnevezés", "Leírás", "Kategória", "Márka brand", "Bruttó ár"),
    "romanian": ("Cod produs", "Denumire", "Descriere", "Categorie", "Marca", "Preț"),
    "vietnamese": ("Mã sản phẩm", "Tên sản phẩm", "Mô tả", "Danh mục", "Brand", "Giá"),
    "portuguese": ("Código", "Produto", "Descrição longa", "Departamento", "Marca", "Valor"),
    "french": ("N°", "Produit", "Descriptif", "Rubrique", "Marque", "PVC TTC"),
    "persian": ("کد کالا", "نام کالا", "توضیحات", "دسته‌بندی", "برند", "قیمت (تومان)"),
    "lithuanian": ("Kodas no", "Pavadinimas", "Aprašymas", "Kategorija", "Brand", "Kaina"),
    "polish": ("Symbol", "Nazwa towaru", "Opis oferty", "Grupa", "Producent", "Cena brutto"),
    "chinese goods": ("货号", "品名", "描述", "分类", "品牌", "零售价"),
    "english goods": ("Stock Code", "Product", "Details", "Section", "Maker", "RRP (inc VAT)"),
    "indian": ("Barcode", "Product Name", "Description", "Category", "Brand", "MRP"),
    "english": (
        "Name (DE)",
        "Name (EN)",
        "Description (EN)",
        "Category (EN)",
        "Brand",
        "Price (EN)",
    ),
}


def of_header(folder: Path, header: Sequence[str]) -> ReadResult:
    rows = [
        (p.id, p.title, p.description, "|".join(p.leaves), p.brand, f"{p.price:.2f}")
        for p in PRODUCTS
    ]
    return read(folder, table(header, rows, separator=";"))


@pytest.mark.parametrize("language", HEADERS)
def test_columns_in_many_languages(tmp_path: Path, language: str) -> None:
    header = list(HEADERS[language])
    if language == "english":
        header[0] = "sku"
    result = of_header(tmp_path, header)
    catalog = result.catalog
    assert catalog.ids == [p.id for p in PRODUCTS]
    assert catalog.column("title") == [p.title for p in PRODUCTS]
    assert catalog.column("description") == [p.description for p in PRODUCTS]
    assert catalog.column("brand") == [p.brand for p in PRODUCTS]
    assert catalog.column("price") == [p.price for p in PRODUCTS]
    assert names_read(result) == [set(p.leaves) for p in PRODUCTS]


def test_what_is_taken_is_told(tmp_path: Path) -> None:
    result = read(tmp_path, table(("movieId", "title"), [(7, "A"), (8, "B")]))
    assert result.reading.chosen == {"id": "movieId"}
    told = "id: movieId is taken, by a word in its name and what it holds"
    assert told in result.reading.evidence


def test_some_prices_may_be_words(tmp_path: Path) -> None:
    rows = [(1, "4.50"), (2, "auf Anfrage"), (3, "5.50")]
    assert read(tmp_path, table(("id", "UVP"), rows)).catalog.column("price") == [4.5, None, 5.5]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("price group", ["A", "B", "A"]),
        ("purchase price", ["1.50", "2.50", "3.50"]),
        ("currency of the price", ["1", "2", "3"]),
    ],
)
def test_no_price_without_a_price(tmp_path: Path, column: str, values: list[str]) -> None:
    rows = [(number, "A", value) for number, value in enumerate(values)]
    result = read(tmp_path, table(("id", "title", column), rows))
    assert result.catalog.column("price") == [None] * 3


def test_an_id_must_be_everywhere_and_stand_once(tmp_path: Path) -> None:
    for values in (["1", "1", "2"], ["1", "", "2"]):
        rows = [(value, "A") for value in values]
        result = read(tmp_path, table(("bookId", "title"), rows))
        assert result.catalog.ids == ["line 2", "line 3", "line 4"]
        assert any("no column is called like one" in one for one in result.reading.evidence)


def test_ids_that_excel_has_cut_short_are_refused_and_the_others_read(tmp_path: Path) -> None:
    rows = [("7.31E+11", "A"), ("731000000001", "B"), ("7.31E+11", "C"), ("731000000003", "D")]
    result = read(tmp_path, table(("UPC", "title"), rows))
    assert result.catalog.ids == ["731000000001", "731000000003"]
    assert "Excel has cut this one short" in result.quarantine[0].reason


def test_columns_of_yes_and_no_or_of_kinds_of_rows_are_no_categories(tmp_path: Path) -> None:
    header = ("id", "title", "category_Mugs", "type")
    rows = [(number, "A", number % 2, "simple") for number in range(20)]
    assert names_read(read(tmp_path, table(header, rows))) == [set()] * 20


def test_a_type_beside_tags_is_told(tmp_path: Path) -> None:
    rows = [(p.id, p.title, p.leaves[0], "sale") for p in PRODUCTS]
    result = read(tmp_path, table(("Handle", "Title", "Type", "Tags"), rows))
    assert result.reading.columns["categories"] == "Tags"
    assert any("Type could be it too" in sentence for sentence in result.reading.rivals)


def test_names_of_languages_end_where_words_do() -> None:
    assert plain_names("category_id") == ("category_id",)
    assert plain_names("product_no") == ("product_no",)
    assert plain_names("translations.DEFAULT.name")[-1] == "name"


def test_records_without_a_header_are_no_names(tmp_path: Path) -> None:
    text = "7001,Item code reader,Home\n7002,Name plate,Garden\n7003,Price tags,Home\n"
    with pytest.raises(CatalogError):
        read(tmp_path, text, "products.csv")


def test_what_all_products_have_is_no_category(tmp_path: Path) -> None:
    rows = [(p.id, p.title, "home", p.leaves[0]) for p in PRODUCTS]
    result = read(tmp_path, table(("id", "title", "feed_product_type", "shop_category"), rows))
    assert result.reading.columns["categories"] == "shop_category"


def test_prices_in_cents_are_none(tmp_path: Path) -> None:
    result = read(tmp_path, '{"id": 1, "title": "Mug", "price_cents": 550}', "products.jsonl")
    assert result.catalog.column("price") == [None]


def test_categories_inside_another_column_are_told(tmp_path: Path) -> None:
    text = 'id;title;payload\n1;Mug;{"category": "Mugs", "size": 3}\n'
    told = read(tmp_path, text).reading.evidence
    assert (
        "categories: no column has them; 'payload' has a key 'category' inside, with 'Mugs'; "
        "write it as a column"
    ) in told
    known = 'id;title;payload;category\n1;Mug;{"category": "Cups"};Mugs\n'
    assert not any("payload" in one for one in read(tmp_path, known).reading.evidence)


def test_names_of_categories_go_before_their_codes(tmp_path: Path) -> None:
    header = ("id", "title", "gpcCategoryCode", "gpcCategoryName")
    rows = [(n, "A", 10_000 + n % 3, ("Mugs", "Lamps", "Rugs")[n % 3]) for n in range(12)]
    result = read(tmp_path, table(header, rows))
    assert result.reading.columns["categories"] == "gpcCategoryName"
    assert any("gpcCategoryCode could be it too" in told for told in result.reading.rivals)
    # codes alone are what there is
    alone = read(tmp_path, table(header[:3], [row[:3] for row in rows]))
    assert alone.reading.columns["categories"] == "gpcCategoryCode"


@pytest.mark.parametrize("name", ["商品ID", "등록상품ID"])
def test_a_latin_word_behind_others_without_a_blank(tmp_path: Path, name: str) -> None:
    result = read(tmp_path, table((name, "title"), [("a7", "A"), ("a8", "B")]))
    assert result.catalog.ids == ["a7", "a8"]


def test_short_descriptions_beside_longer_ones_are_titles(tmp_path: Path) -> None:
    header = ("Código", "Descrição", "Descrição Complementar")
    rows = [(p.id, p.title, f"<p>{p.description}</p>") for p in PRODUCTS]
    result = read(tmp_path, table(header, rows))
    assert result.catalog.column("title") == [p.title for p in PRODUCTS]
    assert result.reading.columns["description"] == "Descrição Complementar"
    assert any(told.startswith("title: Descrição is taken") for told in result.reading.evidence)


def test_descriptions_alone_are_no_titles(tmp_path: Path) -> None:
    result = read(
        tmp_path, table(("sku", "description"), [(p.id, p.description) for p in PRODUCTS])
    )
    assert result.catalog.column("title") == [None] * len(PRODUCTS)


def test_a_turkish_capital_with_a_dot(tmp_path: Path) -> None:
    result = read(tmp_path, table(("Stok kodu", "İsim"), [("a7", "A7 kupa"), ("a8", "A8 kupa")]))
    assert result.catalog.column("title") == ["A7 kupa", "A8 kupa"]


@pytest.mark.parametrize("names", [("Nummer", "Artikel"), ("No.", "Item"), ("Numéro", "Article")])
def test_an_article_beside_a_number_is_a_title(tmp_path: Path, names: tuple[str, str]) -> None:
    rows = [(n, f"Blue mug {n}", ("Mugs", "Pots")[n % 2], 4.5 + n) for n in range(12)]
    result = read(tmp_path, table((*names, "Category", "Price"), rows))
    assert result.catalog.ids == [str(n) for n in range(12)]
    assert result.catalog.column("title") == [f"Blue mug {n}" for n in range(12)]
    # alone it is the number
    rows = [(7000 + n, f"Blue mug {n}", "Mugs", 4.5) for n in range(12)]
    result = read(tmp_path, table((names[1], "title", "Category", "Price"), rows))
    assert result.catalog.ids == [str(7000 + n) for n in range(12)]


@pytest.mark.parametrize(
    "names",
    [
        ("Eski Fiyat", "Fiyat"),
        ("Preț vechi", "Preț"),
        ("Παλιά τιμή", "Τιμή"),
        ("Giá gốc", "Giá bán"),
        ("السعر القديم", "السعر"),
        ("Fiyat notu", "Fiyat"),
        ("Preço De", "Preço Por"),
        ("Цена до скидки, ₽", "Цена со скидкой, ₽"),
        ("Cena netto [zł]", "Cena brutto [zł]"),
        ("Piyasa Satış Fiyatı (KDV Dahil)", "Satılacak Fiyat (KDV Dahil)"),
        ("Nettopreis", "Bruttopreis"),
        ("Harga Normal (Rp) *", "Harga Penjualan (Rp) *"),
    ],
)
def test_an_old_price_is_not_the_price(tmp_path: Path, names: tuple[str, str]) -> None:
    rows = [(n, f"Mug {n}", "Mugs", 9 + n, 4 + n) for n in range(12)]
    result = read(tmp_path, table(("id", "title", "category", *names), rows))
    assert result.catalog.column("price") == [4 + n for n in range(12)]


@pytest.mark.parametrize(
    "names",
    [("Tuotekoodi", "Tuotteen nimi"), ("Cikkszám", "Terméknév"), ("Kód zboží", "Název zboží")],
)
def test_names_with_the_word_of_a_product(tmp_path: Path, names: tuple[str, str]) -> None:
    rows = [(f"m-{n}", f"Mug {n}", "Mugs", 4) for n in range(12)]
    result = read(tmp_path, table((*names, "category", "price"), rows))
    assert result.catalog.ids == [f"m-{n}" for n in range(12)]
    assert result.catalog.column("title") == [f"Mug {n}" for n in range(12)]


def test_another_price_is_told(tmp_path: Path) -> None:
    rows = [(n, f"Mug {n}", "Mugs", 9 + n, 4 + n) for n in range(12)]
    result = read(tmp_path, table(("id", "title", "category", "MRP (₹)", "Shop price"), rows))
    assert any("and not Shop price" in one for one in result.reading.evidence)


@pytest.mark.parametrize("name", ["Text", "Content", "body", "Long Text"])
def test_a_text_beside_a_title_is_the_description(tmp_path: Path, name: str) -> None:
    rows = [(p.id, p.title, p.description) for p in PRODUCTS]
    found = read(tmp_path, table(("id", "title", name), rows)).catalog.column("description")
    assert found == [p.description for p in PRODUCTS]


def test_of_ids_that_are_all_cut_the_cause_is_told(tmp_path: Path) -> None:
    rows = [("4,00638E+12", p.title) for p in PRODUCTS]
    with pytest.raises(NothingUsableError, match="Excel has cut this one short"):
        read(tmp_path, table(("EAN", "title"), rows))


@pytest.mark.parametrize(
    "name", ["img_path", "book_cover", "pic_url", "Bilddatei", "Fotos", "Kép", "Фото", "主图"]
)
def test_images_under_short_words(tmp_path: Path, name: str) -> None:
    rows = [(p.id, p.title, f"covers/{p.id}.jpg") for p in PRODUCTS]
    found = read(tmp_path, table(("id", "title", name), rows))
    assert found.reading.columns["image"] == name
    assert found.catalog.column("image")[0] == f"covers/{PRODUCTS[0].id}.jpg"
    # a word alone does not tell
    rows = [(p.id, p.title, "hard") for p in PRODUCTS]
    assert "image" not in read(tmp_path, table(("id", "title", name), rows)).reading.columns


@pytest.mark.parametrize(
    "names",
    [
        ("image_2", "image_1"),
        ("商品画像2", "商品画像1"),
        ("Thumbnail", "Product photo"),
    ],
)
def test_the_first_image_is_the_one(tmp_path: Path, names: tuple[str, str]) -> None:
    """A further one in a column before it was taken."""
    rows = [(p.id, p.title, f"b/{p.id}.jpg", f"a/{p.id}.jpg") for p in PRODUCTS]
    found = read(tmp_path, table(("id", "title", *names), rows)).catalog.column("image")
    assert found == [f"a/{p.id}.jpg" for p in PRODUCTS]


@pytest.mark.parametrize(
    "header", [("商品编号", "商品名称", "商品描述"), ("รหัสสินค้า", "ชื่อสินค้า", "รายละเอียด")]
)
def test_titles_of_one_word_with_a_number_are_no_codes(
    tmp_path: Path, header: tuple[str, str, str]
) -> None:
    """The descriptions were taken for the titles."""
    word = {"商品名称": "蓝色杯子", "ชื่อสินค้า": "แก้วสีฟ้า"}[header[1]]
    rows = [(p.id, f"{word}{n}", f"{p.description} {n}") for n, p in enumerate(PRODUCTS)]
    found = read(tmp_path, table(header, rows)).catalog
    assert found.column("title")[7] == f"{word}7"
    assert found.column("description")[7] == f"{PRODUCTS[7].description} 7"


@pytest.mark.parametrize(
    "name", ["skin_type", "Fabric Type", "lensType", "Tipo de piel", "Hauttyp"]
)
def test_the_type_of_a_property_is_no_category(tmp_path: Path, name: str) -> None:
    rows = [(p.id, p.title, ("Oily", "Dry")[n % 2]) for n, p in enumerate(PRODUCTS)]
    result = read(tmp_path, table(("id", "title", name), rows))
    assert names_read(result) == [set()] * len(PRODUCTS)
    assert f"categories: {name} is not taken" in " ".join(result.reading.evidence)
    # what a product is
    result = read(tmp_path, table(("id", "title", "garment_type"), rows))
    assert result.reading.columns["categories"] == "garment_type"


def test_a_book_without_a_title_is_one(tmp_path: Path) -> None:
    rows = [(p.title, p.description, p.leaves[0]) for p in PRODUCTS]
    found = read(tmp_path, table(("Book", "Description", "Genres"), rows)).catalog
    assert found.column("title") == [p.title for p in PRODUCTS]


def test_a_price_after_a_discount_is_the_price(tmp_path: Path) -> None:
    rows = [(p.id, p.title, 900 + n, 4 + n) for n, p in enumerate(PRODUCTS)]
    for names in (("retail_price", "discounted_price"), ("actual_price", "discount_price")):
        found = read(tmp_path, table(("id", "title", *names), rows)).catalog
        assert found.column("price") == [4 + n for n in range(len(PRODUCTS))]


def test_names_in_short_forms(tmp_path: Path) -> None:
    names = ("PRODUCT_ID", "CATG_NM", "PRODUCT_NM", "UNIT_PRC", "BRND_NM")
    rows = [(p.id, p.leaves[0], p.title, p.price, p.brand) for p in PRODUCTS]
    result = read(tmp_path, table(names, rows))
    assert result.catalog.column("title") == [p.title for p in PRODUCTS]
    assert result.catalog.column("brand") == [p.brand for p in PRODUCTS]
    assert names_read(result) == [{p.leaves[0]} for p in PRODUCTS]
