"""What others say, in our replies."""

from postroom.filters.plain_words import MAX_WORDS, later, plain, refusal


def test_words_are_one_line_of_ascii() -> None:
    assert plain("a\r\n250 ok\tb") == "a 250 ok b"
    assert plain("Grüße\0".encode()) == "Gr??e?"
    assert len(plain("x" * 5000)) == MAX_WORDS
    assert len(plain(b"\xff" * 5000)) == MAX_WORDS


def test_an_empty_text_gets_words_of_ours() -> None:
    assert refusal("").text == "The message was refused by a filter"
    assert (later().code, later().enhanced, later().text) == (451, "4.7.1", "Please try again later")
    assert refusal("no\r\nway", enhanced="5.7.9").enhanced == "5.7.9"
    assert refusal("no", detail="secret").detail == "secret"
