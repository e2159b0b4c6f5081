"""The resolver's limits. Owns: their names, defaults and help. Raises: nothing."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class DnsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[dns]`: whom to ask, and what to remember."""

    nameservers: Annotated[
        tuple[str, ...],
        Meta(description='Name servers to ask, as "ADDRESS" or "ADDRESS:PORT"; none: those of the system.'),
    ] = ()
    trust_ad: Annotated[
        Literal["loopback", "always", "never"],
        Meta(
            description="Whether name servers are believed that they have validated an answer (DNSSEC, which DANE "
            "needs): if all are on this machine, always, or never."
        ),
    ] = "loopback"
    timeout_seconds: Annotated[
        float, Meta(gt=0, description="Seconds to wait for a name server before it is asked again.")
    ] = 3.0
    tries: Annotated[int, Meta(ge=1, le=10, description="How often each name server is asked.")] = 3
    total_timeout_seconds: Annotated[
        float, Meta(gt=0, description="Seconds after which a question has no answer, whatever the tries.")
    ] = 20.0
    max_questions: Annotated[int, Meta(ge=1, description="Questions in flight at once; others wait.")] = 200
    cache_answers: Annotated[int, Meta(ge=0, description="Answers remembered; 0: none.")] = 20_000
    max_cache_seconds: Annotated[
        float, Meta(ge=0, description="Seconds an answer is remembered at most, whatever its TTL.")
    ] = 86_400.0
    negative_cache_seconds: Annotated[
        float, Meta(ge=0, description="Seconds it is remembered that a name or record does not exist.")
    ] = 60.0
    failure_cache_seconds: Annotated[
        float, Meta(ge=0, description="Seconds it is remembered that a question could not be answered.")
    ] = 1.0
