"""Submissions out to workers, examined notebooks back, as each is done.

Dask does the work of distribution: threads of this process by default, because all that is heavy
happens in the candidates' and examiners' own processes; or a running cluster, by its address. A
worker that dies has its submission done by another one. Workers need this project installed and,
for other people's work, bubblewrap; they touch no file of the course and no gradebook.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from distributed import Client, LocalCluster, as_completed
from nbformat import NotebookNode

from autograder.errors import AutograderError, GraderFailed, SandboxMissing
from autograder.marking import Submission, Terms, mark
from autograder.pool import Pool

AHEAD = 2  # submissions per worker thread that are on their way at once

_pools: dict[Terms, Pool] = {}
_lock = threading.Lock()


def pool_for(terms: Terms) -> Pool:
    """This process's pool, warmed at its first use."""
    with _lock:
        if terms not in _pools:
            _pools[terms] = terms.pool()
        return _pools[terms]


def drop(terms: Terms, pool: Pool) -> None:
    """Close a pool that is broken, so that the next one is new."""
    with _lock:
        if _pools.get(terms) is pool:
            del _pools[terms]
    pool.close()


@atexit.register
def close_pools() -> None:
    """End all warmed processes."""
    while _pools:
        _pools.popitem()[1].close()


Marked = dict[str, NotebookNode] | str  # examined notebooks by name, or why there are none


def work(submission: Submission, terms: Terms) -> Marked:
    """What a worker does with one submission. A broken pool is replaced once."""
    for last in (False, True):
        pool = pool_for(terms)
        try:
            return mark(submission, terms, pool)
        except SandboxMissing:
            raise
        except GraderFailed as failed:
            drop(terms, pool)
            if last:
                return str(failed)
    raise AssertionError("unreachable")


def fan_out(
    submissions: Iterable[Submission], terms: Terms, scheduler: str | None, workers: int
) -> Iterator[tuple[str, Marked]]:
    """(student, examined notebooks) in the order in which they are done.

    Raises SandboxMissing if a worker has no sandbox, GraderFailed if the scheduler is not there.
    """
    waiting = iter(submissions)
    with _client(scheduler, workers) as client:
        room = AHEAD * max(workers, sum(client.nthreads().values()))
        names, running = {}, as_completed(with_results=True, raise_errors=False)

        def send_next() -> None:
            submission = next(waiting, None)
            if submission is not None:
                future = client.submit(work, submission, terms, pure=False)
                names[future.key] = submission.student
                running.add(future)

        for _ in range(room):
            send_next()
        for future, result in running:
            student = names.pop(future.key)
            if isinstance(result, AutograderError):
                raise result
            send_next()
            yield student, _told(result)


def _told(result: object) -> Marked:
    """The result, or what became of the worker; an error comes as (type, error, traceback)."""
    if isinstance(result, dict | str):
        return result
    error = result[1] if isinstance(result, tuple) and len(result) > 1 else result
    if isinstance(error, AutograderError):
        raise error
    return f"the worker stopped: {error}"


@contextmanager
def _client(scheduler: str | None, workers: int) -> Iterator[Client]:
    logging.getLogger("distributed").setLevel(logging.ERROR)
    if scheduler is None:
        with LocalCluster(
            n_workers=1, threads_per_worker=workers, processes=False,
            dashboard_address="127.0.0.1:0",
        ) as cluster, Client(cluster) as client:  # fmt: skip
            yield client
        return
    try:
        client = Client(scheduler, timeout=10)
    except (OSError, ValueError) as error:
        raise GraderFailed(f"There is no Dask scheduler at {scheduler}: {error}") from None
    with client:
        yield client


def default_workers() -> int:
    """One submission at a time on each processor."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
