"""A new password, from standard input or asked for.

Owns: reading it. Never: prints or keeps it. Raises: Refusal.
"""

import sys

import click

from .outcome import WrongUse

_SHORT = 8  # characters below which we say so


def read_password(from_stdin: bool) -> str:
    """The first line of standard input, or what is typed twice."""
    if from_stdin:
        raw = sys.stdin.buffer.readline().rstrip(b"\r\n")
        try:
            password = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise WrongUse("the password on standard input is not UTF-8") from None
        if not password:
            raise WrongUse("there is no password on standard input")
    elif sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        raise WrongUse("give the password with --password-stdin, or run this on a terminal")
    if len(password) < _SHORT:
        click.echo(f"Warning: a password of less than {_SHORT} characters is soon guessed.", err=True)
    return password
