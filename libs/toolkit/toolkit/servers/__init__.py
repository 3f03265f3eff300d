"""NATS and Redis: which run here, what wrote their stores, how these are brought back."""
