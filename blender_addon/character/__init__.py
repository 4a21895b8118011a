"""A rigged character on show: its arrays, and pictures of it from many sides, for `a2p train avatar`.

    python -m blender_addon.character FILE.blend --out FOLDER

Runs in any Python that has bpy, in a process without torch. Writes `character.npz`: the meshes that the
armature moves, joined, in its rest pose; their texture coordinates, gloss, weights and shape keys; the bones;
for each picture its camera, its shape-key values and its pixels; and where Blender puts the vertices in poses
that were asked for. Pictures are taken under a white dome, as in a capture stage, by Cycles, which knows what
an open mouth leaves in the dark; or, many times as fast, by Workbench in the character's plain colours.
"""
