"""What runs a core in a process: its shell, its inputs and effects, its admin port, and an orderly end."""
