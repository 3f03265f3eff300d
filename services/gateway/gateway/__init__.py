"""Everybody outside: who may see and change what, and the picture of the platform they get."""
