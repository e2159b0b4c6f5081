"""Who works on what."""

import dataclasses

from postroom.base import FakeClock
from postroom.delivery import DeliverySettings
from postroom.delivery.destination import LOCAL, Destination
from postroom.delivery.lanes import Job, Lanes, grouped
from postroom.delivery.sites import Sites
from postroom.queue import RETRY, Entry, EntryState, Envelope, QueuedMessage, Recipient, Share
from postroom.smtp import local_reply

B, C = Destination("b.test"), Destination("c.test")


def entry(number: int, message: str = "q1") -> Entry:
    queued = QueuedMessage(message, Envelope(""), 1, 0.0)
    return Entry(number, queued, Recipient("x@b.test"), EntryState.SENDING, 0, 0.0, "", False)


def make(settings: DeliverySettings) -> Lanes:
    return Lanes(settings, Sites(FakeClock(), settings))


def job(destination: Destination, number: int = 1) -> Job:
    return Job(destination, (entry(number),))


def test_grouped_by_message_and_destination() -> None:
    placed = [(entry(1), B), (entry(2), C), (entry(3), B), (entry(4, "q2"), B), (entry(5), B), (entry(6), B)]
    jobs = grouped(placed, 3)
    assert [(j.destination, [e.entry_id for e in j.entries]) for j in jobs] == [
        (B, [1, 3, 5]),
        (B, [6]),
        (C, [2]),
        (B, [4]),
    ]


def test_workers_for_work() -> None:
    lanes = make(DeliverySettings(max_connections=3, max_connections_per_destination=2, max_local_deliveries=2))
    for k in range(5):
        assert lanes.add(job(B, k))
    lanes.add(job(C))
    for k in range(3):
        lanes.add(job(LOCAL, k))
    staffed = [lane.destination for lane in lanes.to_staff()]
    assert sorted(map(str, staffed)) == ["b.test", "b.test", "c.test", "local", "local"]
    assert lanes.to_staff() == []


def test_no_more_workers_than_jobs() -> None:
    lanes = make(DeliverySettings())
    lanes.add(job(B))
    (lane,) = lanes.to_staff()
    assert lanes.to_staff() == []
    assert lanes.next_job(lane, first=True) is not None
    lanes.add(job(B))
    assert len(lanes.to_staff()) == 1  # the first is busy


def test_a_worker_gives_way_to_a_lane_that_has_none() -> None:
    lanes = make(DeliverySettings(max_connections=1))
    lanes.add(job(B, 1))
    lanes.add(job(B, 2))
    (lane,) = lanes.to_staff()
    assert lanes.next_job(lane, first=True) is not None
    lanes.job_done(lane)
    lanes.add(job(C, 3))
    assert lanes.to_staff() == []
    assert lanes.next_job(lane, first=False) is None
    lanes.worker_gone(lane)
    assert [other.destination for other in lanes.to_staff()] == [C]


def test_waiting_is_bounded_and_can_be_dropped() -> None:
    lanes = make(DeliverySettings(max_waiting_per_destination=2))
    assert [lanes.add(job(B, k)) for k in range(4)] == [True, True, False, False]
    lanes.drop_jobs()
    assert lanes.to_staff() == []


def test_destinations_that_are_down_have_a_room_of_their_own() -> None:
    settings = DeliverySettings(max_connections=2, max_suspect_connections=1, max_connections_per_destination=1)
    sites = Sites(FakeClock(), settings)
    lanes = Lanes(settings, sites)
    down = [Destination(f"down{k}.test") for k in range(5)]
    for destination in down:
        sites.failed(destination, local_reply(421, "4.4.1", "refused"))
        lanes.add(job(destination))
    lanes.add(job(B))
    lanes.add(job(C))
    staffed = lanes.to_staff()
    assert {lane.destination for lane in staffed} == {B, C, down[0]}
    for lane in staffed:
        assert lanes.next_job(lane, first=True) is not None
    first = next(lane for lane in staffed if lane.destination == down[0])
    sites.answered(down[0])  # it is well again, though the others' room is full
    lanes.job_done(first)
    lanes.worker_gone(first)
    assert [lane.destination for lane in lanes.to_staff()] == [down[1]]


def test_a_lane_shrinks_with_its_destination() -> None:
    settings = DeliverySettings(initial_connections_per_destination=4)
    sites = Sites(FakeClock(), settings)
    lanes = Lanes(settings, sites)
    for k in range(9):
        lanes.add(job(B, k))
    staffed = lanes.to_staff()
    assert len(staffed) == 4
    for lane in staffed:
        lanes.next_job(lane, first=True)
    sites.failed(B, local_reply(421, "4.4.1", "refused"))
    lanes.job_done(staffed[0])
    assert lanes.next_job(staffed[0], first=False) is None
    lanes.worker_gone(staffed[0])
    assert lanes.to_staff() == []


def test_what_may_come_from_the_queue() -> None:
    lanes = make(DeliverySettings(initial_connections_per_destination=2, max_connections_per_destination=20))
    for k in range(15):
        lanes.add(job(B, k))
    assert lanes.shares() == {"b.test": Share(5)}
    assert lanes.full() == set()
    for k in range(5):
        lanes.add(job(B, k))
    assert lanes.full() == {"b.test"}
    (lane, _) = lanes.to_staff()
    lows: list[bool] = []
    for _ in range(18):
        lanes.next_job(lane, first=True)
        lows.append(lanes.runs_low(lane))
    assert lows.index(True) == 15
    assert lows.count(True) == 1


def at(domain: str, number: int) -> Job:
    queued = QueuedMessage(f"q{number}", Envelope(""), 1, 0.0)
    one = Entry(number, queued, Recipient(f"x@{domain}"), EntryState.SENDING, 0, 0.0, "", False)
    return Job(Destination("", relay="smarthost"), (one,))


def test_domains_behind_one_relay_share_its_window() -> None:
    lanes = make(DeliverySettings(initial_connections_per_destination=2))
    for k in range(12):
        assert lanes.add(at(f"d{k % 3}.test", k))
    shares = lanes.shares()
    assert shares.keys() == {"d0.test", "d1.test", "d2.test"}
    assert shares["d0.test"] is shares["d1.test"] is shares["d2.test"]
    assert shares["d0.test"].left == 8


def test_a_domain_that_found_its_relay_busy_is_known_to_be_full() -> None:
    """Bug: it was claimed again and again, to be handed back each time."""
    lanes = make(DeliverySettings(max_waiting_per_destination=3))
    for k in range(3):
        assert lanes.add(at("first.test", k))
    assert not lanes.add(at("second.test", 9))
    assert lanes.full() == {"first.test", "second.test"}


def test_more_jobs_for_who_knows_the_answer() -> None:
    lanes = make(DeliverySettings())
    for k in range(5):
        lanes.add(job(B, k))
    lane, _ = lanes.to_staff()
    lanes.next_job(lane, first=True)
    assert [one.entries[0].entry_id for one in lanes.more_jobs(lane, 3)] == [1, 2, 3]
    assert len(lanes.more_jobs(lane, 3)) == 1


def test_an_operator_who_wants_an_attempt_gets_one() -> None:
    """Bug: it was put off together with those before it, for which the answer was known."""
    lanes = make(DeliverySettings())
    for k in range(3):
        lanes.add(Job(B, (dataclasses.replace(entry(k), wish=RETRY if k == 2 else ""),)))
    lane, _ = lanes.to_staff()
    lanes.next_job(lane, first=True)
    assert [one.entries[0].entry_id for one in lanes.more_jobs(lane, 9)] == [1]
    assert lanes.more_jobs(lane, 9) == []
    last = lanes.next_job(lane, first=True)
    assert last is not None
    assert last.wants_attempt


def test_a_lane_whose_window_has_shrunk_asks_for_more_when_it_runs_low() -> None:
    """Bug: what was due for it stayed in the queue until something else happened there."""
    settings = DeliverySettings(initial_connections_per_destination=8)
    sites = Sites(FakeClock(), settings)
    lanes = Lanes(settings, sites)
    for k in range(40):
        lanes.add(job(B, k))
    lane = lanes.to_staff()[0]
    for _ in range(3):
        sites.failed(B, local_reply(421, "4.4.1", "refused"))
    assert lanes.full() == {"b.test"}  # so nobody claims for it
    lows = []
    for _ in range(40):
        lanes.next_job(lane, first=True)
        lows.append(lanes.runs_low(lane))
    assert lows.count(True) == 1


def test_who_answered_lately_has_its_window_without_a_lane() -> None:
    clock, settings = FakeClock(), DeliverySettings()
    sites = Sites(clock, settings)
    lanes = Lanes(settings, sites)

    def work(destination: Destination) -> None:
        lanes.add(job(destination))
        (lane,) = lanes.to_staff()
        assert lanes.next_job(lane, first=True) is not None
        lanes.job_done(lane)
        lanes.worker_gone(lane)

    work(B)
    assert lanes.shares().keys() == {"b.test"}
    assert lanes.shares()["b.test"].left >= settings.new_destination_share
    lanes.add(job(B))
    sites.failed(B, local_reply(421, "4.4.1", "gone"))
    (lane,) = lanes.to_staff()
    assert lanes.next_job(lane, first=True) is not None
    lanes.job_done(lane)
    lanes.worker_gone(lane)
    assert lanes.shares() == {}  # it is among the unknown ones again
