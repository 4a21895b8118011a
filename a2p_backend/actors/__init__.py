"""Actors: one person's model set, on disk and in memory."""
