from __future__ import annotations

import numpy as np
import pytest

from a2p_backend.training import metrics


def test_distance_grows_with_the_offset_only():
    motion = np.random.default_rng(0).standard_normal((2, 3, 50, 4))
    assert metrics.frechet_distance(motion, motion) == pytest.approx(0, abs=1e-9)
    assert metrics.frechet_distance(motion + 1.0, motion) == pytest.approx(4.0)
    assert metrics.kinetic_frechet_distance(motion + 1.0, motion) == pytest.approx(0, abs=1e-9)


def test_all_figures_come_by_the_papers_names():
    rng = np.random.default_rng(1)
    generated, captured = rng.standard_normal((3, 2, 40, 4)), rng.standard_normal((2, 40, 4))
    figures = metrics.evaluate(generated, captured, rng)
    assert list(figures) == ["FD_g", "FD_k", "Div_g", "Div_k", "Div_sample"]
    assert figures["Div_k"] == pytest.approx(1.0, abs=0.2)
    assert figures["Div_sample"] == pytest.approx(2 / 3, abs=0.1)


def test_one_repetition_has_no_diversity_of_samples():
    assert metrics.sample_diversity(np.random.default_rng(2).standard_normal((1, 2, 10, 3))) == 0.0
