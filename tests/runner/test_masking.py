"""What is secret never comes out, wherever the pieces of the log begin and end."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shipline.runner.masking import Masker

TOKENS = ("glpat-", "glcbt-")


def masked(pieces: Iterable[bytes], secrets: Iterable[str] = (), prefixes: Iterable[str] = ()) -> bytes:
    masker = Masker(list(secrets), list(prefixes))
    return b"".join([*(masker.feed(piece) for piece in pieces), masker.end()])


CASES = [
    pytest.param(["hunter22"], (), b"a hunter22 b", b"a [MASKED] b", id="one value"),
    pytest.param(["alpha", "beta"], (), b"alphabeta beta", b"[MASKED][MASKED] [MASKED]", id="two values"),
    pytest.param(["abcd", "cdef"], (), b"abcdef", b"[MASKED]ef", id="values that overlap"),
    pytest.param(["abc", "abcdef"], (), b"abcdef abcde", b"[MASKED] [MASKED]de", id="one begins another"),
    pytest.param(["aab"], (), b"aaab aaaab", b"a[MASKED] aa[MASKED]", id="a value that begins in itself"),
    pytest.param(["abab"], (), b"ababab", b"[MASKED]ab", id="a value that repeats itself"),
    pytest.param(["päß€"], (), "x päß€ y".encode(), b"x [MASKED] y", id="a value beyond ASCII"),
    pytest.param(["a.c*"], (), b"abc a.c*", b"abc [MASKED]", id="signs of regular expressions"),
    pytest.param(
        ["-----BEGIN-----\nline one of it\nshort\n"],
        (),
        b"line one of it; short; -----BEGIN-----",
        b"[MASKED]; short; [MASKED]",
        id="lines of a value",
    ),
    pytest.param([], TOKENS, b"at glpat-aB3_x! it", b"at glpat-[MASKED]! it", id="a token"),
    pytest.param([], TOKENS, b"glcbt-64_a.b=glpat-x\n", b"glcbt-[MASKED]\n", id="a token within a token"),
    pytest.param(["geheim"], TOKENS, b"glpat-geheim geheim", b"glpat-[MASKED] [MASKED]", id="both kinds"),
    pytest.param([], TOKENS, b"glpat- glpat glpa", b"glpat- glpat glpa", id="prefixes without a token"),
    pytest.param(
        [],
        (),
        b"GET /x?Private_Token=abc&page=2&rss_token=d HTTP",
        b"GET /x?Private_Token=[MASKED]&page=2&rss_token=[MASKED] HTTP",
        id="parameters of an address",
    ),
    pytest.param([], (), b"private_token=abc", b"private_token=abc", id="no parameter of an address"),
    pytest.param([], (), b"ready? x&priv y", b"ready? x&priv y", id="no parameter at all"),
]


@pytest.mark.parametrize(("secrets", "prefixes", "text", "shown"), CASES)
def test_it_is_masked_in_one_piece(
    secrets: list[str], prefixes: tuple[str, ...], text: bytes, shown: bytes
) -> None:
    assert masked([text], secrets, prefixes) == shown


@pytest.mark.parametrize(("secrets", "prefixes", "text", "shown"), CASES)
def test_it_is_masked_when_it_is_cut_anywhere(
    secrets: list[str], prefixes: tuple[str, ...], text: bytes, shown: bytes
) -> None:
    for first in range(len(text) + 1):
        for second in range(first, len(text) + 1):
            pieces = [text[:first], text[first:second], text[second:]]
            assert masked(pieces, secrets, prefixes) == shown, pieces


@pytest.mark.parametrize(("secrets", "prefixes", "text", "shown"), CASES)
def test_it_is_masked_byte_by_byte(
    secrets: list[str], prefixes: tuple[str, ...], text: bytes, shown: bytes
) -> None:
    assert masked([bytes([byte]) for byte in text], secrets, prefixes) == shown


WORDS = st.text("ab-?", min_size=1, max_size=5)


@given(
    st.lists(WORDS, max_size=4),
    st.lists(WORDS, max_size=2),
    st.lists(st.sampled_from([b"a", b"b", b"-", b"?", b" ", b"rss_token=", b"rss", b"_token="])),
    st.lists(st.integers(1, 5)),
)
@example(["ab", "ba"], ["b-"], [b"a", b"b", b"a", b"-", b"a"], [1, 1, 1])
def test_how_a_text_is_cut_makes_no_difference(
    secrets: list[str], prefixes: list[str], words: list[bytes], cuts: list[int]
) -> None:
    text = b"".join(words)
    pieces, at = [], 0
    for length in cuts:
        pieces.append(text[at : at + length])
        at += length
    assert masked([*pieces, text[at:]], secrets, prefixes) == masked([text], secrets, prefixes)


@given(st.binary(max_size=200), st.integers(0, 200))
def test_without_secrets_every_byte_comes_out(text: bytes, cut: int) -> None:
    assert masked([text[:cut], text[cut:]]) == text


def test_what_cannot_be_a_secret_is_shown_at_once() -> None:
    masker = Masker(["hunter22"], TOKENS)
    assert masker.feed(b"compiling\n") == b"compiling\n"
    assert masker.feed(b"gl") == b""
    assert masker.feed(b"obal\n") == b"global\n"


def test_an_unfinished_secret_is_shown_at_the_end() -> None:
    masker = Masker(["hunter22"])
    assert masker.feed(b"I met a hunter") == b"I met a "
    assert masker.end() == b"hunter"
    assert masker.end() == b""


def test_empty_values_mask_nothing() -> None:
    assert masked([b"abc"], ["", "b"]) == b"a[MASKED]c"


def test_a_masker_does_not_show_its_secrets_when_it_is_printed() -> None:
    masker = Masker(["hunter22"])
    masker.feed(b"hunter2")
    assert "hunter" not in repr(masker)


def test_what_becomes_known_later_is_masked_from_then_on_also_where_it_has_begun() -> None:
    masker = Masker(["hunter22"])
    assert masker.feed(b"a swordfish, a hunter2") == b"a swordfish, a "
    masker.learn(["swordfish"])
    assert masker.feed(b"2, a sword") == b"[MASKED], a "
    assert masker.feed(b"fish.") == b"[MASKED]."


def test_another_stream_of_the_same_secrets_holds_back_its_own() -> None:
    masker = Masker(["hunter22"], TOKENS)
    other = masker.another()
    assert (masker.feed(b"hunt"), other.feed(b"x glpat-")) == (b"", b"x ")
    assert (masker.feed(b"er22,"), other.feed(b"abc, ")) == (b"[MASKED],", b"glpat-[MASKED], ")


def test_a_long_secret_is_masked_when_it_comes_in_small_pieces() -> None:
    secret = "".join(f"{number:x}," for number in range(3000))
    text = f"<{secret}>".encode()
    pieces = [text[at : at + 1000] for at in range(0, len(text), 1000)]
    assert masked(pieces, [secret]) == b"<[MASKED]>"


@pytest.mark.parametrize("size", [1, 7, 4096, 16384, 1 << 20])
def test_a_token_longer_than_anything_is_masked_to_its_end(size: int) -> None:
    text = b"<glpat-" + b"aB3_" * 30_000 + b"> and https://x/?private_token=" + b"q~" * 20_000 + b"&a=1 end"
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert masked(pieces, (), TOKENS) == b"<glpat-[MASKED]> and https://x/?private_token=[MASKED]&a=1 end"


def test_a_long_run_without_a_break_is_not_held_back() -> None:
    masker = Masker(["hunter22"], TOKENS)
    shown = b"".join(masker.feed(b"x" * 16384) for _ in range(640))
    assert len(shown) == 640 * 16384


def test_a_run_of_prefixes_takes_no_time_to_speak_of() -> None:
    text = b"glpat-" * 200_000
    assert (
        masked([text[at : at + 16384] for at in range(0, len(text), 16384)], (), TOKENS) == b"glpat-[MASKED]"
    )


def test_a_long_secret_whose_end_begins_another_is_not_torn_apart() -> None:
    secret = "s" + "x" * 9000 + "ab"
    assert masked([b"<" + secret.encode(), b">"], [secret, "abc"]) == b"<[MASKED]>"


def test_without_prefixes_from_the_coordinator_gitlabs_own_tokens_are_masked() -> None:
    assert masked([b"glpat-abc gldt-abc glab-abc\n"]) == b"glpat-[MASKED] gldt-[MASKED] glab-abc\n"
