"""The directory's limits and policies. Owns: their names, defaults and help. Raises: nothing."""

from typing import Annotated

import msgspec
from msgspec import Meta


class AccountSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[accounts]`: addresses, aliases and passwords."""

    detail_separator: Annotated[
        str,
        Meta(
            max_length=1, description="Character before the detail in bob+detail@example.org; empty: no sub-addresses."
        ),
    ] = "+"
    postmaster: Annotated[
        str,
        Meta(
            description="Address that gets mail to postmaster at domains without a person or alias of that name; "
            "empty: the domain's first person."
        ),
    ] = ""
    sign_in_domain: Annotated[
        str, Meta(description="Domain added to a user name without one; empty: people sign in with their full address.")
    ] = ""
    max_alias_depth: Annotated[int, Meta(ge=1, le=100, description="Aliases of aliases that are followed.")] = 10
    max_alias_targets: Annotated[
        int, Meta(ge=1, description="Targets one address may have once aliases are expanded.")
    ] = 1000
    rewrite_forwarded_sender: Annotated[
        bool,
        Meta(
            description="Forward mail of other domains' senders under a return address of our own (SRS0=…), so that "
            "who checks SPF takes it."
        ),
    ] = True
    return_address_seconds: Annotated[
        float, Meta(ge=86_400, le=86_400_000, description="Seconds for which such a return address is good.")
    ] = 1_814_400.0
    old_secret_seconds: Annotated[
        float,
        Meta(ge=0, description="Seconds for which addresses made with a secret are good after it was replaced."),
    ] = 7_776_000.0
    max_address_octets: Annotated[
        int, Meta(ge=64, description="Longest address, in octets; longer ones belong to nobody.")
    ] = 1024
    max_password_octets: Annotated[int, Meta(ge=64, description="Longest password, in octets.")] = 1024
    hash_memory_kibibytes: Annotated[
        int, Meta(ge=8, le=4_194_304, description="Memory of one argon2id computation, in KiB.")
    ] = 19_456
    hash_passes: Annotated[int, Meta(ge=1, le=1000, description="Passes of one argon2id computation.")] = 2
    hash_lanes: Annotated[int, Meta(ge=1, le=64, description="Lanes of one argon2id computation.")] = 1
    max_hash_memory_kibibytes: Annotated[
        int,
        Meta(
            ge=8,
            le=67_108_864,
            description="Memory that all password hashes being computed may take together, in KiB; hashes of other "
            "servers that need more alone are refused.",
        ),
    ] = 262_144
    max_concurrent_hashes: Annotated[
        int, Meta(ge=1, le=64, description="Passwords that are checked at the same time, each in a thread.")
    ] = 2
    max_waiting_hashes: Annotated[
        int, Meta(ge=0, description="Sign-ins that may wait for their turn; one more is told to try again later.")
    ] = 256
    credential_cache_seconds: Annotated[
        float,
        Meta(ge=0, description="Seconds for which a proven password is accepted without computing its hash again."),
    ] = 300.0
    max_cached_credentials: Annotated[int, Meta(ge=1, description="Proven passwords that are remembered at once.")] = (
        10_000
    )
    keep_scram_keys: Annotated[
        bool,
        Meta(
            description="Keep what SCRAM needs beside each password's hash; false: nobody can sign in by SCRAM, and "
            "what was kept goes at the next sign-in."
        ),
    ] = True
    scram_iterations: Annotated[
        int,
        Meta(
            ge=4096,
            le=1_000_000,
            description="Iterations of SCRAM keys for passwords set from now on; the client has to compute them too.",
        ),
    ] = 10_000
    credential_key_file: Annotated[
        str,
        Meta(
            description="File with the key that seals SCRAM keys and second factors in postroom.db, made when it is "
            "missing; relative to the data folder."
        ),
    ] = "credentials.key"
    max_app_passwords: Annotated[int, Meta(ge=1, le=1000, description="App passwords of one account.")] = 50
    last_use_seconds: Annotated[
        float, Meta(ge=60, description="Seconds after which another use of a password is noted.")
    ] = 3600.0
    max_cached_addresses: Annotated[
        int, Meta(ge=1, description="Answers about addresses that are remembered at once.")
    ] = 10_000
    max_notes: Annotated[
        int, Meta(ge=10, description="Notes about the server itself that administrators may leave (IMAP METADATA).")
    ] = 100
    max_list_members: Annotated[int, Meta(ge=1, description="Members of one mailing list.")] = 50_000
    max_list_bounces: Annotated[
        int, Meta(ge=1, description="Messages of a list that bounced for good until the member gets no more.")
    ] = 5
    list_bounce_memory_seconds: Annotated[
        float, Meta(gt=0, description="Seconds without a bounce after which earlier ones are forgotten.")
    ] = 2_592_000.0
    unsubscribe_url: Annotated[
        str,
        Meta(
            description="HTTPS address of the unsubscribe page, to which a token is added (RFC 8058); empty: lists "
            "offer unsubscribing by mail only."
        ),
    ] = ""
    busy_timeout_seconds: Annotated[
        float, Meta(gt=0, description="Seconds to wait for another process that is writing to postroom.db.")
    ] = 10.0
