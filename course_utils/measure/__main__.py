"""`python -m course_utils.measure report`: the embedded models, measured again; see `course_utils.measure.report`."""
from course_utils.measure.table import main

if __name__ == "__main__":
    main()
