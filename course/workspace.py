"""The learner's own copy of the notebooks: made once, never overwritten by an update.

A manifest keeps the hash of each file as it was handed out, so that "did the learner change it?"
has an answer. A file that was not changed follows the course's updates. One that was changed is
kept, and the newer one is put beside it on request. One that was deleted is handed out again:
that is how to start a notebook afresh.
"""

import hashlib
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

HOME, PRACTICE = "home.ipynb", "practice.ipynb"
MANIFEST = ".course.json"


class WorkspaceError(Exception):
    """The working folder cannot be used; the text says why and what would be right."""


@dataclass(slots=True)
class Opened:
    """What opening did, as paths inside the working folder."""

    added: list[str] = field(default_factory=list)
    refreshed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)  # changed by the learner, and newer in the course


def course_root() -> Path:
    """The checkout of the course: the folder that holds `release`."""
    root = Path(__file__).resolve().parent.parent
    if not (root / "release").is_dir():
        raise WorkspaceError(
            f"{root} holds no folder `release`; run this in a checkout of the course"
        )
    return root


def handed_out(root: Path) -> dict[str, Path]:
    """What a learner gets: path inside the working folder -> the file in the course, days first."""
    files = {name: root / "course" / name for name in (HOME, PRACTICE)}
    for folder in ("components", "runbooks"):
        for path in sorted((root / "course" / folder).glob("*.ipynb")):
            files[f"{folder}/{path.name}"] = path
    released = root / "release"
    for path in sorted(released.rglob("*"), key=lambda path: (_is_exam(path, released), path)):
        if path.is_file() and not any(part.startswith(".") for part in path.parts):
            files[path.relative_to(released).as_posix()] = path
    return files


def _is_exam(path: Path, released: Path) -> bool:
    return path.relative_to(released).parts[0].startswith("exam-")


def open_workspace(work: Path, root: Path) -> Opened:
    """Make or update the working folder; doing it twice changes nothing the second time."""
    manifest, opened = read_manifest(work), Opened()
    try:
        for name, source in handed_out(root).items():
            _hand_out(name, source, work / name, manifest, opened)
        (work / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", "utf-8")
    except OSError as error:
        raise WorkspaceError(
            f"{work} cannot be written ({error.strerror}). Choose another folder: "
            "course start --work FOLDER"
        ) from None
    return opened


def _hand_out(
    name: str, source: Path, copy: Path, manifest: dict[str, str], opened: Opened
) -> None:
    new = _hash(source)
    if not copy.exists():
        opened.added.append(name)
    elif manifest.get(name) == new:
        return
    elif _hash(copy) == manifest.get(name):
        opened.refreshed.append(name)
    else:
        opened.kept.append(name)
        return
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, copy)
    manifest[name] = new


def put_beside(name: str, work: Path, root: Path) -> Path:
    """Copy the course's present `name` beside the learner's, as NAME.new.ipynb; its path."""
    files = handed_out(root)
    if name not in files:
        raise WorkspaceError(f"the course has no {name!r}; it has {', '.join(files)}")
    beside = (work / name).with_suffix(f".new{Path(name).suffix}")
    beside.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(files[name], beside)
    return beside


def is_changed(name: str, work: Path) -> bool:
    """Did the learner change (or at least open and save) this file?"""
    copy = work / name
    return copy.exists() and _hash(copy) != read_manifest(work).get(name)


def read_manifest(work: Path) -> dict[str, str]:
    """Path -> SHA-256 as handed out; empty before the first opening."""
    try:
        manifest: dict[str, str] = json.loads((work / MANIFEST).read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (ValueError, OSError) as error:
        raise WorkspaceError(
            f"{work / MANIFEST} cannot be read ({error}). Delete it: your notebooks are kept, "
            "and the course no longer knows which of them you changed"
        ) from None
    return manifest


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
