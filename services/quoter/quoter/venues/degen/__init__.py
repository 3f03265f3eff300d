"""The Degen Terminal: its private session, as docs/degen-terminal-api.md states it."""
