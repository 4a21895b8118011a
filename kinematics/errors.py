"""The one family of errors that a user may see."""

from __future__ import annotations


class A2PError(Exception):
    """Something that the user can mend; the message is one sentence: what, where, and what to do."""
