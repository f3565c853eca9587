"""What runs beside a student's code while it is graded: on the untrusted side, where the walls are.

Nothing here is a secret, and nothing that happens here is believed. These modules import no other
part of ``course_lib.grading``, which is not to be seen from inside.
"""
