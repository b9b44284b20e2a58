"""The names that shops and feeds give to their columns."""

from __future__ import annotations

from collections.abc import Mapping

from shelfwise.catalog.reading.columns.written_words import words_of

INDEXES = ("", "unnamed_0", "index_level_0", "index")
"""Columns that only count the rows, as pandas writes in front; they count where nothing else is an id."""


def _lists(words: Mapping[str, str]) -> Mapping[str, tuple[str, ...]]:
    return {field: words_of(text) for field, text in words.items()}


TAGS = frozenset(
    _lists(
        {
            "tags": """
                tags tag schlagworte schlagwörter etiketten étiquettes mots_clés etiquetas etichette tagi
                etykiety štítky taggar теги метки タグ 标签 태그
            """
        }
    )["tags"]
)
"""Of the names of categories those that say tags; a column that says categories goes before them."""

_NAMES = _lists(
    {
        "id": """
            id asin parent_asin uniq_id item_sku seller_sku shop_sku merchant_sku
            product_id_non_editable handleid product_id productid handle url_handle code sku
            customlabel custom_label item_id item_number custom_label_sku article_number
            article_id objectid uuid train_id internal_id listing_id artikelnummer artikelnr
            artikel_nr référence código codice артикул identifier
            identifiant identificador identyfikator artikelcode artnr art_nr varenummer varenr
            kód_produktu kód kod item_no item_code product_code stock_code
            supplier_pid supplier_aid p_model matnr web_scraper_order
        """,
        "title": """
            title name product_name product_title productname item_name item_title product
            productdisplayname product_display_name prod_name designation us_title_short
            artikelname produktname bezeichnung titel désignation nom nom_du_produit titre
            nombre título nome titolo название наименование intitulé libellé naam
            productnaam navn produktnavn namn produktnamn nazwa nazwa_produktu název názov
            nimi display_name text maktx
        """,
        "description": """
            description body_html product_description long_description description_long
            item_description short_description description_html detail_desc about_product
            product_details summary desc us_description_short generic_name ingredients_text
            beschreibung descripción descrizione descrição описание descriptif
            omschrijving beskrivning beskrivelse opis popis corpo_html cuerpo_html corps_html
        """,
        "image": """
            image image_path imurl imageurlhighres imageurl image_url image_link image_src
            images product_image_url productimageurl main_image_url image_urls
            image_urls_x_y_z base_image picurl image1 image_name img imgs img_link photo picture
            picture_url imgurl bild bilder foto immagine imagen imagem afbeelding zdjęcie
            obrázek mime_info
        """,
        "categories": """
            categories category kategorie kategorien catégorie catégories categoría
            categoria categorías категория категории categorie catégorie_produit rayon
            warengruppe produktgruppe kategori kategorier kategorije kategoria
            categorieën kategória kategórie kategoriat kategoriler категорія категорії
            κατηγορία κατηγορίες カテゴリ カテゴリー 分类 分類 类目 카테고리 labels product_category_tree
            product_category category_name cat_name category_path categorytext
            categories_x_y_z product_type standardized_product_type custom_product_type
            prdtypecode google_product_category categories_tags tags tag schlagworte
            schlagwörter etiketten étiquettes mots_clés etiquetas etichette tagi etykiety
            štítky taggar теги метки タグ 标签 태그 collection collections breadcrumbs breadcrumb
            cat genres item_type_keyword family categ_id_complete_name categ_id
            public_categ_ids_complete_name public_categ_ids wgbez matkl label class genre
        """,
        "price": """
            price product_price regular_price variant_price sale_price startprice start_price
            standard_price discounted_price discount_price retail_price list_price unit_price selling_price
            current_price price_tax_incl price_tax_included price_tax_excl
            price_tax_excluded price_vat price_usd price_eur price_ek actual_price
            market_price preis prix prix_ttc precio preço prezzo cena цена tarif prijs
            pris verkaufspreis hinta ціна
        """,
        "brand": """
            brand vendor store manufacturer brands brand_name product_brand c_brand marke
            hersteller marque marca бренд производитель merk märke mærke značka producent
            výrobce fabricant fabricante
        """,
        "related": """
            related related_skus
        """,
    }
)

SYNONYMS: Mapping[str, tuple[str, ...]] = {**_NAMES, "id": (*_NAMES["id"], *INDEXES)}
"""Column names a source may use for each of ours, in the plain form of
:func:`~shelfwise.catalog.reading.columns.column_mapping.normal_name`; the first found counts.

They are those of Amazon, Shopify, WooCommerce, Magento, PrestaShop, BigCommerce, Akeneo, Wix, Squarespace,
Google Merchant, eBay, Etsy, Rakuten, Flipkart, Best Buy and Open Food Facts, and plain words in the
languages of Europe. Of Shopware 6, ``price_ek`` is the price of the group of customers that it calls EK.
"""

RELATIONS: Mapping[str, str] = {
    "also_buy": "also_bought",
    "also_view": "also_viewed",
    "also_bought": "also_bought",
    "also_viewed": "also_viewed",
    "bought_together": "bought_together",
    "buy_after_viewing": "buy_after_viewing",
}
"""Columns that hold one relation each (the 2018 dumps), and the name the relation gets in ``related``."""
