"""Body files, joint states and skin. Numbers are compared with pymomentum's in tests/conformance."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import kinematics.actors.default
from kinematics.body import Body, load_default_body
from kinematics.body_file import BodyFileError, read_body_json
from kinematics.errors import A2PError
from kinematics.limits import LinearLimit, MinMaxLimit
from kinematics.parameters import ParameterTransform
from kinematics.pose import channels_from_local, forward_kinematics, global_states, local_from_global
from kinematics.skeleton import Skeleton
from kinematics.skinning import mesh_from_legacy, skin, unskin

BODY_JSON = Path(kinematics.actors.default.__file__).with_name("body.json")


@pytest.fixture(scope="module")
def body():
    return load_default_body()


def poses(count):
    return np.random.default_rng(3).uniform(-0.5, 0.5, (count, 104))


def test_default_body(body):
    assert len(body.skeleton) == 88
    assert body.mesh.vertices.shape == (4426, 3)
    assert body.skeleton.names[body.skeleton.index("b_l_wrist")] == "b_l_wrist"
    assert all(
        body.skeleton.parents[child] == joint
        for joint, children in enumerate(body.skeleton.children)
        for child in children
    )
    assert sum(map(len, body.skeleton.levels)) == 88
    assert load_default_body() is body


def test_scale_acts_below_a_joint_and_not_on_its_own_offset():
    skeleton = Skeleton(
        ("a", "b", "c"),
        np.array([-1, 0, 1]),
        np.array([[0, 0, 0], [1, 0, 0], [1, 0, 0]]),
        np.tile([0, 0, 0, 1.0], (3, 1)),
    )
    channels = np.zeros((3, 7))
    channels[1, 6] = 1
    channels[0, 5] = np.pi / 2
    states = forward_kinematics(skeleton, channels)
    np.testing.assert_allclose(states.translation, [[0, 0, 0], [0, 1, 0], [0, 3, 0]], atol=1e-12)
    np.testing.assert_allclose(states.scale, [1, 2, 2])


def test_states_lead_back_to_channels(body):
    channels = body.transform.channels(poses(4), np.full(6, 0.1))
    local = local_from_global(body.skeleton, forward_kinematics(body.skeleton, channels))
    np.testing.assert_allclose(channels_from_local(body.skeleton, local), channels, atol=1e-6)
    again = global_states(body.skeleton, local)
    np.testing.assert_allclose(
        again.matrices(), forward_kinematics(body.skeleton, channels).matrices(), atol=1e-6
    )


def test_skin_keeps_leading_axes_and_unskin_undoes_it(body):
    pose = poses(34).reshape(2, 17, 104)
    states, bind = body.global_states(pose), body.bind_states()
    offsets = np.random.default_rng(4).normal(size=(2, 17, 4426, 3))
    rest = body.mesh.vertices + offsets
    posed = skin(body.mesh, states, bind, rest, np.float64)
    assert posed.shape == (2, 17, 4426, 3)
    np.testing.assert_allclose(unskin(body.mesh, states, bind, posed, np.float64), rest, atol=1e-9)
    single = body.skin(pose[1, 16], rest[1, 16])
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, posed[1, 16], atol=1e-3)
    np.testing.assert_allclose(body.skin(np.zeros(104)), body.mesh.vertices, atol=1e-4)


def test_mesh_drops_further_influences_and_fans_polygons():
    model = {
        "RestPositions": [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]],
        "RestVertexNormals": [[0, 0, 1]] * 4,
        "TextureCoordinates": [],
        "Faces": {"Indices": [0, 1, 2, 3], "Offsets": [0, 4]},
        "SkinningWeights": [[joint, 0.1] for joint in range(10)] + [[3, 1.0]] * 3,
        "SkinningOffsets": [0, 10, 11, 12, 13],
    }
    mesh = mesh_from_legacy(model, 10)
    np.testing.assert_array_equal(mesh.faces, [[0, 1, 2], [0, 2, 3]])
    np.testing.assert_array_equal(mesh.indices[0], range(8))
    np.testing.assert_allclose(mesh.weights.sum(axis=1), [0.8, 1, 1, 1])
    with pytest.raises(ValueError, match="not among the 9 bones"):
        mesh_from_legacy({**model, "SkinningWeights": [[9, 0.1]] * 13}, 9)


@pytest.mark.parametrize("root", [88 + 1, 2**32 - 1, 2**64 - 1, -1])
def test_every_way_to_mark_a_root(tmp_path, root):
    document = json.loads(BODY_JSON.read_text())
    document["Skeleton"]["Bones"][0]["Parent"] = root
    path = tmp_path / "body.json"
    path.write_text(json.dumps(document))
    assert read_body_json(path)[0].parents[0] == -1


def damaged(change):
    document = json.loads(BODY_JSON.read_text())
    change(document)
    return json.dumps(document)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be opened"),
        ("{", "not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "not a body file"),
        (damaged(lambda d: d["Skeleton"]["Bones"][5].pop("PreRotation")), "'PreRotation' is missing"),
        (damaged(lambda d: d["Skeleton"]["Bones"][5].update(Parent=60)), "before its parent"),
        (damaged(lambda d: d["Skeleton"]["Bones"][5].update(Name="b_root")), "b_root"),
        (damaged(lambda d: d["Skeleton"]["Bones"][5].update(PreRotation=[0, 0, 0, 0])), "unit quaternion"),
        (damaged(lambda d: d["SkinnedModel"]["SkinningOffsets"].pop()), "SkinningOffsets"),
        (damaged(lambda d: d["SkinnedModel"]["Faces"]["Indices"].__setitem__(0, 9999)), "faces"),
    ],
)
def test_damaged_body_files(tmp_path, text, message):
    path = tmp_path / "body.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(BodyFileError, match=message):
        read_body_json(path)


def test_arrays_hold_the_whole_body(body):
    limits = (*body.transform.limits, LinearLimit("neck_rx", "head_rz", ((1, 0, 0.5), (2, 0.5, None))))
    transform = ParameterTransform(
        body.transform.names, body.transform.matrix, body.transform.offsets, limits
    )
    sent = Body("someone", body.skeleton, transform, np.full(6, 0.1), body.mesh)
    arrays = sent.to_arrays()
    assert all(array.dtype.kind in "iuf" for array in arrays.values())
    received = Body.from_arrays(arrays)
    assert (received.name, received.skeleton.names) == ("someone", body.skeleton.names)
    assert received.transform.limits == limits
    assert isinstance(received.transform.limits[0], MinMaxLimit)
    pose = poses(2)
    np.testing.assert_array_equal(received.skin(pose), sent.skin(pose))
    assert Body.from_arrays(Body("bare", body.skeleton, transform, np.zeros(6)).to_arrays()).mesh is None
    for damage in ({"parents": arrays["parents"][:-1]}, {"header": np.full(100_000, ord("["), np.uint8)}):
        with pytest.raises(A2PError, match="damaged"):
            Body.from_arrays({**arrays, **damage})
