"""Who works on what."""

from postroom.delivery import DeliverySettings
from postroom.delivery.destination import LOCAL, Destination
from postroom.delivery.lanes import Job, Lanes, grouped
from postroom.queue import Entry, EntryState, Envelope, QueuedMessage, Recipient

B, C = Destination("b.test"), Destination("c.test")


def entry(number: int, message: str = "q1") -> Entry:
    queued = QueuedMessage(message, Envelope(""), 1, 0.0)
    return Entry(number, queued, Recipient("x@b.test"), EntryState.SENDING, 0, 0.0, "", False)


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
    lanes = Lanes(DeliverySettings(max_connections=3, max_connections_per_destination=2, max_local_deliveries=2))
    for k in range(5):
        assert lanes.add(job(B, k))
    lanes.add(job(C))
    for k in range(3):
        lanes.add(job(LOCAL, k))
    staffed = [lane.destination for lane in lanes.to_staff()]
    assert sorted(map(str, staffed)) == ["b.test", "b.test", "c.test", "local", "local"]
    assert lanes.to_staff() == []


def test_no_more_workers_than_jobs() -> None:
    lanes = Lanes(DeliverySettings())
    lanes.add(job(B))
    (lane,) = lanes.to_staff()
    assert lanes.to_staff() == []
    assert lanes.next_job(lane, first=True) is not None
    lanes.add(job(B))
    assert len(lanes.to_staff()) == 1  # the first is busy


def test_a_worker_gives_way_to_a_lane_that_has_none() -> None:
    lanes = Lanes(DeliverySettings(max_connections=1))
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
    lanes = Lanes(DeliverySettings(max_waiting_per_destination=2))
    assert [lanes.add(job(B, k)) for k in range(4)] == [True, True, False, False]
    lanes.drop_jobs()
    assert lanes.to_staff() == []
