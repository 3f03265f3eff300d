"""Copies of venues' order books, and whether they may be believed."""
