"""Publishing with kafka-python alone, for those who take no code of ours: `python plain_kafka.py SERVERS FILE`.

FILE has one CloudEvent in a line. What counts: the event's id is the agency's own and never made anew when an event is sent again;
the producer is idempotent and waits for all replicas; the end waits for every answer, and says what was not confirmed.
"""

import json
import sys

from kafka import KafkaProducer
from kafka.errors import KafkaError

TOPIC = "lapor.events.v1"
MAX_EVENT_BYTES = 64 * 1024


def key_of(event):
    """One person's events in one partition, in order; any key will do for the rest."""
    person = event["data"].get("person", {})
    if "passport_no" in person:
        return f"passport:{person['issuing_state']}:{person['passport_no']}".encode()
    return event["source"].encode()


def main(servers, file):
    producer = KafkaProducer(
        bootstrap_servers=servers.split(","),
        acks="all",
        enable_idempotence=True,
        delivery_timeout_ms=30_000,
        request_timeout_ms=10_000,
        allow_auto_create_topics=False,
        # To a broker further away, as its operator gave it to you:
        # security_protocol="SASL_SSL", ssl_cafile="ca.pem", sasl_mechanism="SCRAM-SHA-512",
        # sasl_plain_username="agency", sasl_plain_password=open("password").read().strip(),
    )
    sent, failed = [], 0
    with open(file, "rb") as lines:
        for number, line in enumerate(lines, 1):
            event = json.loads(line)
            if len(line) > MAX_EVENT_BYTES:
                print(f"{file}:{number}: longer than {MAX_EVENT_BYTES} bytes", file=sys.stderr)
                failed += 1
                continue
            sent.append((event, producer.send(TOPIC, value=line.strip(), key=key_of(event))))
    for event, future in sent:
        try:
            where = future.get(timeout=40)
            print(f"{event['source']} {event['id']}: {where.topic}/{where.partition}/{where.offset}")
        except KafkaError as error:
            print(f"{event['source']} {event['id']}: send it again, with this id: {error}", file=sys.stderr)
            failed += 1
    producer.close(timeout=10)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
