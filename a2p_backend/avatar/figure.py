"""What stands before the camera: an actor's mesh in its colours, posed by a performance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from a2p_backend.avatar.clothes import COVERED, TROUSERS, make_clothes
from a2p_backend.avatar.face_mask import MATT, SKIN, FaceMask
from kinematics.armature import to_armature_space
from kinematics.body import Body
from kinematics.errors import A2PError
from kinematics.face_codes import FACE_CODE_NAMES
from kinematics.skinning import SkinnedMesh, joint_matrices, skin

_HEAD = "b_head"
_CLAY = (0.66, 0.60, 0.55)
_MANNEQUIN = {
    SKIN: ("neck", "head", "forearm", "wrist", "thumb", "index", "middle", "ring", "pinky"),
    TROUSERS: ("leg", "foot"),
}
"""Colours of the default actor's capsules, by words in their joints' names; the first that fits counts."""


class FigureError(A2PError):
    """There is nothing to see of this actor."""


class Figure:
    """An actor's mesh. The default actor, a mannequin, is dressed and gets a face that shows its codes.

    faces: (F, 3) vertex numbers. colours: (V, 3) sRGB, 0 to 1. gloss: (V,) 0 to 1.
    """

    def __init__(self, body: Body, face_codes: tuple[str, ...] = ()) -> None:
        """`face_codes`: what the actor calls its first expression codes.

        Raises FigureError where the body has no mesh.
        """
        if body.mesh is None:
            raise FigureError(f"the actor {body.name} has no mesh, so there can be no plate of it")
        self._body = body
        self._mesh: SkinnedMesh = body.mesh
        self._mask: FaceMask | None = None
        self.faces = np.array(body.mesh.faces)
        self.colours = np.full((len(body.mesh.vertices), 3), _CLAY, np.float32)
        if face_codes == FACE_CODE_NAMES and {_HEAD, *COVERED} <= set(body.skeleton.names):
            self._dress()
        self.gloss = np.full(len(self.colours), MATT, np.float32)
        if self._mask is not None:
            self.gloss[-len(self._mask.gloss) :] = self._mask.gloss

    def posed(self, pose: np.ndarray, face: np.ndarray) -> np.ndarray:
        """Vertices (T, V, 3) float32 in Blender's world, metres, of poses (T, 104) and codes (T, 256)."""
        states, bind = self._body.global_states(pose), self._body.bind_states()
        vertices = skin(self._mesh, states, bind)
        if self._mask is not None:
            head = joint_matrices(states, bind)[:, self._body.skeleton.index(_HEAD)].astype(np.float32)
            mask = self._mask.shape(face) @ head[:, :, :3].swapaxes(1, 2) + head[:, None, :, 3]
            vertices = np.concatenate([vertices, mask], axis=1)
        return to_armature_space(vertices)

    def _dress(self) -> None:
        skeleton, mesh = self._body.skeleton, self._mesh
        names = np.array(skeleton.names)[_joint_of_vertex(mesh)]
        hidden = np.isin(names, [*COVERED, _HEAD])
        faces = [mesh.faces[~hidden[mesh.faces].any(axis=1)]]
        colours = [np.array([_capsule_colour(name) for name in names])]
        vertices, weights, indices = [mesh.vertices], [mesh.weights], [mesh.indices]
        count = len(mesh.vertices)
        for garment in make_clothes(skeleton):
            faces.append(garment.faces + count)
            vertices.append(garment.vertices)
            weights.append(garment.weights)
            indices.append(garment.indices)
            colours.append(np.full((len(garment.vertices), 3), garment.colour))
            count += len(garment.vertices)
        self._mesh = replace(
            mesh,
            vertices=np.concatenate(vertices),
            normals=np.zeros((count, 3)),
            faces=np.concatenate(faces),
            uvs=np.zeros((0, 2)),
            uv_faces=np.zeros((0, 3)),
            weights=np.concatenate(weights),
            indices=np.concatenate(indices),
        )
        self._mask = FaceMask()
        self.faces = np.concatenate([self._mesh.faces, self._mask.faces + count])
        self.colours = np.concatenate([*colours, self._mask.colours]).astype(np.float32)


def _joint_of_vertex(mesh: SkinnedMesh) -> np.ndarray:
    """(V,) the joint that moves each vertex most; of equals the one further down the limb."""
    weights, indices = np.asarray(mesh.weights), np.asarray(mesh.indices)
    strongest = weights >= weights.max(axis=1, keepdims=True) - 1e-3
    return np.where(strongest, indices, -1).max(axis=1)


def _capsule_colour(joint: str) -> tuple[float, float, float]:
    for colour, words in _MANNEQUIN.items():
        if any(word in joint for word in words):
            return colour
    return _CLAY
