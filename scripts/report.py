"""One self-contained HTML report of finished runs, with the same numbers as CSV and Markdown.

python scripts/report.py saved_models/my_sweep --out=report.html
"""

import os
import pathlib
import signal
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's start-up chatter hides what matters
signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback at Ctrl-C while modules load

from absl import flags as absl_flags

from tfsparse import flags
from tfsparse.files import check_out, written_aside
from tfsparse.results import csv_text, markdown_text, read_runs, save_runs, write_report

OUT = flags.define_path("out", "report.html", "File to write; .csv and .md files get its name.")
JSON = flags.define_path("json", None, "Also keep what the report needs of the runs in this small file.")
TITLE = absl_flags.DEFINE_string("title", "Sparse training", "Title of the page.")


def main(argv):
    if len(argv) < 2:
        sys.exit("Give run folders, folders of run folders, or files that --json wrote: scripts/report.py FOLDER...")
    with flags.reported_errors():
        check_out(OUT.value, "--out")
        out = pathlib.Path(OUT.value)
        files = [out, out.with_suffix(".csv"), out.with_suffix(".md")]
        for file in files:
            check_out(file, "--out")
        if JSON.value:
            check_out(JSON.value, "--json")
            if pathlib.Path(JSON.value).resolve() in [file.resolve() for file in files]:
                raise ValueError(f"--json={JSON.value} is a file of the report itself: give another name.")
        runs, unfinished = read_runs(argv[1:])
        texts = [csv_text(runs), markdown_text(runs)]  # all are made before any is written
        write_report(runs, out, unfinished=unfinished, title=TITLE.value)
        for file, text in zip(files[1:], texts, strict=True):
            with written_aside(file) as scratch:
                scratch.write_text(text, encoding="utf-8")
        if JSON.value:
            save_runs(runs, JSON.value)
    left = f", {len(unfinished)} unfinished left out" if unfinished else ""
    print(f"{len(runs)} runs{left}: {', '.join(map(str, files))}")


if __name__ == "__main__":
    flags.run(main, arguments=True)
