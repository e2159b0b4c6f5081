"""`postroom junk`: what an account's own filter has learnt.

Owns: its sub-commands. Never: moves or shows mail. Raises: Refusal, MissingOrPresent.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from .import_mail import find_person, give_to_server
from .options import config_option, json_option, read_settings
from .outcome import MissingOrPresent, Refusal, WrongUse, print_json, print_table

if TYPE_CHECKING:
    from postroom.config import Config
    from postroom.training import Books, WordBook

T = TypeVar("T")
_WHY = {
    "junk": "moved or put into Junk",
    "moved out": "taken out of Junk",
    "keyword": "marked by a mail program",
    "kept": "read and kept",
    "file": "learnt from files",
}


@click.group()
def junk() -> None:
    """What each person's own filter has learnt from their moves to Junk and back, and from files."""


@junk.command(epilog="Example: postroom junk learn --ham ~/Maildir --spam ~/spam.mbox bob@example.org")
@click.argument("address")
@click.option(
    "--spam",
    type=click.Path(path_type=Path, exists=True),
    multiple=True,
    help="An mbox, a Maildir or a folder of .eml files with junk. May be given several times.",
)
@click.option(
    "--ham", type=click.Path(path_type=Path, exists=True), multiple=True, help="The same with mail that is no junk."
)
@json_option
@config_option
def learn(address: str, spam: tuple[Path, ...], ham: tuple[Path, ...], as_json: bool, config_path: Path | None) -> None:
    """Teach an account's filter from files; a running server uses it within a minute.

    The same message teaches once, however often it is given. Of each kind the last messages are kept in mind, as many
    as training.max_messages says. The mail itself goes nowhere.
    """
    from postroom.training import HAM, SPAM

    if not spam and not ham:
        raise WrongUse("Say what to learn: --spam, --ham or both")
    config = read_settings(config_path)
    person = find_person(config, address)

    def work(books: "Books") -> dict[str, int]:
        book = books.book(person.account_id)
        return {
            "spam": sum(_learn(config, book, SPAM, path) for path in spam),
            "ham": sum(_learn(config, book, HAM, path) for path in ham),
        }

    learnt = _with_books(config, work)
    give_to_server(config)
    if as_json:
        print_json(learnt)
        return
    click.echo(f"Learnt: {learnt['spam']} messages of junk, {learnt['ham']} of other mail.")


def _learn(config: "Config", book: "WordBook", kind: int, path: Path) -> int:
    from postroom.interchange import NotMail, find_source
    from postroom.training import learn_file

    count = 0
    try:
        for folder in find_source(path, "auto", config.interchange).folders:
            for found in folder.messages():
                if not found.left_out and not found.refused:
                    count += learn_file(book, kind, found.pieces, config.training.max_messages)
    except NotMail as error:
        raise Refusal(str(error)) from error
    except OSError as error:
        raise Refusal(f"{path} can't be read: {error.strerror}") from error
    return count


@junk.command(epilog="Example: postroom junk show bob@example.org")
@click.argument("address")
@json_option
@config_option
def show(address: str, as_json: bool, config_path: Path | None) -> None:
    """Show how much an account's filter has learnt, from what, and whether it judges mail yet."""
    from postroom.training import SPAM

    config = read_settings(config_path)
    person = find_person(config, address)
    needed = config.training

    def work(books: "Books") -> tuple[int, int, int, dict[tuple[int, str], int]]:
        if not books.exists(person.account_id):
            return 0, 0, 0, {}
        book = books.book(person.account_id)
        return book.learnt.spam, book.learnt.ham, book.words, book.reasons()

    spam, ham, words, reasons = _with_books(config, work)
    judges = needed.enabled and spam >= needed.min_junk and ham >= needed.min_ham
    if as_json:
        by_reason = [
            {"kind": "spam" if kind == SPAM else "ham", "why": why, "messages": count}
            for (kind, why), count in reasons.items()
        ]
        print_json({"spam": spam, "ham": ham, "words": words, "judges": judges, "learnt": by_reason})
        return
    rows = [("junk" if kind == SPAM else "no junk", _WHY.get(why, why), str(n)) for (kind, why), n in reasons.items()]
    print_table(("kind", "because", "messages"), rows, empty="Nothing was learnt.")
    if judges:
        click.echo(f"Mail for {person.address} is judged by {words} words.")
    elif not needed.enabled:
        click.echo("training.enabled is false: no mail is judged.")
    else:
        click.echo(
            f"Mail for {person.address} is not judged yet: that takes {needed.min_junk} messages of junk (now {spam})"
            f" and {needed.min_ham} of other mail (now {ham})."
        )


@junk.command(epilog="Example: postroom junk forget bob@example.org")
@click.argument("address")
@config_option
def forget(address: str, config_path: Path | None) -> None:
    """Forget all that an account's filter has learnt.

    What is in Junk then counts as junk again at the server's next look, and mail that is kept as no junk.
    """
    config = read_settings(config_path)
    person = find_person(config, address)

    def work(books: "Books") -> bool:
        known = books.exists(person.account_id)
        books.remove(person.account_id)
        return known

    if not _with_books(config, work):
        raise MissingOrPresent(f"{person.address} has taught nothing")
    click.echo(f"Forgotten: mail for {person.address} is not judged until enough is learnt anew.")


def _with_books(config: "Config", work: "Callable[[Books], T]") -> T:
    from postroom.base import SystemIds
    from postroom.training import FOLDER, Books, TrainingFailure

    books = Books(config.data / FOLDER, lambda: SystemIds().octets(32))
    try:
        return work(books)
    except TrainingFailure as error:
        raise Refusal(f"{error.text} ({error.detail})") from error
    finally:
        books.close()
