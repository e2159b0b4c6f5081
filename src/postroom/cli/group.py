"""`postroom` itself: the list of commands.

Owns: their names and one-line helps, so that `postroom --help` imports no server code. Never: does a command's work.
Raises: nothing of its own.
"""

import importlib
from typing import Any

import click

from postroom import __version__

# name: (module below postroom.cli, the command in it, one line of help)
COMMANDS: dict[str, tuple[str, str, str]] = {
    "init": ("init", "init", "Set up a server: settings, data folder, domain, first account."),
    "serve": ("serve", "serve", "Run the server in the foreground."),
    "check": ("check", "check", "Look for what is wrong, with a fix for each."),
    "account": ("account", "account", "People who have mail here."),
    "app-password": ("app_password", "app_password", "Passwords for single programs and devices."),
    "second-factor": ("second_factor", "second_factor", "Codes from an authenticator app beside the main password."),
    "guard": ("guard", "guard", "Who is kept out, and what addresses and accounts did."),
    "domain": ("domain", "domain", "Domains whose mail ends here."),
    "dns": ("dns", "dns", "The DNS records to publish for a domain."),
    "dkim": ("dkim", "dkim", "The keys that sign our mail: list, rotate, retire, records."),
    "certificate": ("certificate", "certificate", "The server's certificates: list, order, renew, import."),
    "alias": ("alias", "alias", "Addresses that lead to others."),
    "list": ("lists", "lists", "Mailing lists and their members."),
    "queue": ("queue_destinations", "queue", "Mail that waits to leave."),
    "trace": ("trace", "trace", "Follow a message, step by step."),
    "suppression": ("suppression", "suppression", "Addresses not asked any more, as they bounced for good."),
    "junk": ("junk", "junk", "What people's own filters have learnt from their moves to Junk."),
    "tlsrpt": ("tlsrpt", "tlsrpt", "What others report of the TLS they had with this server."),
    "dmarc": ("dmarc", "dmarc", "What others report of mail in our domains' names."),
    "import": ("import_mail", "import_mail", "Bring mail from files into an account."),
    "export": ("export_mail", "export_mail", "Write an account's mail into files."),
    "config": ("config", "config", "Explain the settings."),
    "demo": ("demo", "demo", "Show two servers exchanging mail, with every line they say."),
    "dev": ("dev", "dev", "Run a server for trying things out, with two people."),
}


class LazyGroup(click.Group):
    """Finds its commands in COMMANDS and imports them one at a time."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[name]
        command: Any = getattr(importlib.import_module(f"postroom.cli.{module}"), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in COMMANDS.items()])


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done; 1 a problem was found or something failed; 2 wrong usage; 3 what was named does not "
    "exist, or exists already.",
)
@click.version_option(__version__, prog_name="postroom")
def main() -> None:
    """Postroom, a complete mail server.

    Begin with: postroom init example.org
    """
