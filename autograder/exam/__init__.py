"""Written exams: a paper a candidate, given out, collected and graded by nbgrader.

    sitting.py    one candidate's exam: whose, which seed, given out and handed in when
    notebook.py   the notebook that goes out, and the cells that mark it
    rounds.py     release and grade, for candidates by name
    report.py     marks by domain, the time, and what a second marker should look at
    commands.py   `autograder exam ...`

Papers are drawn by course.catalogue.questions; the items of an exam lie in source/exams/NAME/items
of the course and are read on the instructor's machine only. Sittings live in exams/, a course
folder of its own.
"""
