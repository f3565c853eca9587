"""Imported by the processes of an Examiner that is to have no patience: see arena.py."""

from course_lib.grading import examiner, sandbox

examiner._GRACE = 4.0
sandbox.LIMITS["memory"] = sandbox.LIMITS["process_memory"] = 1 << 30
