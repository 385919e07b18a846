"""The trained models that the course ships: read them, or make them again.

    python -m course.lab.models                  train both, write course/lab/models/*.npz
    python -m course.lab.models internet         one of them

Set OPENBLAS_NUM_THREADS=1: these matrices are too small to be shared among cores.

They are trained on simulated paths (`traffic`), every kind as often as the others; the seeds of
training, of early stopping and of the tests are different words, so no path is in two of them.
Training both takes minutes on one core; it says how long. The same command gives the same
forecasts, though not always the same bytes: matrix products differ in the last digit between
processors.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from course.dwcp.mode import Mode
from course.dwcp.prediction.features import Examples, Unit, examples, together
from course.dwcp.prediction.model import Model, fit
from course.dwcp.prediction.network import Shape
from course.dwcp.prediction.train import Epoch, Settings
from course.lab.seeds import Seeds
from course.lab.traffic import KINDS, trace

HORIZONS_S = (30, 60, 120, 300)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a shipped model is made. `outputs` of the shape are for one horizon."""

    mode: Mode
    shape: Shape
    length: int
    unit: Unit
    paths: int  # of each kind, for training
    hours: float  # of each path
    stride: int  # samples between windows
    settings: Settings


SETTINGS = Settings(
    epochs=8, batch=64, learning_rate=0.002, final_share=0.03, dropout=0.0, bend=0.2
)
"""Where they differ from the published ones (50 epochs, batch 32, rate 0.001, dropout 0.2, squared
error), it is for time and for the steady paths: eight epochs over 35,000 windows are minutes, a
larger batch makes larger products, simulated paths are not scarce, so that there is little to
overfit and dropout only costs, and a squared error would be about the few collapses alone."""

RECIPES = {
    "internet": Recipe(
        Mode.INTERNET, Shape(3, (128, 64, 32), (), 3), 60, Unit(1_000.0, 500.0),
        paths=100, hours=6.0, stride=48, settings=SETTINGS,
    ),
    "datacenter": Recipe(
        Mode.DATACENTER, Shape(5, (128, 64), (32, 16), 1), 30, Unit(10_000.0, 500.0),
        paths=100, hours=6.0, stride=48, settings=SETTINGS,
    ),
}  # fmt: skip


@cache
def load(name: str = "internet") -> Model:
    """A shipped model; raises ValueError for a name that is not shipped."""
    if name not in RECIPES:
        raise ValueError(f"no model is named {name!r}; there are {', '.join(RECIPES)}")
    return Model.from_bytes((files("course.lab") / "models" / f"{name}.npz").read_bytes())


def paths(
    kind: str, word: str, count: int, hours: float, stride: int = 12, name: str = "internet",
    horizons_s: Sequence[int] = HORIZONS_S,
) -> Examples:  # fmt: skip
    """Windows of `count` paths of one kind, in the shape of a recipe; `word` seeds them."""
    recipe = RECIPES[name]
    return together([
        examples(
            trace(kind, f"{word}-{kind}-{number}", hours, recipe.mode).columns, horizons_s,
            recipe.length, stride, recipe.shape.inputs,
        )
        for number in range(count)
    ])  # fmt: skip


def make(name: str, watch: bool = False) -> Model:
    """Train a model as its recipe says."""
    recipe = RECIPES[name]

    def data(word: str, count: int) -> Examples:
        parts = [paths(k, word, count, recipe.hours, recipe.stride, name) for k in KINDS]
        return together(parts)

    def tell(epoch: Epoch) -> None:
        spent = time.process_time() - started
        print(f"{epoch.number:3d}  {epoch.training:.4f}  {epoch.held_out:.4f}  {spent:4.0f} s")

    started = time.process_time()
    earlier, later = data("training", recipe.paths), data("stopping", max(2, recipe.paths // 8))
    print(f"{name}: {len(earlier):,} windows, {len(later):,} held out")
    rng: np.random.Generator = Seeds(1).array(f"models/{name}")
    model, done = fit(
        earlier, later, recipe.shape, rng, recipe.settings, recipe.unit,
        version=f"{name}-1", watch=tell if watch else None,
    )  # fmt: skip
    print(f"{name}: best after epoch {done.best.number}, {time.process_time() - started:.0f} s")
    return model


def main(names: Sequence[str]) -> None:
    """Train the models and write them where `load` finds them."""
    for name in names or RECIPES:
        data = make(name, watch=True).to_bytes()
        target = Path(str(files("course.lab"))) / "models" / f"{name}.npz"
        target.write_bytes(data)
        print(f"{target.name}: {len(data):,} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
