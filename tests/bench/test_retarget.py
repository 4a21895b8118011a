from __future__ import annotations

from a2p_backend.bench.retarget import measure_retarget


def test_the_bench_copies_to_a_rig_of_the_size_asked_for():
    report = measure_retarget(20, 70, repeats=1)
    assert (report.frames, report.bones) == (20, 70)
    assert report.mapped >= 50
    assert report.seconds_with_options > 0 < report.seconds
