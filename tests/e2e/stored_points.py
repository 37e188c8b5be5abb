"""Counts the points that a SQLite database of a server holds, packed as src/core/track/points.c and pack.c say: an independent reader of the form."""


def packed(data):
    """How many points the bytes hold."""
    n = at = 0
    while at < len(data):
        head = data[at]
        at += 1
        if not head & 0x80:
            for _ in range(2):
                while data[at] & 0x80:
                    at += 1
                at += 1
        at += head & 15
        n += 1
    assert at == len(data)
    return n


def wrong(db, where="1 = 1"):
    """The series (of runs that fulfil `where`) whose count of points is not that of the points that are there: id, run, counted, found."""
    found = []
    for series, run, points, tail in db.execute(f"SELECT s.id, r.id, s.points, s.tail FROM track_series s JOIN track_run r ON r.id = s.run WHERE {where}"):
        there = packed(tail[1:]) - (tail[0] & 1) if tail else 0
        for count, data in db.execute("SELECT points, data FROM track_chunk WHERE series = ?", (series,)):
            assert packed(data) == count
            there += count
        if there != points:
            found.append((series, run, points, there))
    return found
