"""The keys of a platform: made, handed out, rotated and revoked."""
