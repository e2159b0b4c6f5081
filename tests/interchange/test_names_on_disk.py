import os

from postroom.interchange.names_on_disk import SortedNames


def test_names_come_in_order_of_number_then_name() -> None:
    names = SortedNames()
    names.add([(2, "cur", "b"), (10, "cur", "a"), (2, "new", "a")])
    names.add([(1, "cur", "z")])
    assert list(names) == [("cur", "z"), ("new", "a"), ("cur", "b"), ("cur", "a")]
    names.close()


def test_names_need_not_be_utf_8() -> None:
    names = SortedNames()
    odd = os.fsdecode(b"\xff\xfe")
    names.add([(0, "cur", odd)])
    assert list(names) == [("cur", odd)]
    names.close()
