"""Measures the parts that are named on the data sets that are named, and appends to a
file of results what show.py makes tables of.

    python -m peers RESULTS TOOLS ENGINE ROUNDS NAME...

TOOLS: the folder of private_server.sh; ENGINE: the program of engine.c; a NAME is one of
fit, score, table, logistic (none: all of them), or of a data set.
"""
import contextlib
import importlib
import os
import subprocess
import sys
import tempfile
import time

import numpy

from . import copying, data, results, sides, turns

LEARNERS = ["xgboost", "lightgbm", "hessboost", "catboost", "ydf", "sklearn"]
OPENMP = {"xgboost", "lightgbm", "sklearn"}
PASSIVE = ", passive"   # a second worker, whose threads wait without working
FASTEST = [("xgboost", ""), ("lightgbm", ""), ("lightgbm", "quantized gradients"), ("hessboost", "")]   # of the export
PARTS = ["fit", "score", "table", "logistic"]
OURS = "mlops"
PARAMS = '{"n_estimators": 100, "max_depth": 6, "learning_rate": 0.3}'


def learner_of(name):
    return importlib.import_module(f"peers.learners.with_{name}")


def tell(text):
    print(text, file=sys.stderr, flush=True)


def timed(work, *arguments):
    """A side: the seconds of work without those that it says it spent on starting, and these."""
    def side():
        began = time.perf_counter()
        start = work(*arguments) or 0
        return time.perf_counter() - began - start, start
    return side


class Bench:
    def __init__(self, path, tools, engine, rounds, work):
        self.server = sides.Server(tools)
        self.engine, self.rounds, self.work = engine, int(rounds), work
        version = self.server.run("SELECT extversion FROM pg_extension WHERE extname = 'mlops'").strip()
        self.ours = f"{OURS} {version}"
        self.results = results.Writer(path, self.ours)
        self.passive = set()

    def measure(self, who):
        return turns.measure(who, self.rounds, self.server.pid)

    def directory(self, data_set):
        directory = f"{self.work}/{data_set.name}"
        data.make(data_set, directory)
        return directory

    # ---- in memory: fitting, scoring

    def workers(self, data_set, threads, stack):
        directory = self.directory(data_set)
        started = {self.ours: sides.engine(self.engine, data_set, directory, threads)}
        for name in LEARNERS:
            learner = learner_of(name)
            for option in learner.options:
                if learner.can(data_set, option):
                    label = sides.label(learner, option)
                    started[label] = sides.peer(name, option, data_set, directory, threads)
                    if threads > 1 and name in OPENMP:
                        started[label + PASSIVE] = sides.peer(name, option, data_set, directory, threads, True)
        for worker in started.values():
            stack.callback(worker.end)
            worker.wait()
        return started

    def in_memory(self, data_set, threads, parts):
        tell(f"{data_set.name}, {threads} threads: {', '.join(part for part in parts if part == 'fit' or threads == 1)}")
        _, y = data_set.read(self.directory(data_set))
        label = numpy.array(y[data_set.n_train:])
        with contextlib.ExitStack() as stack:
            workers = self.workers(data_set, threads, stack)
            if "fit" in parts:
                fitted = self.faster_ones(self.measure({name: w.fit for name, w in workers.items()}))
                for of, what in enumerate(("s", "s of binning", "s of trees", "s of processors")):
                    self.results.add("fit", data_set, threads, fitted, what, of)
            else:
                for worker in workers.values():
                    worker.fit()
            for name, worker in workers.items():
                if name.endswith(PASSIVE):
                    continue
                worker.score()
                self.results.add_quality("fit", data_set, threads, name, label, worker.scores())
            if "score" in parts and threads == 1:
                self.scoring(data_set, workers)

    def faster_ones(self, measured):
        """Of each peer the faster way of waiting, which its exports will use."""
        for name in [name for name in measured if name.endswith(PASSIVE)]:
            plain, passive = name.removesuffix(PASSIVE), measured.pop(name)
            self.passive.discard(plain)
            if passive.median() < measured[plain].median():
                measured[plain] = passive
                self.passive.add(plain)
        return measured

    def scoring(self, data_set, workers):
        self.need_model(data_set)
        table, n = data_set.name, data_set.n_test
        held_back = f"SELECT * FROM {table} WHERE id > {data_set.n_train}"
        who = {}
        for name, worker in workers.items():
            if name != self.ours:
                who[name] = worker.score
                continue
            who[f"{name}, rows in memory"] = worker.score
            who[f"{name}, SELECT mlops.score(model, row)"] = lambda: [self.server.seconds(
                f"SELECT avg(mlops.score('{table}', t)) FROM ({held_back}) AS t", 1)]
            who[f"{name}, mlops.score_table"] = lambda: [self.server.seconds(
                f"SELECT avg(score) FROM mlops.score_table('{table}', query => '{held_back}')", 1)]
        self.results.add("score", data_set, 1, self.measure(who), "µs a row", times=1e6 / n)

    # ---- from the table

    def need_table(self, data_set):
        table = data_set.name
        if self.server.run(f"SELECT to_regclass('{table}')").strip():
            return
        columns = ", ".join(f"f{i + 1} float8 NOT NULL" for i in range(data_set.n_columns))
        self.server.run(f"CREATE TABLE {table} (id int NOT NULL, {columns}, label boolean NOT NULL)")
        copy = self.server.start("-c", f"COPY {table} FROM STDIN (FORMAT binary)", stdin=subprocess.PIPE)
        copying.write(copy.stdin, *data_set.read(self.directory(data_set)))
        copy.stdin.close()
        if copy.wait():
            raise RuntimeError("COPY has failed")
        self.server.run(f"ALTER TABLE {table} ADD PRIMARY KEY (id); VACUUM (ANALYZE, FREEZE) {table}; "
                        f"SELECT pg_prewarm('{table}') \\g /dev/null")

    def train(self, data_set, threads, algorithm="gradient_boosting", params=PARAMS):
        """The statement that trains on the first rows and judges on those that are held back."""
        share = data_set.n_test / (data_set.n_train + data_set.n_test)
        return (f"SET client_min_messages = warning; SET mlops.threads = {threads};"
                f"SELECT * FROM mlops.train('{data_set.name}', '{data_set.name}', target => 'label', key => 'id', time_column => 'id',"
                f" algorithm => '{algorithm}', split => '{{\"validation\": 0, \"test\": {share!r}}}', params => '{params}')")

    def need_model(self, data_set):
        self.need_table(data_set)
        if not self.server.run(f"SELECT 1 FROM mlops.deployments WHERE model = '{data_set.name}'"):
            version = self.server.run(f"{self.train(data_set, 2)} \\gset\n\\echo :version").strip()
            self.server.run(f"SELECT mlops.deploy('{data_set.name}', {version}) \\g /dev/null")

    def from_table(self, part, data_set, threads, statement, peers):
        tell(f"{data_set.name}, {threads} threads: {part}")
        self.need_table(data_set)
        path, judged = f"{self.work}/exported", {}

        def here():
            self.server.run(f"{statement};", env=sides.environment(threads))

        def there(name, option, label):
            self.server.run(f"\\copy {data_set.name} TO '{path}' WITH (FORMAT binary)")
            exported = time.perf_counter()
            said = subprocess.run([sys.executable, "-m", "peers.export", name, option, data_set.name, path, str(threads)],
                                  env=sides.environment(threads, label in self.passive), stdout=subprocess.PIPE, text=True, check=True).stdout
            took, *judged[label] = [float(number) for number in said.split()]
            return time.perf_counter() - exported - took

        who = {self.ours: timed(here)}
        for name, option in peers:
            label = sides.label(learner_of(name), option)
            who[label] = timed(there, name, option, label)
        measured = self.measure(who)
        judged[self.ours] = [float(number) for number in self.server.run(
            f"SELECT roc_auc, pr_auc FROM mlops.versions WHERE model = '{data_set.name}' ORDER BY version DESC LIMIT 1").split()]
        self.results.add(part, data_set, threads, measured, "s")
        self.results.add(part, data_set, threads, measured, "s of starting", 1)
        for label, (auc, ap) in judged.items():
            self.results.add_value(part, data_set, threads, label, "ROC AUC", auc)
            self.results.add_value(part, data_set, threads, label, "average precision", ap)
        os.remove(path)

    def run(self, parts, data_sets):
        in_memory = [part for part in ("fit", "score") if part in parts]
        for data_set in data_sets:
            in_server = not data_set.n_categories and not data_set.sparse and data_set.n_columns == 30
            here = in_memory if in_server else [part for part in in_memory if part == "fit"]
            for threads in (1, 2):
                if "fit" in here or (here and threads == 1):
                    self.in_memory(data_set, threads, here)
            if in_server and "table" in parts:
                self.from_table("table", data_set, 2, self.train(data_set, 2), FASTEST)
            if in_server and "logistic" in parts:
                self.from_table("logistic", data_set, 2, self.train(data_set, 2, "logistic_regression", "{}"),
                                [("logistic", option) for option in learner_of("logistic").options])


def main(path, tools, engine, rounds, *names):
    unknown = [name for name in names if name not in PARTS and name not in data.BY_NAME]
    if unknown:
        sys.exit(f'peers: there is neither a part nor a data set "{unknown[0]}"; parts: {" ".join(PARTS)}; '
                 f'data sets: {" ".join(data.BY_NAME)}')
    parts = [part for part in PARTS if part in names] or PARTS
    data_sets = [d for d in data.ALL if d.name in names] or [d for d in data.ALL if d.name != "tiny"]
    with tempfile.TemporaryDirectory() as work:
        Bench(path, tools, engine, rounds, work).run(parts, data_sets)


main(*sys.argv[1:])
