"""What networks keep: exact evidence on any column, support, and the same rows everywhere."""

import subprocess
import sys

import numpy as np
import numpy.typing as npt
import pytest
import torch

from generators import forest
from generators.columns import Codes
from generators.fixedpoint import Networks
from generators.privacy.support import Support
from generators.tables import Epoch, Feature, Matrix, Terms
from generators.tables.auto import Auto
from generators.tables.network import Network

Ints = npt.NDArray[np.int64]
ROWS = 6000
DRAWN = 20_000
SIZES = (3, 4, 3)


def matrix(*columns: Ints) -> Matrix:
    features = tuple(Feature(f"c{j}", int(c.max()) + 1, j == 1) for j, c in enumerate(columns))
    return Matrix(features, np.stack(columns, axis=1).astype(np.int32))


def nothing(rows: int = ROWS) -> Matrix:
    return Matrix((), np.empty((rows, 0), np.int32))


def columns() -> tuple[Ints, Ints, Ints]:
    """The third depends on the first and the second, and both are more likely apart."""
    rng = np.random.default_rng(0)
    one = rng.integers(0, 3, ROWS)
    other = np.where(rng.random(ROWS) < 0.6, one + 1, rng.integers(0, 4, ROWS))
    third = np.where(rng.random(ROWS) < 0.8, (one + other) % 3, rng.integers(0, 3, ROWS))
    return one, other, third


@pytest.fixture(scope="module")
def model() -> Network:
    return Network.fit(nothing(), matrix(*columns()), np.arange(ROWS), Support())


def drawn(model: Network, evidence: dict[str, Codes], rows: int = DRAWN) -> Ints:
    rng = np.random.default_rng(2)
    return model.sample(nothing(rows).codes, evidence, rng).astype(np.int64)


@pytest.mark.parametrize(("name", "code"), [("c0", 2), ("c1", 0), ("c1", 3), ("c2", 1)])
def test_evidence_on_any_column_is_exact(model: Network, name: str, code: int) -> None:
    one, other, third = columns()
    column = int(name[1])
    chosen = matrix(one, other, third).codes[:, column] == code
    shown = drawn(model, {name: np.full(DRAWN, code, np.int32)})
    learned = np.stack([one, other, third], axis=1)[chosen]
    for j in {0, 1, 2} - {column}:
        real = np.bincount(learned[:, j], minlength=SIZES[j]) / len(learned)
        synthetic = np.bincount(shown[:, j], minlength=SIZES[j]) / DRAWN
        # Five deviations of a share at its widest, among the rows learned from.
        assert np.abs(real - synthetic).max() <= 5 * np.sqrt(0.25 / len(learned))


def test_evidence_on_two_columns_tells_about_the_third(model: Network) -> None:
    one, other, third = columns()
    given = {"c2": np.full(DRAWN, 0, np.int32), "c1": np.full(DRAWN, 1, np.int32)}
    real = np.bincount(one[(third == 0) & (other == 1)], minlength=3)
    synthetic = np.bincount(drawn(model, given)[:, 0], minlength=3) / DRAWN
    deviation = np.sqrt(0.25 / real.sum())
    assert np.abs(real / real.sum() - synthetic).max() <= 5 * deviation


def test_the_same_rows_teach_the_same_weights(model: Network) -> None:
    again = Network.fit(nothing(), matrix(*columns()), np.arange(ROWS), Support())
    for name, released in model.released().items():
        assert np.array_equal(again.released()[name].value, released.value), name


def test_a_row_does_not_depend_on_how_many_follow(model: Network) -> None:
    assert np.array_equal(drawn(model, {}, 9000)[:300], drawn(model, {}, 300))


def test_machine_code_draws_what_numpy_draws(
    model: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []
    for worth in (0, 10**9):
        monkeypatch.setattr(forest.EFFORT, "worth", worth)
        shown.append(drawn(model, {}))
    assert np.array_equal(shown[0], shown[1])


@pytest.mark.parametrize("code", [-1, 3])
def test_machine_code_refuses_a_code_without_an_embedding(model: Network, code: int) -> None:
    networks, usable = model.networks, np.ones(2, np.bool_)
    assert isinstance(networks, Networks)
    given = np.empty((1, 0), np.int32), np.full((1, 3), code, np.int32)
    with pytest.raises(IndexError):
        networks.draw(1, given, usable, np.zeros(1), np.zeros(1, np.int64))


def test_networks_weigh_rows_alike_in_any_order_of_summing(model: Network) -> None:
    networks = model.networks
    assert isinstance(networks, Networks)
    known = np.stack(columns()).astype(np.int32)
    usable = np.ones(2, np.bool_)
    at_once = networks.weights(0, known, usable)
    one_by_one = [networks.weights(0, known[:, [row]], usable)[0] for row in range(200)]
    assert np.array_equal(at_once[:200], np.array(one_by_one))


def test_a_network_beats_trees_where_many_columns_add_up() -> None:
    rng = np.random.default_rng(3)
    context = rng.integers(0, 12, (6, ROWS))
    own = np.clip(context.sum(0) // 3 + rng.integers(-1, 2, ROWS) - 6, 0, 11)
    model = Network.fit(matrix(*context), matrix(own), np.arange(ROWS), Support())
    trees, _, mixture = model.released()["network.held_out"].value
    assert mixture > trees + 0.1


def test_a_column_of_chance_is_drawn_by_its_tree_alone() -> None:
    one, other, third = columns()
    chance = np.random.default_rng(5).integers(0, 9, ROWS)
    model = Network.fit(nothing(), matrix(one, other, third, chance), np.arange(ROWS), Support())
    assert model.shares[3] == 0


def test_too_few_rows_are_left_to_trees() -> None:
    one, other, third = (c[:400] for c in columns())
    model = Network.fit(nothing(400), matrix(one, other, third), np.arange(400), Support())
    assert model.networks is None
    assert not [name for name in model.released() if name.startswith("network.")]


def test_auto_keeps_trees_where_networks_gain_nothing() -> None:
    rng = np.random.default_rng(4)
    independent = matrix(rng.integers(0, 3, 2000), rng.integers(0, 2, 2000))
    auto = Auto.fit(nothing(2000), independent, np.arange(2000), Support())
    assert auto.chosen.kind == "trees"


def test_neither_trees_nor_restored_networks_load_torch() -> None:
    script = (
        "import sys; from generators.tables import table_generators; table_generators();"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def watched(late_after: int, device: str | None = None) -> tuple[Network, list[Epoch]]:
    epochs: list[Epoch] = []
    terms = Terms(epochs.append, lambda: len(epochs) >= late_after, device)
    return Network.fit(nothing(), matrix(*columns()), np.arange(ROWS), Support(), terms), epochs


def test_every_epoch_is_told_with_the_curve_and_the_time_left(model: Network) -> None:
    again, epochs = watched(1000, "cuda" if torch.cuda.is_available() else "cpu")
    curve = model.released()["network.curve"].value
    assert [len(e.curve) for e in epochs] == list(range(1, len(curve) + 1))
    assert epochs[-1].curve == tuple(curve)
    assert [e.last for e in epochs] == [*[False] * (len(curve) - 1), True]
    assert not any(e.late for e in epochs)
    assert all(e.seconds >= 0 and e.columns == 3 and e.most >= len(curve) for e in epochs)
    assert again.released().keys() == model.released().keys()


def test_training_ends_when_time_is_up_and_keeps_the_best_so_far() -> None:
    short, epochs = watched(2)
    assert [(e.last, e.late) for e in epochs] == [(False, False), (False, False), (True, True)]
    assert short.networks is not None
    assert len(short.released()["network.curve"].value) == 3
    assert np.isfinite(short.log_prob(nothing().codes, matrix(*columns()).codes)).all()


def test_without_time_there_are_trees_alone() -> None:
    without, epochs = watched(0)
    assert (without.networks, epochs) == (None, [])


def test_training_leaves_torch_as_many_threads_as_it_had() -> None:
    torch.set_num_threads(2)
    seen: list[int] = []
    terms = Terms(lambda _: seen.append(torch.get_num_threads()))
    Network.fit(nothing(), matrix(*columns()), np.arange(ROWS), Support(), terms)
    assert (set(seen), torch.get_num_threads()) == ({1}, 2)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_training_happens_on_the_device_asked_for() -> None:
    with pytest.raises((RuntimeError, AssertionError), match=r"(?i)cuda"):
        watched(1000, "cuda")
