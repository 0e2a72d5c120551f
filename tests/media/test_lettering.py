"""Text on images: what is drawn as it stands, what is spelled, and where lines break."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from leomock.media import lettering, typefaces
from leomock.media.scripts import drawn
from leomock.media.typefaces import Face


@pytest.mark.parametrize(
    ("text", "legible"),
    [
        ("plain text", "plain text"),
        ("  two\n\tlines\x00\x7f ", "two lines"),
        ("Café \u2013 Zürich, ½ “ﬁne”…", "Café \u2013 Zürich, ½ “fine”…"),
        ("Cafe\u0301", "Café"),
        ("Żółw, smørrebrød, Straße", "Żółw, smørrebrød, Straße"),
        ("Кот на крыше", "Кот на крыше"),
        ("東京 かな カナ", "東京 かな カナ"),
        ("한글", "hangeul"),
        ("বাংলা", "baaalaaa"),
        ("🦊 ❤️", "🦊 ❤"),
        ("𝄞", ":musical symbol g clef:"),
        ("\ud800", "\\ud800"),
        ("a\u200b\u0361b", "ab"),
    ],
)
def test_characters_without_a_glyph_are_spelled(text: str, legible: str) -> None:
    assert lettering.legible(text) == legible


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("from left to right, 12", "from left to right, 12"),
        ("שלום", "םולש"),
        ("hello שלום 34 עולם!", "hello םלוע 34 םולש!"),
        ("שלום world 12 abc", "world 12 abc םולש"),
        ("(שלום)", "(םולש)"),
        ("בית 12", "12 תיב"),
        ("abc (שלום) [x]", "abc (םולש) [x]"),
    ],
)
def test_letters_are_drawn_in_their_direction(text: str, order: str) -> None:
    assert drawn(text) == order


def test_arabic_letters_are_joined() -> None:
    """From right to left: QAF initial, TAH medial, TEH MARBUTA final; LAM with ALEF is one letter."""
    assert list(map(unicodedata.name, drawn("قطة"))) == [
        "ARABIC LETTER TEH MARBUTA FINAL FORM",
        "ARABIC LETTER TAH MEDIAL FORM",
        "ARABIC LETTER QAF INITIAL FORM",
    ]
    assert unicodedata.name(drawn("لا")) == "ARABIC LIGATURE LAM WITH ALEF ISOLATED FORM"
    # ALEF joins no letter after it.
    assert unicodedata.name(drawn("اب")[0]) == "ARABIC LETTER BEH ISOLATED FORM"


def test_hindi_vowel_stands_before_its_consonant() -> None:
    assert drawn("लिखित") == "िलिखत"
    assert drawn("स्थिर") == "िस्थर"


@given(st.text(st.characters(categories=["L", "N", "P", "Z"]), max_size=60))
def test_no_letter_is_lost_or_added(text: str) -> None:
    """But LAM with ALEF is one; brackets may face the other way."""
    mirrored = str.maketrans("()[]{}<>«»", ")(][}{><»«")
    plain = unicodedata.normalize("NFKC", drawn(text))
    assert sorted(plain.translate(mirrored) + plain) == sorted(
        (again := unicodedata.normalize("NFKC", text)).translate(mirrored) + again
    )


def glyph(character: str) -> bytes:
    image = Image.new("L", (60, 60))
    Face(40).write(ImageDraw.Draw(image), 5, 30, character, (255,))
    return image.tobytes()


@pytest.mark.parametrize(
    "script", ["plain", "sans", "hebrew", "arabic", "devanagari", "thai", "han", "emoji"]
)
def test_characters_that_a_font_should_have_are_in_it(script: str) -> None:
    """Their glyph differs from the one for missing characters; of long scripts, every 40th is looked at."""
    characters = sorted(typefaces.PLAIN if script == "plain" else typefaces.characters_of(script))
    one = typefaces.font_of(script, 40)
    missing = bytes(one.getmask("\uffff"))
    assert [
        each for each in characters[:: max(1, len(characters) // 250)] if bytes(one.getmask(each)) == missing
    ] == []


@pytest.mark.parametrize("size", range(8, 45, 3))
def test_plain_characters_are_no_wider_than_their_size(size: int) -> None:
    """So a short text fits without being measured."""
    face = Face(size)
    assert [each for each in typefaces.PLAIN if face.getlength(each) > size] == []
    assert face.fits("w" * 10, 10 * size)
    assert not face.fits("w" * 10, face.getlength("w" * 10) - 1)


def test_scripts_share_a_baseline_and_do_not_overlap() -> None:
    """Parts in several fonts are as wide together as each alone."""
    face = Face(30)
    parts = ["A cat ", "東京", " Кот ", "🦊"]
    assert face.getlength("".join(parts)) == pytest.approx(sum(map(face.getlength, parts)))
    assert len({glyph(each) for each in ("A", "東", "Ж", "🦊", "ก", "अ")}) == 6


def test_wrapped_text_ends_in_an_ellipsis_when_cut() -> None:
    """What does not fit in the rows is cut, and the cut is shown."""
    face = Face(20)
    assert lettering.wrap("one two three four", face, 100, 9) == ["one two", "three four"]
    assert lettering.wrap("one two three four five", face, 100, 2) == ["one two", "three four…"]
    assert lettering.wrap("one two three fourteen", face, 100, 2) == ["one two", "three four…"]
    assert lettering.wrap("w" * 30, face, 90, 2) == ["wwwww", "wwww…"]
    assert lettering.wrap("東京の夜は長い", face, 90, 2) == ["東京の夜", "は長い"]


@given(text=st.text(max_size=200), size=st.integers(8, 40), width=st.floats(0, 900), rows=st.integers(1, 5))
def test_wrapped_text_stays_in_its_box(text: str, size: int, width: float, rows: int) -> None:
    """No row is wider than asked for, unless a single character is, and there are not more rows."""
    face = Face(size)
    lines = lettering.wrap(lettering.legible(text), face, width, rows)
    assert len(lines) <= rows
    assert all(face.getlength(line) <= width or len(line) == 1 for line in lines)
