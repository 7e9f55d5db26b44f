"""Limits of control groups: a job's lies deeper than the machine's."""

import pytest

from tfsparse.data.memory import available_memory


def written(root, files):
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


SECOND = {
    "proc/self/cgroup": "0::/slurm/job_1/step_0\n",
    "sys/fs/cgroup/slurm/job_1/memory.max": "1000\n",
    "sys/fs/cgroup/slurm/job_1/memory.current": "900\n",
    "sys/fs/cgroup/slurm/job_1/memory.stat": "anon 600\ninactive_file 300\n",
    "sys/fs/cgroup/slurm/job_1/step_0/memory.max": "max\n",
    "sys/fs/cgroup/slurm/job_1/step_0/memory.current": "800\n",
}
FIRST = {
    "proc/self/cgroup": "4:cpu,cpuacct:/other\n3:memory:/job\n0::/\n",
    "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "2000\n",
    "sys/fs/cgroup/memory/job/memory.usage_in_bytes": "700\n",
}
CONTAINER = {
    "proc/self/cgroup": "0::/\n",
    "sys/fs/cgroup/memory.max": "50\n",
    "sys/fs/cgroup/memory.current": "60\n",
}


@pytest.mark.parametrize(
    ("files", "free"),
    [(SECOND, 400), (FIRST, 1300), (CONTAINER, 0), ({"proc/meminfo": "MemTotal: 9 kB\nMemAvailable: 3 kB\n"}, 3072)],
    ids=["second", "first", "container", "none"],
)
def test_every_limit_holds(files, free, tmp_path):
    written(tmp_path, files)
    assert available_memory(tmp_path) == free
