"""`python -m a2p_backend.cli`: the `a2p` command where no script of that name is on the path."""

from a2p_backend.cli import main

main()
