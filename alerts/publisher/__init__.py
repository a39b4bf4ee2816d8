"""Publishing events to Kafka, for agencies. Needs kafka-python and msgspec, and nothing else of lapor-dini.

with Publisher(spool=Path("spool"), servers="127.0.0.1:9092", source="imigrasi/kuala-tungkal") as publisher:
    receipt = publisher.publish("arrival.recorded.v1", datetime.now(UTC), {"person": ..., "entry_date": ...})
    receipt.state      # "stored locally": it survives a power cut, and is sent when the broker takes it
    publisher.flush(10)
    publisher.receipt(receipt.id).state  # "confirmed", with partition and offset
"""

from alerts.publisher.connection import Connection
from alerts.publisher.publisher import Problem, Publisher
from alerts.publisher.spool import CONFIRMED, REFUSED, STORED, Receipt

__all__ = ["CONFIRMED", "REFUSED", "STORED", "Connection", "Problem", "Publisher", "Receipt"]
