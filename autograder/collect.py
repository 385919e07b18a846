"""nbgrader's Collect, for an exchange that strangers write to.

nbgrader copies what a link points to, with the instructor's rights, and takes the student's name
and the time from the folder's name. Here only plain files of a sensible size are copied, links
stay links (and are refused later, in words), and a folder with an impossible name is left alone.
"""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nbgrader.exchange.default.collect import ExchangeCollect

from autograder.submission import MAX_BYTES

NAME = re.compile(r"(?!\.)[^/\\\x00-\x1f]{1,128}")
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)


class Collect(ExchangeCollect):
    """As nbgrader's; named in nbgrader_config.py, so that its own command uses it too."""

    def _path_to_record(self, path: str) -> dict[str, Any]:
        try:
            record: dict[str, Any] = super()._path_to_record(path)
        except Exception:  # one folder with a strange name does not stop the others
            return {"username": "", "filename": "", "timestamp": LONG_AGO}
        return record

    def init_src(self) -> None:
        """The newest submission of everybody whose name can be one."""
        super().init_src()
        self.src_records: list[dict[str, Any]]
        known = [record for record in self.src_records if NAME.fullmatch(record["username"])]
        for record in known:
            if (Path(self.inbound_path) / record["filename"]).is_symlink():
                self.log.warning("%s is a link and was left alone", record["filename"])
        self.src_records = [
            record
            for record in known
            if not (Path(self.inbound_path) / record["filename"]).is_symlink()
        ]

    def do_copy(self, src: str, dest: str, log: Any = None) -> None:
        """Copy plain files and folders; links as links."""
        shutil.copytree(src, dest, symlinks=True, ignore=not_plain)


def not_plain(folder: str, names: list[str]) -> set[str]:
    """What is neither a folder nor a file that may be a notebook by its size."""
    strange = set()
    for name in names:
        path = Path(folder) / name
        if path.is_symlink():
            if path.suffix != ".ipynb":  # of a notebook that is a link its author is told
                strange.add(name)
        elif path.is_dir():
            continue
        elif not path.is_file() or path.stat().st_size > MAX_BYTES + 1:
            strange.add(name)
    return strange
