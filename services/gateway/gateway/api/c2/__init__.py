"""REST as clients of C2 know it: its paths, bodies and errors, over the same changes as ours."""
