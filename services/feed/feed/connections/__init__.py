"""Connections and requests to a venue: kept alive, judged, asked again."""
