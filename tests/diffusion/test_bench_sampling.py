from dataclasses import replace

import bench_sampling
import pytest
from bench_sampling import CASES, compare, take_turns

from course_utils.diffusion.generate import TextToImage


@pytest.fixture
def draw(parts):
    return TextToImage(parts["unet"], parts["text"], parts["vae"])


@pytest.mark.parametrize("case", [replace(CASES[0], steps=4), replace(CASES[1], pictures=2, steps=2), CASES[2]])
def test_both_ways_make_the_same_and_the_line_says_what_each_took(draw, case, capsys):
    added = compare(case, draw, turns=3)
    line = capsys.readouterr().out
    assert line.startswith(case.name)
    assert f"{100 * added:+.1f} %" in line
    assert "MB at most" in line


def test_what_differs_is_not_timed(draw, monkeypatch):
    case = replace(CASES[0], steps=4)
    made = bench_sampling.ours_of(case, draw)()
    monkeypatch.setattr(bench_sampling, "theirs_of", lambda case, draw: lambda: 1 - made / 255)
    with pytest.raises(RuntimeError, match="do not do the same"):
        compare(case, draw)


def test_the_two_take_turns_and_the_share_is_the_median_of_pairs(monkeypatch):
    """A clock that jumps by what each action takes: 1.1 against 1, and once, disturbed, 5."""
    now, called, costs = [0.0], [], {"ours": [1.1, 5.0, 1.1], "theirs": [1.0, 1.0, 1.0]}

    def action(name):
        called.append(name)
        now[0] += costs[name].pop(0)

    for clock in ("perf_counter", "process_time"):
        monkeypatch.setattr(bench_sampling.time, clock, lambda: now[0])
    walls, added = take_turns(lambda: action("ours"), lambda: action("theirs"), turns=3)
    assert called == ["theirs", "ours", "ours", "theirs", "theirs", "ours"]
    assert walls == pytest.approx((1.1, 1.0))
    assert added == pytest.approx(0.1)


def test_without_the_weights_it_says_so(monkeypatch, capsys):
    monkeypatch.setattr(bench_sampling, "available", lambda: ())
    bench_sampling.bench_sampling()
    assert "nothing to time" in capsys.readouterr().out
