"""Motion of one skeleton on another: which bones correspond, and what turns them alike.

`rig` describes a skeleton of any program, `detection` finds its humanoid bones, `source` holds the motion to
copy, `solver` copies it, `fidelity` measures the copy. Nothing here needs Blender: an importer fills a `Rig`,
and what comes back are rotations and locations to key.
"""
