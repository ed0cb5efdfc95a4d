"""One contract for every network, alone or side by side, and what each promises beside it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from core.errors import CheckpointError
from core.models import (
    MLP,
    AlignHeteroMLP,
    Architecture,
    DualHeadMLP,
    InverseMDN,
    MemberLinear,
    carry_over_backbone,
)
from core.models.combine import combine_members, sigma_ratio

SHAPE = Architecture(inputs=7, outputs=5, hidden=(16, 16), activation="silu", dropout=0.0)
REGRESSORS = [MLP, AlignHeteroMLP, DualHeadMLP]


def mean_of(model, x):
    out = model(x)
    return out[0] if isinstance(out, tuple) else out


@pytest.fixture(params=REGRESSORS, ids=lambda c: c.__name__)
def network_class(request):
    return request.param


def test_a_single_network_maps_n_by_f_to_n_by_m(network_class):
    assert mean_of(network_class(SHAPE), torch.randn(9, 7)).shape == (9, 5)


def test_networks_side_by_side_add_a_leading_axis(network_class):
    model = network_class(replace(SHAPE, members=3))
    assert mean_of(model, torch.randn(9, 7)).shape == (3, 9, 5)
    assert mean_of(model, torch.randn(3, 9, 7)).shape == (3, 9, 5)


def test_each_network_side_by_side_equals_the_same_network_alone(network_class):
    together, alone = network_class(replace(SHAPE, members=3)), network_class(SHAPE)
    ours = {name: value[1] for name, value in together.state_dict().items()}
    alone.load_state_dict({name: ours[name].view_as(v) for name, v in alone.state_dict().items()})
    x = torch.randn(4, 7)
    torch.testing.assert_close(mean_of(together, x)[1], mean_of(alone, x))


def test_networks_side_by_side_predict_the_same_when_asked_for_slopes(network_class):
    model, x = network_class(replace(SHAPE, members=3)).double().eval(), torch.randn(9, 7).double()
    plain, asked = mean_of(model, x), mean_of(model, x.clone().requires_grad_())
    torch.testing.assert_close(asked, plain)


def test_slopes_by_the_inputs_agree_with_finite_differences(network_class):
    model = network_class(replace(SHAPE, members=2)).double().eval()
    x = torch.randn(3, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda inputs: mean_of(model, inputs), x)


def test_the_same_seed_makes_the_same_network(network_class):
    torch.manual_seed(3)
    first = network_class(SHAPE)
    torch.manual_seed(3)
    second = network_class(SHAPE)
    x = torch.randn(4, 7)
    assert torch.equal(mean_of(first, x), mean_of(second, x))


def test_gradients_reach_every_weight(network_class):
    model = network_class(replace(SHAPE, members=2))
    out = model(torch.randn(9, 7))
    loss = sum(part.square().sum() for part in out) if isinstance(out, tuple) else out.sum()
    if network_class is DualHeadMLP:
        loss = loss + model(torch.randn(9, 7), domain="A").sum()
    loss.backward()
    assert all(p.grad is not None and bool((p.grad != 0).any()) for p in model.parameters())


def test_dropout_is_off_in_eval_mode(network_class):
    model = network_class(replace(SHAPE, dropout=0.5)).eval()
    x = torch.randn(4, 7)
    assert torch.equal(mean_of(model, x), mean_of(model, x))


def test_a_linear_layer_is_x_w_plus_b():
    layer = MemberLinear(2, 1)
    layer.load_state_dict({"weight": torch.tensor([[2.0], [3.0]]), "bias": torch.tensor([1.0])})
    assert layer(torch.tensor([[10.0, 100.0]])).tolist() == [[321.0]]


def test_the_align_network_returns_mean_bounded_logvar_and_features():
    model = AlignHeteroMLP(SHAPE, (-3.0, 1.0))
    torch.nn.init.constant_(model.logvar_head.bias, 50.0)
    mu, logvar, features = model(torch.randn(9, 7))
    assert mu.shape == logvar.shape == (9, 5)
    assert features.shape == (9, 16)
    assert logvar.max().item() == 1.0


def test_the_output_scale_moves_mean_and_variance_together():
    model = AlignHeteroMLP(SHAPE)
    x = torch.randn(9, 7)
    mu, logvar, _ = model(x)
    model.output.shift.fill_(3.0)
    model.output.scale.fill_(10.0)
    scaled_mu, scaled_logvar, _ = model(x)
    torch.testing.assert_close(scaled_mu, 10.0 * mu + 3.0)
    torch.testing.assert_close(scaled_logvar, logvar + 2.0 * torch.log(torch.tensor(10.0)))
    torch.testing.assert_close(model.output.inverse(scaled_mu), mu)


def test_the_two_heads_share_the_backbone_but_not_the_answer():
    model = DualHeadMLP(SHAPE)
    x = torch.randn(9, 7)
    assert not torch.equal(model(x, domain="A"), model(x, domain="B"))
    torch.nn.init.zeros_(model.head_b.weight)
    torch.nn.init.zeros_(model.head_b.bias)
    assert bool((model(x, domain="B") == 0).all())
    assert bool((model(x, domain="A") != 0).any())


def test_an_unknown_domain_is_refused():
    with pytest.raises(ValueError, match='expected "A" or "B"'):
        DualHeadMLP(SHAPE)(torch.randn(1, 7), domain="C")


@pytest.mark.parametrize("receiver_class", [AlignHeteroMLP, DualHeadMLP])
def test_a_carried_backbone_gives_the_same_features(receiver_class):
    giver, receiver = MLP(SHAPE), receiver_class(SHAPE)
    report = carry_over_backbone(giver, receiver)
    x = torch.randn(4, 7)
    assert torch.equal(giver.backbone(x), receiver.backbone(x))
    assert len(report.matched) == 4
    assert report.unused == ("head.weight", "head.bias")
    assert all(not name.startswith("backbone") for name in report.new)
    assert "4 tensors carried over" in str(report)


def test_members_can_be_repeated_when_carried_over():
    giver, receiver = (cls(replace(SHAPE, members=s)) for cls, s in ((MLP, 2), (AlignHeteroMLP, 3)))
    carry_over_backbone(giver, receiver, repeat=torch.tensor([0, 1, 0]))
    x = torch.randn(4, 7)
    torch.testing.assert_close(receiver.backbone(x), giver.backbone(x)[[0, 1, 0]])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"hidden": (16, 32)}, "has shape"),
        ({"inputs": 6}, "has shape"),
        ({"hidden": (16, 16, 16)}, "is missing"),
        ({"hidden": (16,)}, "tensors more"),
    ],
)
def test_a_backbone_that_does_not_fit_is_refused_and_nothing_changes(change, reason):
    receiver = AlignHeteroMLP(replace(SHAPE, **change))
    before = {name: value.clone() for name, value in receiver.state_dict().items()}
    with pytest.raises(CheckpointError, match=reason):
        carry_over_backbone(MLP(SHAPE), receiver)
    assert all(torch.equal(value, before[name]) for name, value in receiver.state_dict().items())


def test_combined_members_are_the_median_and_the_mixture_variance():
    mu = torch.tensor([1.0, 2.0, 30.0]).view(3, 1, 1)
    logvar = torch.log(torch.tensor([1.0, 2.0, 3.0])).view(3, 1, 1)
    centre, variance = combine_members(mu, logvar)
    assert centre.item() == 2.0
    assert variance.item() == pytest.approx(2.0 + mu.var(unbiased=False).item())


def test_mixture_weights_sum_to_one():
    model = InverseMDN(inputs=5, outputs=7, components=4, hidden_width=16, hidden_layers=2)
    log_pi, mu, log_sigma = model(torch.randn(9, 5))
    torch.testing.assert_close(log_pi.exp().sum(-1), torch.ones(9))
    assert mu.shape == log_sigma.shape == (9, 4, 7)


def test_the_density_of_one_component_is_the_gaussian_of_the_textbooks():
    model = InverseMDN(inputs=2, outputs=3, components=1, hidden_width=8, hidden_layers=1)
    y, x = torch.randn(6, 2), torch.randn(6, 3)
    _, mu, log_sigma = model(y)
    expected = torch.distributions.Normal(mu[:, 0], log_sigma[:, 0].exp()).log_prob(x).sum(-1)
    torch.testing.assert_close(model.log_likelihood(y, x), expected)


def test_the_mixture_density_agrees_with_torch_distributions():
    model = InverseMDN(inputs=2, outputs=3, components=5, hidden_width=8, hidden_layers=1)
    y, x = torch.randn(6, 2), torch.randn(6, 3)
    log_pi, mu, log_sigma = model(y)
    mixture = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(logits=log_pi),
        torch.distributions.Independent(torch.distributions.Normal(mu, log_sigma.exp()), 1),
    )
    torch.testing.assert_close(model.log_likelihood(y, x), mixture.log_prob(x))


def test_samples_have_the_moments_of_the_mixture():
    model = InverseMDN(inputs=2, outputs=1, components=3, hidden_width=8, hidden_layers=1)
    y = torch.randn(1, 2)
    log_pi, mu, log_sigma = model(y)
    samples = model.sample(y, 20_000, torch.Generator().manual_seed(0))
    assert samples.shape == (1, 20_000, 1)
    mean = (log_pi.exp() * mu.squeeze(-1)).sum()
    second = (log_pi.exp() * (mu.squeeze(-1) ** 2 + (2 * log_sigma.squeeze(-1)).exp())).sum()
    assert samples.mean().item() == pytest.approx(mean.item(), abs=0.05)
    assert samples.square().mean().item() == pytest.approx(second.item(), rel=0.05)


def test_sampling_is_repeatable():
    model = InverseMDN(inputs=2, outputs=3, hidden_width=8, hidden_layers=1)
    y = torch.randn(2, 2)
    first = model.sample(y, 5, torch.Generator().manual_seed(1))
    assert torch.equal(first, model.sample(y, 5, torch.Generator().manual_seed(1)))


def test_networks_that_know_more_are_compared_with_those_that_left_a_fold_out():
    generator = torch.Generator().manual_seed(0)
    mu = torch.randn(2, 30, 3, generator=generator).repeat(
        3, 1, 1
    )  # Two for each fold and for all.
    own = torch.randn(30, 3, generator=generator).expand(6, -1, -1) - 2.0
    surer = torch.tensor([-0.5, -0.5, 0.2, 0.2, 0.0, 0.0])[:, None, None]
    found = sigma_ratio(torch.zeros_like(mu), own + surer, torch.tensor([-1, -1, 0, 0, 1, 1]))
    torch.testing.assert_close(found, torch.full((3,), math.exp(-0.3)))
    unsure = sigma_ratio(mu, own, torch.tensor([-1, -1, 0, 0, 1, 1]))
    torch.testing.assert_close(unsure, torch.ones(3))
