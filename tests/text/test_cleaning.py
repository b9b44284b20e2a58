import pyarrow as pa
import pyarrow.compute as pc
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfwise.text.cleaning import CleaningSettings, stop_words, tokenize_column

TITLE = CleaningSettings(kind="title")
DESCRIPTION = CleaningSettings(kind="description")


def words(text: str | None, settings: CleaningSettings) -> list[str]:
    return tokenize_column([text], settings).row(0)


@pytest.mark.parametrize(
    ("text", "title", "description"),
    [
        (
            "The Women's T-Shirt, 5-pack (blue/white)",
            "the women t shirt pack blue white",
            "women shirt pack blue white",
        ),
        ("mp3 player 3XL", "player", "player"),
        ("don't  isn’t\tRun", "don isn run", "run"),
        ("O'Neill under_score", "o neill under score", "neill score"),
        ("Chaîne ÉTÉ 日本", "chaîne été 日 本", "chaîne été 日 本"),
        ("w" * 29 + " " + "x" * 30 + " " + "y" * 31, "w" * 29, "w" * 29 + " " + "x" * 30),
        ("100% -- !!!", "", ""),
        ("", "", ""),
    ],
)
def test_what_is_kept(text: str, title: str, description: str) -> None:
    assert words(text, TITLE) == title.split()
    assert words(text, DESCRIPTION) == description.split()


def test_the_authors_lose_compounds() -> None:
    cleaning = CleaningSettings(kind="title", compounds="drop")
    assert words("T-shirt's blue/white cup (new), No. 5. A-line.", cleaning) == ["cup", "new", "no"]


def test_absent_texts_have_no_words() -> None:
    tokens = tokenize_column([None, "red", None], TITLE)
    assert tokens.lengths.tolist() == [0, 1, 0]


def test_an_empty_column() -> None:
    assert len(tokenize_column([], TITLE)) == 0
    assert tokenize_column([None], TITLE).words == ()


def test_stop_words_are_single_lower_case_words() -> None:
    assert {"the", "and", "with", "don"} <= stop_words()
    assert all(word.isalpha() and word.islower() for word in stop_words())
    assert not {"women", "long", "new", "back"} & stop_words()


@settings(max_examples=60)
@given(
    st.lists(
        st.text(st.characters(max_codepoint=0x30FF, exclude_categories=["Cn", "Cs"])), max_size=4
    )
)
def test_separators_are_all_but_letters_marks_and_numbers(texts: list[str]) -> None:
    """As one pattern finds them, which is slow to compile. To 0x30FF: newer ones are not known everywhere."""
    plain = pc.replace_substring_regex(
        pc.utf8_lower(pa.array(texts, pa.large_string())), r"[^\pL\pM\pN]+", " "
    ).to_pylist()
    wanted = [
        [word for word in text.split() if word.isalpha() and len(word) < 30] for text in plain
    ]
    given_texts = [
        text.replace("'", " ").replace("’", " ") for text in texts
    ]  # what contractions leave is tested above
    at_blanks = TITLE.model_copy(update={"segmentation": "blanks"})
    tokens = tokenize_column(given_texts, at_blanks)
    assert [tokens.row(i) for i in range(len(texts))] == wanted


@pytest.mark.parametrize("dash", ["-", "–", "·", "、", "\u00a0", "🙂"])
def test_separators_beyond_ascii_are_seen_wherever_they_stand(dash: str) -> None:
    texts = ["plain red mug"] * 5000 + [None, f"red{dash}mug", "thé vert"]
    tokens = tokenize_column(texts, TITLE)
    assert [tokens.row(i) for i in (0, 5000, 5001, 5002)] == [
        ["plain", "red", "mug"],
        [],
        ["red", "mug"],
        ["thé", "vert"],
    ]


@settings(max_examples=30)
@given(
    st.lists(st.none() | st.text(), max_size=6),
    st.sampled_from(["title", "description"]),
    st.sampled_from(["split", "drop"]),
)
def test_a_row_does_not_depend_on_its_column(
    texts: list[str | None], kind: str, compounds: str
) -> None:
    cleaning = CleaningSettings.model_validate({"kind": kind, "compounds": compounds})
    together = tokenize_column(texts, cleaning)
    assert [together.row(i) for i in range(len(texts))] == [words(text, cleaning) for text in texts]
    # the marks of a letter belong to it
    assert all(regex.sub(r"\p{M}", "", word).isalpha() for word in together.words)
    assert sorted(together.distinct()) == sorted(together.words)
