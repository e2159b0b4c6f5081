"""Where people are known who are not kept in postroom.db. Owns: the settings' names, defaults and help. Raises:
SettingError (a ValueError) for what can't be asked, or not safely."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from postroom.base import SettingError
from postroom.ldap import BadFilter, read_filter

from .ldap_places import BadPlace, ldap_place

PLACES = ("address", "user", "local", "domain")


class DirectorySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[directory]`: who knows the people, and how long its word is good."""

    kind: Annotated[
        Literal["embedded", "ldap", "hook"],
        Meta(
            description="Who knows the people: postroom.db alone, an LDAP server (section ldap) or a Python file "
            "(hook_file). People with a password in postroom.db sign in by that in any case. See directories.md."
        ),
    ] = "embedded"
    hook_file: Annotated[str, Meta(description="Path of the Python file with the functions that are asked.")] = ""
    hook_timeout_seconds: Annotated[
        float, Meta(gt=0, description="Seconds for one call of a function of the hook.")
    ] = 5.0
    max_hook_threads: Annotated[
        int, Meta(ge=1, le=64, description="Functions of the hook that are not async and run at once, in threads.")
    ] = 8
    known_seconds: Annotated[
        float, Meta(ge=0, description="Seconds for which it is remembered whose an address or name is.")
    ] = 300.0
    unknown_seconds: Annotated[
        float, Meta(ge=0, description="Seconds for which it is remembered that an address or name is nobody's.")
    ] = 30.0
    proven_seconds: Annotated[
        float,
        Meta(
            ge=0, description="Seconds for which a password that was right is so without asking; a new one is at once."
        ),
    ] = 300.0
    refused_seconds: Annotated[
        float, Meta(ge=0, description="Seconds for which a password that was wrong is so without asking.")
    ] = 30.0
    outage_seconds: Annotated[
        float,
        Meta(
            ge=0,
            description="Seconds for which what was remembered goes on while the directory is down: addresses that are "
            "somebody's, passwords that were right.",
        ),
    ] = 86_400.0
    gone_seconds: Annotated[
        float,
        Meta(
            ge=0,
            description="Seconds for which mail still goes to an account whose person the directory does not know any "
            "more; from then on it is refused. Nobody signs in meanwhile.",
        ),
    ] = 259_200.0
    max_remembered: Annotated[
        int, Meta(ge=1, description="Answers that are remembered, of each kind, yes and no apart.")
    ] = 10_000
    max_waiting: Annotated[
        int, Meta(ge=1, description="Questions that wait for the directory at once; one more fails for now.")
    ] = 256

    def __post_init__(self) -> None:
        if self.kind == "hook" and not self.hook_file:
            raise SettingError('kind = "hook" needs a hook_file', ("hook_file",))


class LdapSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[ldap]`: the LDAP server of directory.kind = "ldap"."""

    urls: Annotated[
        tuple[str, ...],
        Meta(description='Its addresses, "ldaps://HOST" or "ldap://HOST:PORT", in the order in which they are tried.'),
    ] = ()
    start_tls: Annotated[bool, Meta(description="STARTTLS on ldap:// before anything is asked.")] = True
    allow_plain: Annotated[
        bool,
        Meta(description="Go without TLS where start_tls is false: all people's passwords cross the network readably."),
    ] = False
    authorities: Annotated[
        str,
        Meta(description="Path of a PEM file with the authorities that vouch for it; empty: those of the system."),
    ] = ""
    bind_dn: Annotated[str, Meta(description="As whom Postroom searches; empty: anonymously.")] = ""
    bind_password_file: Annotated[
        str, Meta(description="Path of a file with the password of bind_dn, on one line; read at the start.")
    ] = ""
    base: Annotated[
        str, Meta(description='Below what people are searched for, like "ou=people,dc=example,dc=org".')
    ] = ""
    scope: Annotated[
        Literal["sub", "one", "base"], Meta(description="How far below: all the way, one level, the entry itself.")
    ] = "sub"
    address_filter: Annotated[
        str,
        Meta(
            description="Whose is an address? {address}, {local} and {domain} stand for it and its parts. It may find "
            "people by other addresses than their primary one."
        ),
    ] = "(&(objectClass=inetOrgPerson)(mail={address}))"
    user_filter: Annotated[
        str,
        Meta(
            description="Who signs in? {user} is the name as it was given, {address} the same with "
            "accounts.sign_in_domain where it has no domain."
        ),
    ] = "(&(objectClass=inetOrgPerson)(|(uid={user})(mail={address})))"
    address_attribute: Annotated[
        str, Meta(min_length=1, description="Holds a person's primary address, which names the account here.")
    ] = "mail"
    quota_attribute: Annotated[
        str, Meta(description="Holds a person's room in octets, by which a new account is made; empty: none.")
    ] = ""
    check: Annotated[
        Literal["bind", "hash"],
        Meta(
            description="How a password is checked: by a bind as the person, or against the hash that "
            "password_attribute holds, which bind_dn has to be allowed to read."
        ),
    ] = "bind"
    password_attribute: Annotated[str, Meta(min_length=1, description="Holds the hash of a password.")] = "userPassword"
    connect_timeout_seconds: Annotated[
        float, Meta(gt=0, description="Seconds until a connection, with TLS and bind, is there.")
    ] = 5.0
    timeout_seconds: Annotated[float, Meta(gt=0, description="Seconds for one answer.")] = 5.0
    retry_seconds: Annotated[
        float, Meta(ge=0, description="Seconds for which a server that failed is not asked; others are.")
    ] = 10.0
    idle_seconds: Annotated[float, Meta(gt=0, description="Seconds for which an idle connection is used again.")] = 60.0
    max_connections: Annotated[
        int, Meta(ge=1, description="Connections to search by, and as many again to bind as people.")
    ] = 8
    max_answer_octets: Annotated[int, Meta(ge=4096, description="Octets of one answer.")] = 1_048_576

    def __post_init__(self) -> None:
        for url in self.urls:
            try:
                place = ldap_place(url)
            except BadPlace as error:
                raise SettingError(str(error), ("urls",)) from None
            if not (place.secure or self.start_tls or self.allow_plain or place.is_loopback):
                raise SettingError(f"{url}: without TLS, everybody's password could be read on the way", ("urls",))
        for key in ("address_filter", "user_filter"):
            try:
                read_filter(getattr(self, key), PLACES)
            except BadFilter as error:
                raise SettingError(str(error), (key,)) from None
        if bool(self.bind_dn) != bool(self.bind_password_file):
            raise SettingError("bind_dn and bind_password_file belong together", ("bind_dn",))
