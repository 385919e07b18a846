"""The DWCP v3 course: what its notebooks import.

Start reading at `course.dwcp` (the protocol), then `course.lab` (the cluster it runs on).
"""
