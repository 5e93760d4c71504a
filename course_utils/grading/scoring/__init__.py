"""Official scores: a submission runs in one process, isolated by the kernel, and is judged in another.

submission.py   what a file says: its code, its exercise, the points that the student's own checks showed
isolation.py    the sandbox (bubblewrap) and what is visible in it; seccomp.py the system calls that it refuses
guest.py        what runs inside: the notebook, then each answer on inputs from outside, out come plain values
run.py          one submission through the sandbox, with its limits
judges.py       the judge's process, which never sees code
score.py        a class: the order, the jobs, resuming; table.py the CSV, report.py a page for each student
"""
