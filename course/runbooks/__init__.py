"""Runbooks that carry themselves out, and leave a record of it.

    run = Run("incident-response", lab("con-02-full-disks"), operator="you")
    run.all()
    run.record()

The notebooks beside this file take one step a cell, with papermill's parameters. `running` has the
laws and the record. The steps are in `control_plane`, `nodes`, `releases` and `guests` (incident
response), `paths` and `moves` (performance). Which step comes when, and what it claims to cure, is
data: `course.catalogue.runbooks`. `shown` has what a notebook shows.
"""

from course.runbooks import control_plane, guests, moves, nodes, paths, releases
from course.runbooks.running import Desk, Outcome, Run, Stopped

PARTS = (control_plane, guests, moves, nodes, paths, releases)
"""Imported for the steps that they declare."""

__all__ = ["Desk", "Outcome", "Run", "Stopped"]
