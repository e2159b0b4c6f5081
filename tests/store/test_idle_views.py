from postroom.store.idle_views import IdleViews


class Account:
    """An account's views that notes which it was told to let go."""

    def __init__(self) -> None:
        self.forgotten: list[int] = []

    def forget_idle(self, mailbox_id: int) -> None:
        self.forgotten.append(mailbox_id)


def test_the_longest_unused_of_all_accounts_goes_first() -> None:
    idle, one, two = IdleViews(400), Account(), Account()
    idle.keep(one, 1, 100)
    idle.keep(two, 1, 100)
    idle.keep(one, 2, 100)
    assert (one.forgotten, two.forgotten, len(idle)) == ([], [], 3)
    idle.keep(one, 1, 100)  # used again meanwhile
    idle.keep(two, 2, 100)
    assert (one.forgotten, two.forgotten, len(idle)) == ([], [1], 3)


def test_what_is_taken_makes_room() -> None:
    idle, views = IdleViews(300), Account()
    idle.keep(views, 1, 200)
    idle.take(views, 1)
    idle.take(views, 1)
    idle.keep(views, 2, 200)
    assert (views.forgotten, len(idle)) == ([], 1)


def test_one_that_is_too_large_drives_nobody_out() -> None:
    idle, views = IdleViews(300), Account()
    idle.keep(views, 1, 200)
    idle.keep(views, 2, 1000)
    assert (views.forgotten, len(idle)) == ([2], 1)


def test_one_that_grows_while_idle_counts_as_what_it_is() -> None:
    idle, views = IdleViews(300), Account()
    idle.keep(views, 1, 100)
    idle.keep(views, 2, 100)
    idle.grown(views, 3, 1000)  # not kept
    assert views.forgotten == []
    idle.grown(views, 2, 150)
    assert views.forgotten == [1]
    idle.grown(views, 2, 400)
    assert (views.forgotten, len(idle)) == ([1, 2], 0)


def test_empty_views_cost_something_too() -> None:
    idle, views = IdleViews(1000), Account()
    for mailbox_id in range(100):
        idle.keep(views, mailbox_id, 0)
    assert 0 < len(idle) < 100


def test_nothing_is_kept_when_nothing_may_be() -> None:
    idle, views = IdleViews(0), Account()
    idle.keep(views, 1, 0)
    assert (views.forgotten, len(idle)) == ([1], 0)
