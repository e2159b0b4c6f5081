"""What the fixed resolver has beyond the contract."""

import asyncio

import pytest

from postroom.dns import DnsTemporary, StaticResolver


def test_it_can_fail_be_secure_and_tell_what_it_was_asked() -> None:
    async def go() -> None:
        resolver = StaticResolver(
            a_records={"a.test": ["127.0.0.2"]}, secure={"a.test"}, failing={"b.test", "127.0.0.9"}
        )
        assert (await resolver.a("A.test")).secure
        assert (await resolver.mx("a.test")).exists
        with pytest.raises(DnsTemporary):
            await resolver.txt("b.test")
        with pytest.raises(DnsTemporary):
            await resolver.ptr("127.0.0.9")
        assert resolver.asked == [("A", "a.test"), ("MX", "a.test"), ("TXT", "b.test"), ("PTR", "127.0.0.9")]
        await resolver.close()

    asyncio.run(go())
