"""Measurements of the product: `a2p bench`."""
