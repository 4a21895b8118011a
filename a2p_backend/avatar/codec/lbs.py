"""Skinning on the renderer's device: joints by `kinematics`, vertices by torch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from kinematics.body import Body
from kinematics.skinning import joint_matrices


class AvatarSkin(nn.Module):
    """The actor's template in any pose.

    template: (V, 3) centimetres, in the bind pose. global_scaling: (3,) camera units a centimetre.
    Nothing of it is in a checkpoint: it comes from the actor's assets alone.
    """

    def __init__(self, body: Body, template: npt.ArrayLike, global_scaling: npt.ArrayLike) -> None:
        super().__init__()
        if body.mesh is None:
            raise ValueError(f"the body of {body.name} has no mesh")
        self.body = body
        shares = np.zeros((len(body.mesh.vertices), len(body.skeleton)), np.float32)
        np.add.at(shares, (np.arange(len(shares))[:, None], body.mesh.indices), body.mesh.weights)
        scaling = np.broadcast_to(np.asarray(global_scaling, np.float32).reshape(-1), 3).copy()
        self.register_buffer("shares", torch.from_numpy(shares), persistent=False)
        self.register_buffer("template", torch.tensor(np.asarray(template, np.float32)), persistent=False)
        self.register_buffer("global_scaling", torch.from_numpy(scaling), persistent=False)

    def joints(self, pose: npt.ArrayLike) -> Tensor:
        """(B, J, 3, 4): what moves each joint's share of the skin from the bind pose, for poses (B, P).

        The joints are few: they are computed where numpy is, in double precision.
        """
        states = self.body.global_states(np.asarray(pose, np.float64))
        moves = joint_matrices(states, self.body.bind_states())
        return torch.from_numpy(moves.astype(np.float32)).to(self.shares.device)

    def pose(self, joints: Tensor, offsets: Tensor | None = None) -> Tensor:
        """Posed vertices (B, V, 3), camera units, of the template plus offsets (B, V, 3) in centimetres."""
        blended = self._blended(joints)
        rest = self.template if offsets is None else self.template + offsets
        posed = (blended[..., :3] @ rest[..., None])[..., 0] + blended[..., 3]
        return posed * self.global_scaling

    def unpose(self, joints: Tensor, posed: Tensor) -> Tensor:
        """The offsets (B, V, 3), cm, whose posed vertices (B, V, 3), camera units, are given."""
        blended = self._blended(joints).to(torch.float64)
        moved = (posed / self.global_scaling).to(torch.float64) - blended[..., 3]
        rest = torch.linalg.solve(blended[..., :3], moved[..., None])[..., 0]
        return rest.to(torch.float32) - self.template

    def _blended(self, joints: Tensor) -> Tensor:
        """(B, V, 3, 4)"""
        return (self.shares @ joints.flatten(2)).unflatten(-1, (3, 4))
