"""A trained model: a network, its scaler, its horizons and its version. A value, kept as bytes.

    windows (N, T, F) -> view from now -> scaler -> network -> scaler back -> rate, RTT, loss

The scaler (mean and standard deviation of every column, in and out) is fitted on the training
part alone: a scaler that has seen the test has told the network something about it.

Weights travel as an .npz of float16 arrays, half the size of float32; what that costs is in the
tests. This package reads no files: `from_bytes` takes what somebody has read. Bytes are input:
each array's size is checked against its header before it is made, nothing is unpickled, and
whatever does not fit raises ValueError. Read next: `baselines`.
"""

import io
import json
import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from course.dwcp.prediction import train as training
from course.dwcp.prediction.features import COLUMNS, TARGETS, Array, Examples, Unit, targets, view
from course.dwcp.prediction.lstm import Lstm
from course.dwcp.prediction.network import Dense, Network, Shape, new_network

BYTES_MAX = 8 * 1024 * 1024  # of all arrays, unpacked; the published large variant has 1.9 MB
BATCH = 256


@dataclass(frozen=True, slots=True)
class Scaler:
    """Mean and spread of the network's inputs (F,) and the spread of its outputs (O,)."""

    mean: Array
    spread: Array
    out: Array

    @classmethod
    def fit(cls, x: Array, y: Array) -> "Scaler":
        """From training inputs (N, T, F) and outputs (N, H, K).

        Outputs are not shifted: 0 stays "no change". RTT and loss count half of what the rate
        counts, because decisions and the definition of accuracy are about the rate.
        """
        spread = np.maximum(x.std(axis=(0, 1), dtype=np.float64), 1e-3)
        out = np.maximum(np.sqrt(np.mean(np.square(y, dtype=np.float64), axis=0)), 1e-3)
        out[:, 1:] *= 2
        mean = x.mean(axis=(0, 1), dtype=np.float64)
        return cls(*(array.astype(np.float32) for array in (mean, spread, out.reshape(-1))))


@dataclass(frozen=True, slots=True)
class Model:
    """What PBA asks. `trained_at` is us on the wall clock of whoever trained it."""

    network: Network
    scaler: Scaler
    horizons_s: tuple[int, ...]
    length: int = 60  # samples in a window
    unit: Unit = field(default_factory=Unit)
    version: str = "untrained"
    trained_at: int = 0

    @property
    def features(self) -> int:
        """Columns of a window."""
        return self.network.shape.inputs

    @property
    def parameters(self) -> int:
        return self.network.shape.parameters

    def predict_all(self, windows: Array) -> Array:
        """Windows (N, T, F) in Mbps, ms, fractions -> rate, RTT, loss by horizon (N, H, 3)."""
        if windows.shape[1:] != (self.length, self.features):
            raise ValueError(
                f"windows of {windows.shape[1:]}; {self.version} takes "
                f"{self.length} samples of {self.features} columns"
            )
        answers = []
        for first in range(0, len(windows), BATCH):
            seen = view(windows[first : first + BATCH], self.unit)
            out = self.network.predict((seen.x - self.scaler.mean) / self.scaler.spread)
            out = (out * self.scaler.out).reshape(len(seen.x), len(self.horizons_s), -1)
            answers.append(seen.answer(out))
        return np.concatenate(answers)

    def only(self, horizon_s: int) -> "Model":
        """The same model with one horizon: the network of the published size."""
        width = self.network.shape.outputs // len(self.horizons_s)
        first = self.horizons_s.index(horizon_s) * width
        columns = range(first, first + width)
        scaler = replace(self.scaler, out=self.scaler.out[list(columns)])
        network = self.network.outputs_only(columns)
        return replace(self, network=network, scaler=scaler, horizons_s=(horizon_s,))

    def to_bytes(self) -> bytes:
        """Weights as float16, the scaler as float32, and a line of JSON about the rest."""
        about = {
            "lstm": self.network.shape.lstm, "dense": self.network.shape.dense,
            "horizons_s": self.horizons_s, "length": self.length, "version": self.version,
            "trained_at": self.trained_at,
            "unit": [self.unit.rate_mbps, self.unit.rtt_ms, self.unit.jitter_ms],
        }  # fmt: skip
        arrays: dict[str, Any] = {
            "about": np.frombuffer(json.dumps(about).encode(), dtype=np.uint8),
            "mean": self.scaler.mean, "spread": self.scaler.spread, "out": self.scaler.out,
        }  # fmt: skip
        for number, array in enumerate(self.network.arrays()):
            arrays[f"w{number:02d}"] = array.astype(np.float16)
        file = io.BytesIO()
        np.savez_compressed(file, **arrays)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Model":
        """Raises ValueError that says what does not fit."""
        try:
            return _model(_arrays(data))
        except Exception as error:  # zip, zlib, npy and JSON know a dozen kinds between them
            raise ValueError(f"these {len(data)} bytes are not a model: {error}") from None


def fit(
    earlier: Examples, later: Examples, shape: Shape, rng: np.random.Generator,
    settings: training.Settings = training.Settings(), unit: Unit = Unit(),
    version: str = "trained here", trained_at: int = 0, watch: Any = None,
) -> tuple[Model, training.Trained]:  # fmt: skip
    """Train a model on `earlier`, stop by `later`. `shape.outputs` is for one horizon."""
    width = shape.outputs
    seen, y = view(earlier.windows, unit), _wanted(earlier, unit, width)
    scaler = Scaler.fit(seen.x, y.reshape(len(y), -1, width))
    network = new_network(replace(shape, outputs=width * len(earlier.horizons_s)), rng)
    sets = []
    for part, x in ((earlier, seen.x), (later, view(later.windows, unit).x)):
        inputs = (x - scaler.mean) / scaler.spread
        sets.append(training.Set(inputs, _wanted(part, unit, width) / scaler.out))
    done = training.train(network, sets[0], sets[1], rng, settings, watch)
    model = Model(
        done.network, scaler, earlier.horizons_s, earlier.windows.shape[1], unit, version,
        trained_at,
    )  # fmt: skip
    return model, done


def _wanted(part: Examples, unit: Unit, width: int) -> Array:
    """Targets as the network's outputs lie: horizon by horizon, (N, H x width)."""
    wanted = targets(view(part.windows, unit), part.future)[..., :width]
    return wanted.reshape(len(part), -1)


def _arrays(data: bytes) -> dict[str, Array]:
    """The arrays of an .npz, each no larger than what is really there."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        if sum(member.file_size for member in members) > BYTES_MAX:
            raise ValueError(f"it unpacks to more than {BYTES_MAX:,} bytes")
        return {m.filename.removesuffix(".npy"): _array(archive.read(m)) for m in members}


def _array(data: bytes) -> Array:
    file = io.BytesIO(data)
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("an array of an unknown format version")
    shape, by_column, dtype = np.lib.format.read_array_header_1_0(file)
    plain = dtype in (np.dtype("<f2"), np.dtype("<f4"), np.dtype("u1")) and not by_column
    if not plain or math.prod(shape) * dtype.itemsize != len(data) - file.tell():
        raise ValueError(f"an array of {shape} {dtype} in {len(data)} bytes")
    return np.frombuffer(data, dtype, offset=file.tell()).reshape(shape)


def _model(arrays: dict[str, Array]) -> Model:
    about = json.loads(arrays["about"].tobytes())
    lstm_widths, dense_widths = tuple(about["lstm"]), tuple(about["dense"])
    scaler = Scaler(*(arrays[name].astype(np.float32) for name in ("mean", "spread", "out")))
    horizons, length = tuple(int(h) for h in about["horizons_s"]), int(about["length"])
    shape = Shape(len(scaler.mean), lstm_widths, dense_widths, len(scaler.out))
    weights = [arrays[name].astype(np.float32) for name in sorted(arrays) if name[0] == "w"]
    _check(shape, weights, scaler, horizons, length)
    layers = (Lstm(*weights[:3]),) * len(lstm_widths)  # their number counts, not what is in them
    blank = Network(layers, (Dense(*weights[-2:]),) * (len(dense_widths) + 1))
    return Model(
        blank.with_arrays(weights), scaler, horizons, length, Unit(*about["unit"]),
        str(about["version"]), int(about["trained_at"]),
    )  # fmt: skip


def _check(
    shape: Shape, weights: Sequence[Array], scaler: Scaler, horizons: Sequence[int], length: int
) -> None:  # fmt: skip
    """Every array has the size that the widths ask for, and every number is one."""
    wanted, width = list[tuple[int, ...]](), shape.inputs
    for units in shape.lstm:
        wanted += [(width, 4 * units), (units, 4 * units), (4 * units,)]
        width = units
    for units in (*shape.dense, shape.outputs):
        wanted += [(width, units), (units,)]
        width = units
    if [array.shape for array in weights] != wanted or not shape.lstm:
        raise ValueError(f"its arrays do not fit LSTM {shape.lstm} and dense {shape.dense}")
    if length < 1 or not all(number > 0 for number in horizons):
        raise ValueError(f"a length of {length}, horizons of {horizons}; they are above 0")
    if not horizons or shape.outputs not in {k * len(horizons) for k in range(1, TARGETS + 1)}:
        raise ValueError(f"{shape.outputs} outputs do not fit {len(horizons)} horizons")
    if not TARGETS <= shape.inputs <= COLUMNS or len(scaler.spread) != shape.inputs:
        raise ValueError(f"it reads {shape.inputs} columns; a window has {TARGETS} to {COLUMNS}")
    if not all(np.isfinite(array).all() for array in (*weights, scaler.mean, scaler.out)):
        raise ValueError("a weight is not a number")
    if not (np.isfinite(scaler.spread).all() and (scaler.spread > 0).all()):
        raise ValueError("a scaler's spread is not above 0")
