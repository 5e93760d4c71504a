import numpy as np
import torch

from course_utils.train.chains import Chains
from course_utils.train.paths import PATHS, visited

PATH = PATHS["epsilon"]


def chains(batch):
    return Chains(PATH, visited(PATH, 4), batch, torch.zeros(1, 3, 2))


def draws(step, batch):
    generator = torch.Generator().manual_seed(step)
    return (np.random.default_rng(step), torch.randn(batch, 4, 16, 16, generator=generator),
            torch.randn(batch, 3, 2, generator=generator))


def test_they_begin_with_noise_and_with_the_prompts_handed_in():
    rng, epsilon, context = draws(0, 8)
    z, u, kept = chains(8).next(rng, epsilon, context)
    assert z.equal(epsilon)
    assert u.eq(1).all()
    assert kept.equal(context)


def test_what_was_made_is_noised_to_a_later_place_under_the_same_prompt():
    under_way, before, batch = chains(512), None, 512
    for step in range(4):
        rng, epsilon, context = draws(step, batch)
        z, u, kept = under_way.next(rng, epsilon, context)
        if before is not None:
            picture, earlier, prompts = before
            on = u < earlier
            anew = ~on
            assert u[anew].eq(1).all()
            assert z[anew].equal(epsilon[anew])
            assert kept[anew].equal(context[anew])
            torch.testing.assert_close(z[on], PATH.noised(picture, epsilon, u)[on])
            assert kept[on].equal(prompts[on])
        before = (torch.tanh(z), u, kept)
        under_way.made(before[0])


def test_pure_noise_is_met_most_and_every_place_is():
    under_way, counts = chains(64), dict.fromkeys([1.0, 0.76, 0.5, 0.26], 0)
    for step in range(60):
        for u in under_way.next(*draws(step, 64))[1].tolist():
            counts[round(u, 2)] += 1
    shares = {u: count / (60 * 64) for u, count in counts.items()}
    # from each place to any later one or anew with equal chance: 12 : 3 : 4 : 6 in the long run
    for u, share in zip(shares, (12 / 25, 3 / 25, 4 / 25, 6 / 25), strict=True):
        assert abs(shares[u] - share) < 0.04


def test_taken_up_they_go_on_as_they_were():
    first, second = chains(4), chains(4)
    for step in range(3):
        first.made(torch.tanh(first.next(*draws(step, 4))[0]))
    second.load_state_dict(first.state_dict())
    ours, theirs = first.next(*draws(9, 4)), second.next(*draws(9, 4))
    assert all(a.equal(b) for a, b in zip(ours, theirs, strict=True))
