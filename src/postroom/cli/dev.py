"""`postroom dev`, which is `make run`: the demo's walk once, then a server with two people that stays up.

Owns: the development server's settings, people and first letter. Never: anything a real deployment needs.
Raises: Refusal.
"""

import asyncio
import json
import os
import secrets
import smtplib
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .init import DEV_PORT_BASE, ensure_account, ensure_domain, first_settings, write_settings
from .outcome import Refusal

if TYPE_CHECKING:
    from postroom.app import App
    from postroom.config import Config

DOMAIN = "postroom.test"
ALICE, BOB = f"alice@{DOMAIN}", f"bob@{DOMAIN}"
PURPOSES = {
    "smtp": "mail from other servers, STARTTLS offered",
    "submission": "sending, STARTTLS",
    "submissions": "sending, TLS",
    "lmtp": "mail from a relay in front",
    "pop3": "reading by POP3, STARTTLS",
    "pop3s": "reading by POP3, TLS",
    "imap": "reading by IMAP, STARTTLS",
    "imaps": "reading by IMAP, TLS",
}
LETTER = f"""From: Alice <{ALICE}>
To: Bob <{BOB}>
Subject: Welcome to Postroom

Hi Bob!

This letter came by submission on port 587 with STARTTLS and AUTH. Answer it from your mail program.

Alice
"""


@click.command(epilog="Example: postroom dev --folder dev-data")
@click.option("--folder", type=click.Path(path_type=Path), default=Path("dev-data"), help="Where everything is kept.")
@click.option("--port-base", default=DEV_PORT_BASE, show_default=True, help="Added to each standard port.")
@click.option("--walk/--no-walk", default=True, help="Play the Alice-to-Bob walk first.")
def dev(folder: Path, port_base: int, walk: bool) -> None:
    """Play the Alice-to-Bob walk, then run a server on loopback with two people, until Ctrl-C."""
    from postroom.app import App, StartFailed
    from postroom.base import log
    from postroom.config import ConfigError, load

    from .demo import play
    from .serve import new_loop, serve_until_stopped

    if walk and asyncio.run(play()):
        raise Refusal("the walk did not go as it must; see FAILED above")
    path = folder / "postroom.toml"
    try:
        if not path.exists():
            write_settings(path, first_settings(f"mail.{DOMAIN}", folder / "data", dev=True, port_base=port_base))
        config = load(path)
        passwords = _people(config, folder / "passwords.json")
        log.configure(config.log.level, config.log.format)
        app = App(config)
        app.prepare()
        with new_loop() as runner:
            runner.run(serve_until_stopped(app, path, then=lambda: _greet(app, folder, passwords)))
    except (ConfigError, StartFailed) as error:
        raise Refusal(str(error)) from error


def _people(config: "Config", passwords_path: Path) -> dict[str, str]:
    """Alice and Bob with passwords that stay the same from start to start."""
    if passwords_path.exists():
        passwords: dict[str, str] = json.loads(passwords_path.read_text())
    else:
        passwords = {person: f"{person.partition('@')[0]}-{secrets.token_hex(4)}" for person in (ALICE, BOB)}
        with open(os.open(passwords_path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            json.dump(passwords, file)
    ensure_domain(config, DOMAIN)
    for person, password in passwords.items():
        ensure_account(config, person, password)
    return passwords


async def _greet(app: "App", folder: Path, passwords: dict[str, str]) -> None:
    """The first letter, at the first start, and what a mail program has to be told."""
    sent = folder / "letter-sent"
    if not sent.exists():
        await asyncio.to_thread(_send_letter, app.port("submission"), passwords[ALICE])
        sent.touch()
    click.echo("\nPostroom is up. Point a mail program at it (the certificate is self-signed):\n")
    for name, addresses in app.listening().items():
        click.echo(f"  {name:<12} {', '.join(addresses):<34} {PURPOSES[name]}")
    click.echo("")
    for person, password in passwords.items():
        click.echo(f"  user {person:<22} password {password}")
    click.echo(f"\nEverything is in {folder}/. Ctrl-C stops it; the next start goes on with the same data.\n")


def _send_letter(port: int, password: str) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # our own certificate, made a moment ago
    with smtplib.SMTP("127.0.0.1", port) as smtp:
        smtp.starttls(context=context)
        smtp.login(ALICE, password)
        smtp.sendmail(ALICE, [BOB], LETTER)
