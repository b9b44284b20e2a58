"""Words of the fields in column names, in the languages of shops."""

# ruff: noqa: RUF001 - the letters of other languages look like ours

from __future__ import annotations

from collections.abc import Mapping

from shelfwise.catalog.reading.columns.written_words import word_set


def _sets(words: Mapping[str, str]) -> Mapping[str, frozenset[str]]:
    return {field: word_set(text) for field, text in words.items()}


FIELD_WORDS = _sets(
    {
        "id": """
            id idx plu nr no number nummer num code sku barcode barkod ean ean13 gtin upc isbn
            isbn13 isbn10 mpn pid uid uuid koodi key slug ref réf referencia référence codice código
            kodu kod cod número numéro numer номер код item article artikel appid prodid movieid
            bookid indeks 番号 コード 编号 编码 코드 번호 رقم رمز كود κωδικός מק รหัส kode mã
            معرف 編號 貨號 артикул symbol 品番 货号 n nº cód kód oxartnum cikkszám 型番 품번 šifra کد شناسه
        """,
        "title": """
            title titel titre başlık título titolo name nm nombre nome nom nazwa název bezeichnung
            headline designation désignation libellé название наименование adı 商品名 品名
            タイトル 名称 名稱 nume 标题 제품명 상품명 품목명 품명 اسم أسم τίτλος שם ชื่อ nama
            tytuł tên isim navn namn naam adi urunadi stokadi naziv назва megnevezés denumire neve nimi ismi
            kurztext label etiket etichetta model modell modelo modèle модель varenavn benämning
            tuotenimi intitulé όνομα pavadinimas nosaukums nimetus име نام عنوان नाम név
        """,
        "description": """
            description beschreibung langtext descripción descrição descrizione
            açıklama описание 説明 描述 說明 설명 وصف περιγραφή תיאור รายละเอียด deskripsi desc
            descr opis omschrijving kuvaus beskrivelse beskrivning descriptif leírás descriere опис
            kurztext popis tả details detalle detalles specs
            aprašymas apraksts kirjeldus توضیحات विवरण
        """,
        "image": """
            image bild bilder photo foto picture resim thumbnail photo1 foto1 imágenes imagen
            immagine 画像 图片 이미지 الصورة img pic cover
            kép visuel fotos zdjęcia oxpic1 bilddatei bildname bildlink bildlänk bildurl
            bilde billede kuva görsel gambar фото изображение зображення φωτογραφία εικόνα 主图 รูป תמונה slika
        """,
        "categories": """
            category categories catg ctgry kategorie catégorie categoria categoría kategori kategoria
            категория категорія taxonomy taxon warengruppe crumb type typ tipo produkttyp
            カテゴリ ジャンル 类目
            分类 分组 分類 類別 카테고리 분류 فئة تصنيف κατηγορία קטגוריה หมวดหมู่ kategória
            famille famiglia familia artikelgroep artikelgruppe produktgruppe varegruppe varugrupp
            tuoteryhmä kategórie kategorija productgroep kategooria دسته श्रेणी
        """,
        "price": """
            price preis precio preço prezzo prix cena цена ціна tarif fiyat fiyatı vk uvp evp rrp prc
            msrp mrp pris prijs hinta 価格 价格 價格 售價 售价 单价 가격 판매가 단가 سعر
            τιμή מחיר ราคา harga giá vk1 listino preț pvp pvc valor importe salgspris 零售价
            定价 kaina cijena hind قیمت मूल्य
        """,
        "brand": """
            brand brnd marke marka marque marca varumärke varemerke
            ブランド メーカー 品牌 브랜드 العلامة ماركة μάρκα
            מותג แบรนด์ ยี่ห้อ producent produttore fabrikant hersteller tillverkare valmistaja
            üretici gyártó виробник maker fabricante merek hiệu برند manufacturer
        """,
    }
)
"""Our field -> words of which one is in the name of a column that may be it."""

WHOLE_NAMES = _sets(
    {
        "id": "stock_code stock_no productcode kod_towaru sku_name",
        "title": """
            ad names titles description_short
            book movie film game song album recipe app
            item artikel article artikeltext produkt produit producto produto prodotto produs
            artículo articulo artigo articolo summary vara vare tuote termék товар номенклатура
            προϊόν ürün 商品 产品 제품
        """,
        # Amazon has categories in the first, and other shops what kind of row it is; the others are of
        # systems of accounts
        "categories": """
            subject subjects sujet classification hierarchy
            item_type item_category item_category_name item_category_code subject_name topic topics тип
            тип_товара предмет grupa grupa_towarowa gruppo department department_name dept
            название_группы назва_групи група група_товарів группа группа_товаров товарная_группа itmsgrpnam
        """,
        # beside a title, and longer than one
        "description": "text long_text content body post_content texte testo texto tekst",
        "price": "ár bruttó_ár eladási_ár retail",
    }
)
"""Our field -> whole names of columns that may be it, though their words alone would not say so."""

OTHER_WORDS = _sets(
    {
        "id": """
            parent category kategorie brand group gruppe image tax user customer seller vendor
            store shop warehouse currency type status color colour size country tariff phone zip
            rating count stock name description desc title text groep grupa gruppo grupo famille
            familia 分组 グループ 그룹 类目 分类 カテゴリ カテゴリー ディレクトリ 카테고리 분류
        """,
        "title": """
            category catg ctgry kategorie brand brnd marke file datei image bild option attribute variant
            vendor seller supplier party lieferant hersteller manufacturer color colour size class group
            department division section shop store user author customer status type unit length
            lenght first last url groep grupa gruppo grupo famille familia famiglia code number
            分组 分类 类目 カテゴリ グループ 그룹 카테고리 仓库 供应商
        """,
        "description": """
            meta seo category kategorie image short code unit color colour length lenght name group grp
            class type brand vendor supplier manufacturer department dept family groep grupa
            gruppo grupo famille familia famiglia categorie categoria catégorie categoría
        """,
        "image": "alt count width height size category",
        "categories": """
            image url description count rank position parent item row field content mime file
            media tax event document graphical
        """,
        "price": """
            group gruppe type typ currency währung cost oude eski vechi παλιά قديم ישן เดิม gốc
            coret stara stará původní régi antigo antiguo anterior precedente barré vanha старая
            стара førpris prej purchase einkauf einkaufspreis ek old
            alt compare level discount shipping delivery versand rule excl cent cents minor
            pence kost inkoop indkøb inköp achat zakup zakupu nákup закуп закупочная
            себестоимость maliyet alış costo custo coste acquisto compra 采购 进货 仕入 原価
            입고 원가 成本 تكلفة مخفض quantity qty menge quantité cantidad quantità quantidade factor
        """,
        "brand": "id aid pid code logo image url description descr type part number no nr sku mpn address",
    }
)
"""Our field -> words that make a name say something about the field: a ``category image`` is no category."""
