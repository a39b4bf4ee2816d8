"""Publishing events to Kafka, for agencies. Needs kafka-python and msgspec, and nothing else of lapor-dini."""
