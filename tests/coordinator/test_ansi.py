"""A job's log as HTML: what a page shows, and that nothing of a log becomes markup."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shipline.coordinator.web.ansi import LINE_LIMIT, Renderer, Style, sgr

ESC = "\x1b["
CLEAR = "\r\x1b[0K"


def html(text: str | bytes) -> str:
    renderer = Renderer()
    return renderer.feed(text.encode() if isinstance(text, str) else text) + renderer.end()


def line(content: str, number: int = 1) -> str:
    return f'<div class="line" id="L{number}">{content}</div>'


def test_each_line_is_one_element_with_its_number() -> None:
    assert html("one\ntwo\n") == line("one") + line("two", 2)
    assert html("one\n\nthree") == line("one") + line("", 2) + line("three", 3)
    assert html("") == ""


def test_a_line_is_given_when_it_is_whole() -> None:
    renderer = Renderer()
    assert renderer.feed(b"on") == ""
    assert renderer.feed(b"e\ntw") == line("one")
    assert renderer.feed(b"o") == ""
    assert renderer.end() == line("two", 2)
    assert renderer.end() == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("a & b &lt;", "a &amp; b &amp;lt;"),
        ('"it\'s"', "&quot;it&#x27;s&quot;"),
        ("a\x00b\x07c\x7f", "abc"),
        ("a\tb", "a\tb"),
        ("grüße €", "grüße €"),
    ],
)
def test_text_is_shown_as_text(text: str, shown: str) -> None:
    assert html(text + "\n") == line(shown)


def test_bytes_that_are_no_text_are_shown_as_such() -> None:
    assert html(b"a\xffb\n") == line("a\ufffdb")
    assert html(b"a\xe2\x82") == line("a\ufffd")


@pytest.mark.parametrize(
    ("codes", "classes"),
    [
        ("31", "red"),
        ("32;1", "green bold"),
        ("0;33", "yellow"),
        ("36;1", "cyan bold"),
        ("90", "l-black"),
        ("97", "l-white"),
        ("44", "bblue"),
        ("104", "bl-blue"),
        ("31;42", "red bgreen"),
        ("1;2;3;4", "bold ital undl dim"),
        ("38;5;1", "red"),
        ("38;5;9", "l-red"),
        ("38;5;196", "l-red"),
        ("38;5;21", "l-blue"),
        ("38;5;232", "black"),
        ("38;5;240", "l-black"),
        ("38;5;250", "white"),
        ("38;5;255", "l-white"),
        ("38;2;999;999;999", "l-white"),
        ("7", "black bwhite"),
        ("31;7", "black bred"),
        ("31;42;7;1", "green bred bold"),
        ("7;31;27", "red"),
        ("38;2;0;128;0", "green"),
        ("38;2;255;255;0;1", "l-yellow bold"),
        ("48;2;255;0;255", "bl-magenta"),
        ("48;5;4;38;5;3", "yellow bblue"),
    ],
)
def test_colours_are_classes(codes: str, classes: str) -> None:
    assert html(f"a {ESC}{codes}mb{ESC}0m c\n") == line(f'a <span class="{classes}">b</span> c')


@pytest.mark.parametrize(
    ("before", "codes", "after"),
    [
        ("31;1", "", ""),
        ("31;1", "0", ""),
        ("31;1", "39", "bold"),
        ("31;42", "49", "red"),
        ("1;2;31", "22", "red"),
        ("3;4", "23", "undl"),
        ("3;4", "24", "ital"),
        ("31", "32", "green"),
        ("31", "5;7;8;27;51", "red"),
        ("31", "38", ""),
        ("31", "38;5", ""),
        ("31", "38;2;1;2", ""),
        ("31", "38;7;1", ""),
        ("31", "999999999999", "red"),
        ("31", ";1", "bold"),
    ],
)
def test_attributes_end_as_they_should(before: str, codes: str, after: str) -> None:
    assert sgr(sgr(Style(), before), codes).classes() == after


def test_a_colour_goes_on_over_the_ends_of_lines() -> None:
    assert html(f"{ESC}31mone\ntwo{ESC}m\nthree\n") == (
        line('<span class="red">one</span>') + line('<span class="red">two</span>', 2) + line("three", 3)
    )


@pytest.mark.parametrize("escape", [f"{ESC}2K", f"{ESC}1;5H", f"{ESC}K", "\x1bM", "\x1b", f"{ESC}31"])
def test_other_sequences_are_not_shown(escape: str) -> None:
    assert "\x1b" not in html(f"a{escape}\n")
    assert html(f"a{escape}\n").startswith('<div class="line" id="L1">a')


def test_of_a_progress_bar_its_last_state_is_shown() -> None:
    assert html("10%\r50%\r100%\n") == line("100%")
    assert html("10%\r100%\r\n") == line("100%")
    assert html("windows\r\n") == line("windows")
    assert html("\r\r\n") == line("")


def test_what_is_overwritten_leaves_its_colours() -> None:
    assert html(f"{ESC}31mold\rnew\n") == line('<span class="red">new</span>')
    assert html(f"{ESC}31mold{ESC}0m\rnew\n") == line("new")


def start(name: str, at: int = 100, options: str = "") -> str:
    return f"section_start:{at}:{name}{options}{CLEAR}"


def end(name: str, at: int = 100) -> str:
    return f"section_end:{at}:{name}{CLEAR}"


def details(content: str, number: int = 1, state: str = " open") -> str:
    return f'<details class="section"{state}><summary id="L{number}">{content}</summary>'


def took(text: str) -> str:
    return f'<div class="took">{text}</div></details>'


def test_a_section_can_be_folded_and_says_how_long_it_took() -> None:
    text = f"{start('build', 100)}Building\nmaking\n{end('build', 165)}\nafter\n"
    assert html(text) == details("Building") + line("making", 2) + took("01:05") + line("after", 3)


def test_a_section_as_the_runner_writes_it_has_a_title_in_colour() -> None:
    text = f"{start('build')}\x1b[0;m\x1b[36;1mBuilding\x1b[0;m\n{end('build')}\n"
    assert html(text) == details('<span class="cyan bold">Building</span>') + took("00:00")


def test_a_section_may_be_folded_from_the_beginning() -> None:
    assert html(f"{start('a', options='[collapsed=true]')}A\n{end('a')}\n") == details("A", state="") + took(
        "00:00"
    )
    assert html(f"{start('a', options='[collapsed=false]')}A\n").startswith(details("A"))


def test_a_section_without_a_title_has_its_name() -> None:
    assert html(f"{start('build')}\n") == details("build") + "</details>"


def test_sections_lie_in_one_another() -> None:
    text = f"{start('a')}A\n{start('b', 110)}B\nx\n{end('b', 115)}\n{end('a', 120)}\n"
    assert html(text) == (details("A") + details("B", 2) + line("x", 3) + took("00:05") + took("00:20"))


def test_a_section_that_ends_takes_those_within_it_along() -> None:
    text = f"{start('a')}A\n{start('b', 110)}B\n{end('a', 120)}\nx\n"
    assert html(text) == details("A") + details("B", 2) + took("00:10") + took("00:20") + line("x", 3)


def test_an_end_without_a_beginning_ends_nothing() -> None:
    assert html(f"{start('a')}A\n{end('b')}\nx\n").count("</details>") == 1
    assert "</details>" not in html(f"{end('a')}\n")


def test_a_section_that_does_not_end_is_closed_with_the_log() -> None:
    assert html(f"{start('a')}A\n{start('b')}B\nx") == (
        details("A") + details("B", 2) + line("x", 3) + "</details></details>"
    )


def test_one_section_may_end_where_the_next_begins() -> None:
    text = f"{start('a')}A\nx\n{end('a')}{start('b')}B\n{end('b')}\n"
    assert html(text) == (details("A") + line("x", 2) + took("00:00") + details("B", 3) + took("00:00"))


def test_text_beside_the_marks_is_shown() -> None:
    assert html(f"before{start('a')}A\nlast{end('a')}after\n") == (
        line("before") + details("A", 2) + line("last", 3) + took("00:00") + line("after", 4)
    )


def test_a_clock_that_went_backwards_counts_as_nothing() -> None:
    assert took("00:00") in html(f"{start('a', 100)}A\n{end('a', 50)}\n")


@pytest.mark.parametrize(
    "text",
    [
        f"section_start:1:<b>{CLEAR}x",
        f"section_start:x:a{CLEAR}x",
        "section_start:1:a x",
        f"section_begin:1:a{CLEAR}x",
        f"section_start:1:{'a' * 101}{CLEAR}x",
    ],
)
def test_what_is_no_mark_opens_nothing(text: str) -> None:
    assert "<details" not in html(text + "\n")
    assert "<b>" not in html(text + "\n")


def test_a_title_is_escaped() -> None:
    assert details("&lt;b&gt;") in html(f"{start('a')}<b>\n")


def test_a_line_without_an_end_is_given_at_a_limit() -> None:
    renderer = Renderer()
    assert renderer.feed(b"x" * LINE_LIMIT) == ""
    assert renderer.feed(b"y") == line("x" * LINE_LIMIT + "y")
    assert renderer.end() == ""


PIECES = [
    "a",
    "<b>",
    "&",
    "é",
    "€",
    " ",
    "\n",
    "\n",
    "\r",
    "\x1b",
    "\x1b[",
    "\x1b[31m",
    "\x1b[0;1;44m",
    "\x1b[38;5;200m",
    "\x1b[0K",
    "section_start:1:a",
    start("a"),
    start("b", 7, "[collapsed=true]"),
    end("a", 9),
    end("b"),
    "\x00",
]
LOGS = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=30).map(lambda words: "".join(words).encode()),
    st.binary(max_size=60),
)


@given(LOGS)
@example(f"{start('a')}T\x1b[31m\nx€\r\ny\n{end('a', 5)}\n".encode())
def test_byte_by_byte_is_the_same_as_at_once(log: bytes) -> None:
    renderer = Renderer()
    assert "".join(renderer.feed(bytes([byte])) for byte in log) + renderer.end() == html(log)


class Reader(HTMLParser):
    """Knows the four elements that a log may become; fails at any other, and where they cross."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ("div", "span", "details", "summary")
        names = {name for name, _ in attrs}
        assert names <= {"class", "id", "open"}
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


@given(LOGS)
def test_any_log_becomes_whole_elements_with_ids_of_their_own(log: bytes) -> None:
    reader = Reader()
    reader.feed(html(log))
    reader.close()
    assert reader.open == []
    assert len(reader.ids) == len(set(reader.ids))


@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=80))
def test_the_text_that_is_read_from_the_page_is_the_text_of_the_log(text: str) -> None:
    reader = Reader()
    reader.feed(html(text + "\n"))
    reader.close()
    assert reader.text == text
