"""Reports: written, signed, corrected, verified. Each module says what it knows.

``states``, ``texts`` and ``chain`` are pure. ``writing`` and ``locks`` know the database, not Flask; every
change of a report goes through ``writing``.
"""
