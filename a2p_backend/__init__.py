"""The backend: conversation audio in, a Performance out.

Importing this package imports nothing heavy. `a2p_backend.wire` needs numpy and zmq only, and is what travels
inside the Blender add-on; everything that needs torch lives in the other sub-packages.
"""

__version__ = "0.1.0"
