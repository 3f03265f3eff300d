"""One file per venue: the private session as a pure state machine, bytes and timers in, frames and reports out."""
