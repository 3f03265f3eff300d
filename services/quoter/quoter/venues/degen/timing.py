"""How far the session at the Degen Terminal is, and how long it waits for what."""

from enum import Enum

DEADMAN_MS = 3_000
BEAT_MS = 1_000
BEAT_FRESH_MS = 2_500
"""A heartbeat answered longer ago no longer vouches for the dead-man switch."""
ANSWER_MAX_MS = 1_500
"""A frame of ours unanswered for this long leaves its orders of unknown outcome."""
SILENCE_MAX_MS = 4_000
"""A connection whose heartbeats go unanswered for this long is closed."""
OPEN_MAX_MS = 10_000
ACCOUNT_CHECK_MS = 5_000
"""How often we ask where the account stands: nothing else shows that the last frame before a quiet time was lost."""
CANCEL_ALL_WAITS_MAX = 40
CANCEL_ALL_WAIT_MS = 25.0
TOKEN_RENEWAL_S = 1_800
"""Half of the token's life."""
REREAD_MS = 5_000
"""What was listed and could not be read is asked for again after this."""
SWEEP_AGAIN_MS = 5_000.0
RECONNECT_FIRST_MS = 100.0
RECONNECT_MOST_MS = 3_000.0


class Phase(Enum):
    """How far the connection is."""

    DOWN = "down"
    CONNECTING = "connecting"
    ENTERING = "entering"
    RECOVERING = "recovering"
    UP = "up"
    FALLBACK = "fallback"
    """No websocket, but REST answers."""
