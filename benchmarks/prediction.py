"""How good are the shipped forecasts, against forecasts that need no training?

    OPENBLAS_NUM_THREADS=1 python -m benchmarks.prediction [--paths 10] [--hours 12] [--word bench]

Fresh simulated paths (`course.lab.traffic`) whose seeds no training has seen. Accuracy is the
share of forecasts whose rate lies within 20 % of the mean that was then measured over the horizon;
the error is the mean absolute one as a percentage of the measured mean rate of that kind. All
columns have the same windows and the same horizon. Moving average and EWMA are given the constant
that does best on the *training* paths at that kind and horizon, which no deployed one would know.

Time is reported as a ratio to persistence in the same run, and as a share of the 5 s between two
samples.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Sequence

import numpy as np

from course.dwcp.prediction import Ewma, MovingAverage, Persistence, Predicts, at_horizon, score
from course.dwcp.prediction.accuracy import Score, future_at
from course.dwcp.prediction.features import INTERVAL_S, RATE, Examples, together
from course.lab.models import HORIZONS_S, RECIPES, load, paths
from course.lab.traffic import KINDS

AVERAGES = [MovingAverage(n) for n in (3, 5, 12, 24)]
EWMAS = [Ewma(alpha) for alpha in (0.05, 0.1, 0.2, 0.3, 0.5, 0.8)]


def judged(model: Predicts, part: Examples, horizon_s: int) -> Score:
    """One model on one set; it is shown the newest samples that it has room for."""
    windows = part.windows[:, -model.length :, : model.features]
    return score(at_horizon(model, windows, horizon_s), future_at(part, horizon_s))


def best(models: Sequence[Predicts], part: Examples, horizon_s: int) -> Predicts:
    """The one with the smallest error; the first of equals."""
    return min(models, key=lambda model: judged(model, part, horizon_s).mae_mbps)


def rows(name: str, count: int, hours: float, word: str) -> Iterable[list[str]]:
    """A row a kind and horizon, and one over all kinds."""
    model = load(name)
    fresh = {kind: paths(kind, word, count, hours, name=name) for kind in KINDS}
    tuning = {kind: paths(kind, "training", 10, 6.0, name=name) for kind in KINDS}
    fresh["all"], tuning["all"] = together([*fresh.values()]), together([*tuning.values()])
    for kind, part in fresh.items():
        for horizon in HORIZONS_S:
            contenders: list[Predicts] = [
                model,
                Persistence(),
                best(AVERAGES, tuning[kind], horizon),
                best(EWMAS, tuning[kind], horizon),
            ]
            level = float(np.mean(future_at(part, horizon)[:, RATE]))
            found = [judged(each, part, horizon) for each in contenders]
            cells = [f"{s.accuracy:.3f}, {s.mae_mbps / level:.1%}" for s in found]
            yield [kind, f"{horizon}", f"{len(part):,}", *cells]


def times(name: str, repeats: int = 30) -> Iterable[list[str]]:
    """Median time of one forecast of all horizons, alone and among 100 paths."""
    model, base = load(name), Persistence()
    windows = paths("volatile", "timing", 1, 2.0, name=name).windows
    windows = np.repeat(windows, 100 // len(windows) + 1, axis=0)[:100]
    contenders: list[Predicts] = [base, Ewma(0.3), model]
    for batch in (1, 100):
        part = windows[:batch]
        spent = {}
        for each in contenders:
            laps = []
            for _ in range(repeats):
                started = time.perf_counter()
                each.predict_all(part[:, -each.length :, : each.features])
                laps.append(time.perf_counter() - started)
            spent[each.version] = float(np.median(laps))
        ratio = spent[model.version] / spent[base.version]
        share = spent[model.version] / batch / INTERVAL_S
        yield [name, f"{batch}", f"{ratio:,.0f}", f"{share:.5%}"]


def table(head: Sequence[str], body: Iterable[Sequence[str]]) -> None:
    """Print Markdown, a row as soon as it is there."""
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for row in body:
        print("| " + " | ".join(row) + " |", flush=True)


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paths", type=int, default=10, help="of each kind")
    parser.add_argument("--hours", type=float, default=12.0, help="of each path")
    parser.add_argument("--word", default="bench", help="seeds the paths")
    options = parser.parse_args()
    for name in RECIPES:
        print(f"\n{name}: {load(name).version}, {load(name).parameters:,} parameters\n")
        head = ["path", "horizon, s", "forecasts", "LSTM", "persistence", "moving average", "EWMA"]
        table(head, rows(name, options.paths, options.hours, options.word))
    print("\nIn each cell: accuracy (within 20 %), mean absolute error / mean rate.\n")
    head = ["model", "paths at once", "time / persistence", "share of 5 s a path"]
    table(head, (row for name in RECIPES for row in times(name)))


if __name__ == "__main__":
    main()
