"""PBA, Predictive Bandwidth Allocation: what will the path do while we use it?

Here so far: the forecasts that need no training, which every model must beat.
"""

from course.dwcp.prediction.forecast import Forecast, fallback, should_defer

__all__ = ["Forecast", "fallback", "should_defer"]
