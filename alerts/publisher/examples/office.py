"""Publishing with the publisher: `python office.py SERVERS SPOOL`. It ends well whether the broker is there or not."""

import sys
from datetime import UTC, datetime
from pathlib import Path

from alerts.publisher import Publisher


def main(servers, spool):
    with Publisher(spool=Path(spool), servers=servers, source="imigrasi/kuala-tungkal") as publisher:
        receipt = publisher.publish(
            "departure.recorded.v1",
            datetime.now(UTC),
            {
                "person": {"issuing_state": "UTO", "passport_no": "X1234567"},
                "exit_date": "2026-03-01",
                "port": "Kuala Tungkal",
            },
            id="register-2026-000123",  # the number that your own register gives it; without one, an id is made
        )
        print(receipt.id, receipt.state)
        publisher.flush(10)
        print(receipt.id, publisher.receipt(receipt.id).state, publisher.problem.text if publisher.problem else "")


if __name__ == "__main__":
    main(*sys.argv[1:])
