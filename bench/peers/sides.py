"""Who is measured: the engine and the peers, each in a process of its own that holds the
data; and the server."""
import os
import subprocess
import sys
import tempfile

import numpy

NAMES = {"xgboost": "XGBoost", "lightgbm": "LightGBM", "hessboost": "hessboost", "catboost": "CatBoost", "ydf": "YDF",
         "sklearn": "scikit-learn", "logistic": "scikit-learn"}


def environment(threads, passive=False):
    """passive: OpenMP's threads wait without working; otherwise for some milliseconds they do."""
    count = str(threads)
    policy = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"} if passive else {}
    return os.environ | policy | {"OMP_NUM_THREADS": count, "RAYON_NUM_THREADS": count, "OPENBLAS_NUM_THREADS": count,
                                  "PYTHONWARNINGS": "ignore"}


def label(learner, option):
    """How tables name it, with its version."""
    name = f"{NAMES[learner.__name__.rpartition('_')[2]]} {learner.version}"
    return f"{name}, {option}" if option else name


class Worker:
    """A process that understands the commands of engine.c."""

    def __init__(self, command, threads, passive=False):
        self.process = subprocess.Popen(command, env=environment(threads, passive), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def wait(self):
        self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"it has ended: {' '.join(self.process.args)}")
        return line.split()

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return [float(number) for number in self.answer()]

    def fit(self):
        """Seconds; those of binning, those of the trees, those of the processors."""
        binning, binning_cpu, trees, trees_cpu = self.ask("fit")
        return binning + trees, binning, trees, binning_cpu + trees_cpu

    def score(self):
        """Seconds; those of the processors."""
        return self.ask("score")

    def scores(self):
        with tempfile.NamedTemporaryFile() as file:
            self.ask(f"keep {file.name}")
            return numpy.fromfile(file.name)

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def engine(program, data_set, directory, threads):
    d = data_set
    return Worker([program, directory, *map(str, (d.n_train, d.n_test, d.n_columns, d.n_categories, threads))], threads)


def peer(name, option, data_set, directory, threads, passive=False):
    return Worker([sys.executable, "-m", "peers.worker", name, option, data_set.name, directory, str(threads)], threads, passive)


class Server:
    """The private server of MLOPS_BENCH_SERVER."""

    def __init__(self, tools):
        self.directory = os.environ["MLOPS_BENCH_SERVER"]
        self.command = ["sh", f"{tools}/private_server.sh", "psql", self.directory,
                        "-q", "-A", "-t", "-F", " ", "-v", "ON_ERROR_STOP=1"]
        with open(f"{self.directory}/data/postmaster.pid") as file:
            self.pid = int(file.readline())

    def run(self, script, **options):
        """What psql prints of a script."""
        return subprocess.run(self.command, input=script, stdout=subprocess.PIPE, text=True, check=True, **options).stdout

    def start(self, *arguments, **options):
        return subprocess.Popen([*self.command, *arguments], **options)

    def seconds(self, statement, threads):
        """Of one execution in a session of its own, connecting not counted."""
        return float(self.run(f"""
            SET mlops.threads = {threads};
            SET max_parallel_workers_per_gather = 0;
            SELECT clock_timestamp() AS started \\gset
            {statement} \\g /dev/null
            SELECT extract(epoch FROM clock_timestamp() - :'started');"""))
