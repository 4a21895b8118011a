"""The backend as a process: jobs, sockets, and nothing of how motion is made."""
