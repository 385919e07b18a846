"""PBA, Predictive Bandwidth Allocation: what will the path do while we use it?

    forecast    the value, and the answer without a model
    features    samples -> windows, gaps, units, the view from now
    lstm        one layer: the cell, forward, back through time
    network     layers on top of each other, the loss
    train       Adam, early stopping, split by time
    model       network + scaler + horizons, to bytes and back
    baselines   persistence, moving average, EWMA
    accuracy    within 20 % of the measured mean
    confidence  steadiness x record; blending two models
    predictor   the machine of one path
    schedule    start, defer, share out, evacuate
    retraining  when, and whether the new model is taken

Trained weights and simulated paths are the lab's: `course.lab.models`, `course.lab.traffic`.
"""

from course.dwcp.prediction.accuracy import Accuracy, Score, score
from course.dwcp.prediction.baselines import Ewma, MovingAverage, Persistence, Predicts, at_horizon
from course.dwcp.prediction.confidence import blend, confidence
from course.dwcp.prediction.features import Examples, Unit, examples
from course.dwcp.prediction.forecast import Forecast, Sample, fallback, should_defer
from course.dwcp.prediction.model import Model, fit
from course.dwcp.prediction.network import Network, Shape
from course.dwcp.prediction.predictor import Predictor, Record
from course.dwcp.prediction.retraining import Health, Route, due, judge
from course.dwcp.prediction.schedule import (
    Waiting,
    decide,
    expected_s,
    horizon_for,
    quota_mbps,
    should_evacuate,
)
from course.dwcp.prediction.train import Settings, split_by_time

__all__ = [
    "Accuracy",
    "Ewma",
    "Examples",
    "Forecast",
    "Health",
    "Model",
    "MovingAverage",
    "Network",
    "Persistence",
    "Predictor",
    "Predicts",
    "Record",
    "Route",
    "Sample",
    "Score",
    "Settings",
    "Shape",
    "Unit",
    "Waiting",
    "at_horizon",
    "blend",
    "confidence",
    "decide",
    "due",
    "examples",
    "expected_s",
    "fallback",
    "fit",
    "horizon_for",
    "judge",
    "quota_mbps",
    "score",
    "should_defer",
    "should_evacuate",
    "split_by_time",
]
