"""The message bus over NATS JetStream: one connection, acked publishes through one inbox, three kinds of reader."""
