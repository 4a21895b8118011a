from __future__ import annotations

import pytest

from a2p_backend.training import metrics

TIGHT = {"atol": 0.0, "rtol": 1e-8}


def _motion(golden, name):
    """A stored (repetitions, clips, D, T) as (repetitions, clips, T, D)."""
    return golden.require(f"{name}_f64").swapaxes(-1, -2)


@pytest.mark.golden("eval_metrics.*", "fid_[gk]|cross_var_mean|var_k_mean")
def test_figures(golden):
    generated = _motion(golden, "pred")
    ours = {
        "fid_g": lambda: metrics.frechet_distance(generated, _motion(golden, "gt")),
        "fid_k": lambda: metrics.kinetic_frechet_distance(generated, _motion(golden, "gt")),
        "cross_var_mean": lambda: metrics.sample_diversity(generated),
        "var_k_mean": lambda: metrics.kinetic_diversity(generated),
    }
    golden.check(ours[golden.array.removesuffix("_f64")](), **TIGHT)


@pytest.mark.golden("eval_metrics.*", "(?P<what>mu|cov)_(?P<motion>pred|gt)")
def test_moments(golden):
    gaussian = metrics.Gaussian.of(_motion(golden, golden.groups["motion"]))
    golden.check(
        {"mu": gaussian.mean, "cov": gaussian.covariance}[golden.groups["what"]], atol=1e-12, rtol=1e-8
    )


@pytest.mark.golden("eval_metrics.*", "diversity|var_g_mean")
def test_diversity(golden):
    pairs = golden.require("div_idx1"), golden.require("div_idx2")
    distances = metrics.pair_distances(_motion(golden, "pred"), *pairs)
    golden.check(distances.mean() if golden.array.startswith("var_g") else distances, **TIGHT)


@pytest.mark.golden("eval_metrics.*", "low_fid")
def test_rank_deficient_distance(golden):
    ours = metrics.frechet_distance(golden.require("low_a_f64"), golden.require("low_b_f64"))
    golden.check(ours, atol=1e-2)


@pytest.mark.golden("eval_metrics.*", "fid_g_from_float32")
def test_single_precision_motion(golden):
    """The stored figure averaged in float32, ours in float64: the same to that precision only."""
    generated, captured = (_motion(golden, name).astype("float32") for name in ("pred", "gt"))
    golden.check(metrics.frechet_distance(generated, captured), atol=0, rtol=1e-6)
