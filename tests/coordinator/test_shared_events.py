"""What coordinators over one PostgreSQL tell one another."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from shipline.coordinator.shared_events import PAYLOAD_LIMIT, payloads

TOPICS = some.lists(some.from_regex(r"(queue|(job|pipeline):[1-9][0-9]{0,12})", fullmatch=True))


@given(TOPICS)
def test_every_topic_arrives_once_in_its_order(topics: list[str]) -> None:
    assert [topic for payload in payloads(topics) for topic in payload.split(" ")[1:]] == topics


def test_however_many_topics_there_are_each_notification_is_small_enough() -> None:
    many = [f"job:{number}" for number in range(10_000, 20_000)]
    made = list(payloads(many))
    assert all(len(payload) < PAYLOAD_LIMIT + 100 for payload in made)
    assert sum(len(payload.split(" ")) - 1 for payload in made) == len(many)


def test_no_two_notifications_are_alike() -> None:
    # PostgreSQL would deliver only one of them, and the queue's version would not change.
    made = [*payloads(["queue"]), *payloads(["queue"])]
    assert len(set(made)) == 2
