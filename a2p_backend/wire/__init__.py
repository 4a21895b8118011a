"""What travels between an application and the backend: messages, the client, settings and take files.

Imports numpy, pyzmq, the standard library and `kinematics` only, so that the same code serves inside Blender.
"""
