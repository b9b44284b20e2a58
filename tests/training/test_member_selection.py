"""Which members remain for catalogues that lack some fields."""

from __future__ import annotations

from typing import Any

import pytest

from shelfwise.config import Config
from shelfwise.core.catalog import Catalog
from shelfwise.training.member_selection import MIN_SHARE, adapt_to_catalog

FULL: dict[str, Any] = {
    "title": "mug",
    "description": "to drink from",
    "image": "1.jpg",
    "related": {"also_bought": ["2"]},
}
FULL |= {"price": 2.0, "brand": "Alessi"}
EMPTY: dict[str, Any] = {
    "title": "",
    "description": None,
    "image": "",
    "related": {},
    "price": None,
    "brand": None,
}


def shop(without: str = "", count: int = 40, having: int = 0) -> Catalog:
    """Products with every field, but all except `having` of them lack those named in `without`, if only by
    an empty text or list.
    """
    lacking = {name: EMPTY[name] for name in without.split()}
    return Catalog.from_records(
        {"id": str(i), **FULL, **(lacking if i >= having else {})} for i in range(count)
    )


def config(
    systems: dict[str, tuple[str, ...]] | None = None, decide_with: str = "auto", **fields: Any
) -> Config:
    """Members by name: a field of the plug-in kernel_logistic, or (plug-in, field, settings)."""
    given = {
        name: ("kernel_logistic", field, {}) if isinstance(field, str) else field
        for name, field in fields.items()
    }
    members = {
        name: {"modality": m, "field": field, "settings": s}
        for name, (m, field, s) in given.items()
    }
    joins = {name: {"policy": "mean", "members": who} for name, who in (systems or {}).items()}
    return Config.parse({"members": members, "systems": joins, "decide_with": decide_with})


def fields_of(config: Config) -> dict[str, str]:
    return {name: member.field for name, member in config.members.items()}


class TestFields:
    def test_nothing_changes_where_nothing_lacks(self) -> None:
        for preset in ("quick", "recommended", "best", "paper"):
            assert adapt_to_catalog(Config.load(preset), shop()) == Config.load(preset)

    @pytest.mark.parametrize("lacking", ["description", "image", "related", "price"])
    def test_a_field_that_hardly_any_product_has_is_dropped(self, lacking: str) -> None:
        every = ["title", "description", "image", "related", "price"]
        done = adapt_to_catalog(config(all="+".join(every)), shop(lacking))
        assert fields_of(done) == {"all": "+".join(name for name in every if name != lacking)}

    def test_a_share_is_enough(self) -> None:
        least = round(MIN_SHARE * 40)
        assert fields_of(
            adapt_to_catalog(config(all="title+image"), shop("image", having=least))
        ) == {"all": "title+image"}
        assert fields_of(
            adapt_to_catalog(config(all="title+image"), shop("image", having=least - 1))
        ) == {"all": "title"}

    def test_a_column_that_is_not_there(self) -> None:
        assert fields_of(adapt_to_catalog(config(all="title+sound"), shop())) == {"all": "title"}

    @pytest.mark.parametrize(
        "catalog", [shop("title image"), shop(count=0)], ids=["none has any", "no products"]
    )
    def test_without_any_of_its_fields_a_member_stays_as_it_is(self, catalog: Catalog) -> None:
        assert fields_of(adapt_to_catalog(config(all="title+image"), catalog)) == {
            "all": "title+image"
        }

    def test_members_of_one_field_are_left_alone(self) -> None:
        given = config(
            title="title",
            again="title",
            image="image",
            systems={"fused": ("title", "again", "image")},
        )
        assert adapt_to_catalog(given, shop("image")) == given


class TestTwins:
    def test_the_first_stays_and_takes_the_others_places(self) -> None:
        systems = {"fused": ("both", "image", "title"), "pair": ("text", "both"), "every": ()}
        given = config(
            title="title",
            text="title+description",
            image="image",
            both="title+description+image",
            systems=systems,
        )
        done = adapt_to_catalog(given, shop("description"))
        assert fields_of(done) == {"title": "title", "image": "image", "both": "title+image"}
        assert {name: system.members for name, system in done.systems.items()} == {
            "fused": ("both", "image", "title"),
            "pair": ("title", "both"),
            "every": (),
        }

    def test_nobody_joins_a_member_twice(self) -> None:
        done = adapt_to_catalog(
            config(title="title", text="title+description", systems={"fused": ("text", "title")}),
            shop("description"),
        )
        assert done.systems["fused"].members == ("title",)

    def test_it_does_not_matter_which_of_the_two_lost_a_field(self) -> None:
        given = config(
            all="title+image+related", text="title+related", systems={"fused": ("text",)}
        )
        assert fields_of(adapt_to_catalog(given, shop("image"))) == {"all": "title+related"}
        assert adapt_to_catalog(given, shop("image")).systems["fused"].members == ("all",)

    def test_the_twin_decides_in_the_others_place(self) -> None:
        given = config(title="title", text="title+description", decide_with="text")
        assert adapt_to_catalog(given, shop("description")).decide_with == "title"
        assert adapt_to_catalog(given, shop()).decide_with == "text"

    def test_other_plugins_or_settings_make_no_twin(self) -> None:
        text = ("text_linear", "title+description", {"C": 3, "present": "all"})
        others = {
            "plugin": ("text_bag", "title", {"C": 3}),
            "cost": ("text_linear", "title", {"C": 2}),
        }
        assert adapt_to_catalog(
            config(**others, text=text), shop("description")
        ).members.keys() == {
            "plugin",
            "cost",
            "text",
        }
        same = ("text_linear", "title", {"C": 3})
        assert adapt_to_catalog(
            config(same=same, text=text), shop("description")
        ).members.keys() == {"same"}, "of one field, present is all and any"

    def test_kernels_that_are_left_with_words_are_the_linear_classifier(self) -> None:
        words = ("kernel_logistic", "title+related", {"encoder": "off"})
        given = config(title=("text_linear", "title", {}), words=words, systems={"fused": ()})
        assert fields_of(adapt_to_catalog(given, shop("related"))) == {"title": "title"}
        assert adapt_to_catalog(given, shop()) == given

    @pytest.mark.parametrize(
        ("field", "settings", "lacking"),
        [
            ("title+image", {}, "image"),  # it has sentence vectors
            ("title+image", {"encoder": "off", "C": 3.0}, "image"),
            ("related+image", {"encoder": "off"}, "image"),
        ],
    )
    def test_other_kernels_are_no_linear_classifier(
        self, field: str, settings: dict[str, Any], lacking: str
    ) -> None:
        kernels = ("kernel_logistic", field, settings)
        linear = {name: ("text_linear", name, {}) for name in ("title", "related")}
        done = adapt_to_catalog(config(**linear, kernels=kernels), shop(lacking))
        assert done.members.keys() == {"title", "related", "kernels"}

    def test_several_texts_must_all_be_there(self) -> None:
        words = ("kernel_logistic", "title+description+image", {"encoder": "off"})
        for present, names in (("any", {"text", "words"}), ("all", {"text"})):
            text = ("text_linear", "title+description", {"present": present})
            done = adapt_to_catalog(config(text=text, words=words), shop("image"))
            assert done.members.keys() == names

    def test_what_the_user_named_twice_is_fitted_twice(self) -> None:
        given = config(one="title+description", two="title+description")
        assert adapt_to_catalog(given, shop("image")) == given


def test_recommended_of_a_catalogue_of_titles() -> None:
    """No member of several fields is left but those that no earlier one of the title equals."""
    done = adapt_to_catalog(
        Config.load("recommended"), shop("description image related price brand")
    )
    cut = {
        name: member
        for name, member in done.members.items()
        if "+" in Config.load("recommended").members[name].field
    }
    assert {name: member.field for name, member in cut.items()} == {
        "kernel_text": "title",  # as `title`, with another loss
        "text_linear": "title",
        "text_transformer": "title",
        "tabular": "price+brand",  # the shop has neither: fitting will say so
    }


def test_quick_of_a_catalogue_of_titles_has_one_classifier_of_words() -> None:
    done = adapt_to_catalog(Config.load("quick"), shop("description image related price brand"))
    assert [name for name, member in done.members.items() if member.field == "title"] == ["title"]
