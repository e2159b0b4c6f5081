from postroom.store.view_cache import CacheRoom, ViewCache


def test_the_longest_unused_of_all_views_goes_first() -> None:
    room = CacheRoom(40_000)
    one, two = ViewCache(room), ViewCache(room)
    for number in range(4):
        one.put(number, f"one {number}", 9000)
    assert one.get(0) == "one 0"  # used again
    two.put(0, "two", 9000)
    assert [one.get(number) for number in range(4)] == ["one 0", None, "one 2", "one 3"]
    assert two.get(0) == "two"
    assert room.octets <= 40_000


def test_one_value_never_takes_all_the_room() -> None:
    room = CacheRoom(40_000)
    small, large = ViewCache(room), ViewCache(room)
    small.put("a", "kept", 100)
    large.put("b", "small yet", 100)
    large.put("b", "too large", large.max_octets + 1)
    assert (small.get("a"), large.get("b")) == ("kept", None)


def test_a_value_that_grows_counts_as_what_it_is() -> None:
    room = CacheRoom(40_000)
    cache = ViewCache(room)
    for octets in (100, 5000, 200):
        cache.put("key", "value", octets)
    assert 200 <= room.octets < 1000


def test_a_view_that_ends_takes_nothing() -> None:
    room = CacheRoom(40_000)
    cache = ViewCache(room)
    cache.put("a", "value", 100)
    cache.put("b", "value", 100)
    cache.clear()
    cache.drop("a")
    assert (room.octets, cache.get("a")) == (0, None)


def test_many_small_values_cost_something_too() -> None:
    room = CacheRoom(40_000)
    cache = ViewCache(room)
    for number in range(1000):
        cache.put(number, "value", 0)
    assert sum(cache.get(number) is not None for number in range(1000)) < 100


def test_nothing_is_kept_when_nothing_may_be() -> None:
    for cache in (ViewCache(), ViewCache(CacheRoom(0))):
        cache.put("a", "value", 0)
        assert (cache.get("a"), cache.max_octets) == (None, 0)
