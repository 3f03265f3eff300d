"""What a process needs of its machine: disk, descriptors, a clock that is not stepped."""
