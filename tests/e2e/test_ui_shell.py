"""The web interface as such: what its files and pages are answered with, what a hostile address gets, signing in, prefixes, and the shell around
every room in a real browser."""
import re

import pytest
import requests
from ui_world import DESK, PHONE, fits_width, opened, prefer, server, settled, shot

ROOMS = ["/", "/audit", "/settings"]


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    with server(tmp_path_factory.mktemp("ui") / "data") as s:
        yield s


def test_shell_opens(page, empty):
    page.goto(empty.url + "/")
    page.locator("nav").first.wait_for()
    settled(page)
    shot(page, "shell")
    fits_width(page)
