"""`a2p face`: the head of a take as files of geometry."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from a2p_backend.cli import app
from a2p_backend.wire.performance import Performance, load_take, save_take
from kinematics.face_mesh import load_default_face_mesh
from tests.point_caches import read_point_cache


@pytest.fixture
def take(tmp_path):
    pose, face = np.zeros((4, 104), np.float32), np.zeros((4, 256), np.float32)
    face[:, 0] = np.linspace(0, 1, 4)
    path = tmp_path / "take.npz"
    performance = Performance(
        pose, face, pose[:1], actor="default", seed=0, clip_name="a.wav", clip_sha256="0" * 64
    )
    save_take(performance, path)
    return path


@pytest.mark.parametrize("kind", ["pc2", "mdd"])
def test_caches(take, tmp_path, kind):
    out = tmp_path / f"head.{kind}"
    result = CliRunner().invoke(app, ["face", str(take), "-o", str(out), "--in-place"])
    assert result.exit_code == 0, result.output
    frames, _ = read_point_cache(out)
    mesh = load_default_face_mesh()
    face = np.zeros((4, 256))
    face[:, 0] = np.linspace(0, 1, 4)
    np.testing.assert_allclose(frames, 0.01 * mesh.shaped(face), atol=1e-5)
    corners = sum(line.startswith("v ") for line in (tmp_path / "head.obj").read_text().splitlines())
    assert corners == frames.shape[1]


def test_the_head_goes_where_the_rig_has_it(take, tmp_path):
    out = tmp_path / "head.pc2"
    assert CliRunner().invoke(app, ["face", str(take), "-o", str(out)]).exit_code == 0
    frames, _ = read_point_cache(out)
    assert 1.4 < frames[0, :, 1].min() < frames[0, :, 1].max() < 1.9  # metres above the floor


def test_weights_of_arkits_shapes(take, tmp_path):
    out = tmp_path / "face.csv"
    assert CliRunner().invoke(app, ["face", str(take), "-o", str(out)]).exit_code == 0
    rows = list(csv.DictReader(out.open()))
    opened = [float(row["JawOpen"]) for row in rows]
    assert opened[0] < 0.05
    assert opened == sorted(opened)
    assert opened[-1] > 0.7


def test_an_actor_whose_head_is_unknown(take, tmp_path, monkeypatch):
    folder = tmp_path / "actors" / "plain"
    folder.mkdir(parents=True)
    manifest = {"name": "plain", "features": {"kind": "mel"}, "networks": {}}
    (folder / "actor.json").write_text(json.dumps(manifest))
    monkeypatch.setenv("A2P_ACTORS", str(tmp_path / "actors"))
    save_take(replace(load_take(take), actor="plain"), take)
    result = CliRunner().invoke(app, ["face", str(take), "-o", str(tmp_path / "head.pc2")])
    assert result.exit_code == 2
    assert "head of plain is not known" in " ".join(result.output.split())
    assert not (tmp_path / "head.pc2").exists()


def test_another_kind_of_file(take, tmp_path):
    result = CliRunner().invoke(app, ["face", str(take), "-o", str(tmp_path / "head.stl")])
    assert result.exit_code != 0
    assert not (tmp_path / "head.stl").exists()
