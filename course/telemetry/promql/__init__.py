"""PromQL on a store of time series. `query` for a moment, `query_range` for a span (a graph).

Read next: `engine` (how a query is evaluated), `values` (what a value is), `limits`.
"""

from course.telemetry.promql.answer import Answer, Line, query, query_range
from course.telemetry.promql.values import QueryError, UnsupportedError

__all__ = ["Answer", "Line", "QueryError", "UnsupportedError", "query", "query_range"]
