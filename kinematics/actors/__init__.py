"""Actors that come with the project."""
