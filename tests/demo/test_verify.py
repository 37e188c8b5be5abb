"""Every figure of the demo, recomputed from its files: one test per check of examples/flights/verify.py."""
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples/flights"))
import verify


@pytest.mark.parametrize("check", verify.CHECKS, ids=lambda c: c.__name__)
def test_demo(check):
    check()
