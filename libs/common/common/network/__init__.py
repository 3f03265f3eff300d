"""Listening and asking over HTTP and websockets, within bounds."""
