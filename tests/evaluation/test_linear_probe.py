"""The linear probe: that it finds the optimum, and what it reports."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from src.core.case_keys import CaseKeys
from src.evaluation.embed import StudyEmbeddings
from src.evaluation.estimate import value_of
from src.evaluation.linear_probe import ProbeFeatures, fit_linear_probe, linear_probe_cases, linear_probe_notes
from src.evaluation.measure import measure

NAN = math.nan


def linear_probe_auroc(train, val, test, *, finding_names, **grid) -> dict:
    """The AUROCs of the cases that the probe gives."""
    cases = linear_probe_cases(train, val, test, CaseKeys.of(test.row_N), finding_names=finding_names, **grid)
    figures = {} if cases is None else measure(cases, group="linear_probe", resamples=0)
    return {name: value_of(figure) for name, figure in figures.items() if "auroc" in name or "findings" in name}


def studies(n: int, seed: int, width: int = 6, noise: float = 0.5) -> StudyEmbeddings:
    draw = torch.Generator().manual_seed(seed)
    feature = torch.randn(n, width, generator=draw)
    push = feature[:, :2] + noise * torch.randn(n, 2, generator=draw)
    label = (push > torch.tensor([0.0, 1.0])).float()
    label[torch.rand(n, 2, generator=draw) < 0.1] = NAN
    # the scale and offset that a probe must not care for
    feature = feature * torch.tensor([1.0, 1000.0, 1e-3, 1.0, 1.0, 1.0]) + 5
    return StudyEmbeddings(feature, torch.empty(n, 0), torch.empty(n, 0), label, torch.arange(n))


@given(l2=st.sampled_from([1.0, 0.01, 0.0001]), seed=st.integers(0, 10**6))
def test_the_gradient_is_zero_at_the_optimum(l2: float, seed: int):
    train = studies(60, seed)
    probe = fit_linear_probe(ProbeFeatures.of(train.feature_NE), train.label_NF, l2=l2)
    standard = (train.feature_NE.double() - probe.mean_E) * probe.scale_E
    torch.testing.assert_close(standard.std(dim=0, correction=0), torch.ones(6, dtype=torch.float64))
    # written out, apart from the code under test
    for f in range(2):
        known = ~train.label_NF[:, f].isnan()
        residual = probe.score(train.feature_NE)[known, f].sigmoid() - train.label_NF[known, f]
        gradient = standard[known].T @ residual / known.sum() + l2 * probe.weight_EF[:, f]
        assert gradient.abs().max() < 1e-5
        assert abs(float(residual.mean())) < 1e-5


def test_equals_plain_gradient_descent():
    train = studies(80, 1)
    probe = fit_linear_probe(ProbeFeatures.of(train.feature_NE), train.label_NF, l2=0.1)
    standard = (train.feature_NE.double() - probe.mean_E) * probe.scale_E
    weight, bias = torch.zeros_like(probe.weight_EF), torch.zeros_like(probe.bias_F)
    known = ~train.label_NF.isnan()
    for _ in range(3000):
        residual = torch.where(known, (standard @ weight + bias).sigmoid() - train.label_NF, 0.0) / known.sum(0)
        weight = weight - 0.5 * (standard.T @ residual + 0.1 * weight)
        bias = bias - 0.5 * residual.sum(0)
    torch.testing.assert_close(probe.weight_EF, weight, atol=1e-4, rtol=0)
    torch.testing.assert_close(probe.bias_F, bias, atol=1e-4, rtol=0)


def test_a_feature_that_never_changes_has_no_say():
    train = studies(40, 3)
    train.feature_NE[:, 4] = 7.0
    probe = fit_linear_probe(ProbeFeatures.of(train.feature_NE), train.label_NF, l2=0.01)
    moved = train.feature_NE.clone()
    moved[:, 4] = 9.0
    assert torch.equal(probe.score(moved), probe.score(train.feature_NE))
    assert probe.score(moved).isfinite().all()


@pytest.mark.parametrize(("n", "width"), [(50, 400), (500, 200)])
def test_strongly_correlated_features_converge(n: int, width: int):
    draw = torch.Generator().manual_seed(0)
    mix = torch.randn(width, width, generator=draw).double() @ torch.logspace(0, -4, width, dtype=torch.float64).diag()
    feature = torch.randn(n, width, generator=draw).double() @ mix
    label = torch.randint(0, 2, (n, 3), generator=draw).float()
    probe = fit_linear_probe(ProbeFeatures.of(feature), label, l2=1e-4)
    standard = (feature - probe.mean_E) * probe.scale_E
    residual = (probe.score(feature).sigmoid() - label) / n
    assert (standard.T @ residual + 1e-4 * probe.weight_EF).abs().max() < 1e-5


def test_finds_what_is_in_the_features():
    parts = (studies(n, seed, noise=0.2) for n, seed in ((400, 4), (200, 5), (300, 6)))
    figures = linear_probe_auroc(*parts, finding_names=["edema", "nodule"])
    assert figures["linear_probe/auroc/edema"] > 0.95
    assert figures["linear_probe/auroc_mean"] > 0.95
    assert figures["linear_probe/findings"] == 2


def test_the_penalty_is_chosen_on_val():
    train, val, test = studies(60, 7, noise=2), studies(150, 8, noise=2), studies(150, 9, noise=2)
    names = ["edema", "nodule"]
    alone = {l2: linear_probe_auroc(train, val, test, finding_names=names, l2_grid=[l2]) for l2 in (10.0, 0.1, 1e-4)}
    on_val = {l2: linear_probe_auroc(train, val, val, finding_names=names, l2_grid=[l2]) for l2 in alone}
    best = max(on_val, key=lambda l2: on_val[l2]["linear_probe/auroc_mean"])
    chosen = linear_probe_auroc(train, val, test, finding_names=names, l2_grid=list(alone))
    assert chosen == pytest.approx(alone[best], abs=1e-4)


def test_findings_without_both_labels_are_left_out():
    train, val, test = studies(50, 10), studies(50, 11), studies(50, 12)
    train.label_NF[:, 0] = NAN
    figures = linear_probe_auroc(train, val, test, finding_names=["edema", "nodule"])
    assert set(figures) == {"linear_probe/auroc/nodule", "linear_probe/auroc_mean", "linear_probe/findings"}
    train.label_NF[:, 1] = 0
    assert linear_probe_auroc(train, val, test, finding_names=["edema", "nodule"]) == {}


def test_val_that_can_judge_nothing_takes_the_first_penalty():
    train, val, test = studies(50, 13), studies(50, 14), studies(50, 15)
    val.label_NF[:] = NAN
    names = ["edema", "nodule"]
    assert linear_probe_auroc(train, val, test, finding_names=names) == linear_probe_auroc(
        train, val, test, finding_names=names, l2_grid=[1.0]
    )


def test_what_the_probe_leaves_out_or_could_not_choose_is_said() -> None:
    def labelled(label: list[list[float]]) -> StudyEmbeddings:
        return StudyEmbeddings(
            feature_NE=torch.zeros(len(label), 2),
            image_ND=torch.zeros(len(label), 2),
            text_ND=torch.zeros(len(label), 2),
            label_NF=torch.tensor(label),
            row_N=torch.arange(len(label)),
        )

    taught, plain = labelled([[1.0, 0.0], [0.0, 1.0]]), labelled([[0.0, 0.0], [0.0, 1.0]])
    assert linear_probe_notes(taught, taught, ["big_heart", "edema"]) == []
    (left_out,) = linear_probe_notes(plain, taught, ["big_heart", "edema"])
    assert left_out.startswith("Linear probe: big heart left out, as among the training studies there is none with it")
    (unchosen,) = linear_probe_notes(taught, labelled([[0.0, 0.0]]), ["big_heart", "edema"])
    assert unchosen.startswith("Linear probe: the penalty is 1, unchosen")
