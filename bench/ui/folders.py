"""Data folders that the benchmarks of the interface make once over the API and keep in build/: `complete` stands beside one that is whole. Copy it before a server
that writes opens it."""
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import lib


def made(name, make):
    """build/<name>/data, filled by make(folder) if it is not there."""
    place = lib.ROOT / "build" / name
    if not (place / "complete").exists():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        make(place / "data")
        (place / "complete").touch()
    return place / "data"
