#!/usr/bin/env python3
"""Which runs MLflow's own search finds, for test/pgtap/search.sql.

    pip install mlflow-skinny
    python3 test/golden/search.py > test/pgtap/golden_search.psql

Runs and filters are drawn at random from a fixed seed; MLflow's SearchUtils says
which runs fit.
"""
import json
import random

from mlflow.entities import (LifecycleStage, Metric, Param, Run, RunData, RunInfo,
                             RunStatus, RunTag)
from mlflow.utils.search_utils import SearchUtils

rng = random.Random(20260101)
METRICS = ["pr_auc", "loss", "a b", "x/y"]
PARAMS = ["max_depth", "eta", "with space"]
TAGS = ["team", "lang", "k.e-y"]
VALUES = ["6", "7", "0.1", "risk", "Rich", "ri_k", "100%", "", "it's", "é"]
PATTERNS = ["ri%", "%k", "%i%", "r__k", "_", "%", "Risk", "%é", "10_%"]
STATUS = [RunStatus.RUNNING, RunStatus.FINISHED, RunStatus.FAILED]


def some(names):
    return [n for n in names if rng.random() < 0.6]


def make_run(i):
    metrics = {n: rng.choice([0.0, 0.5, 0.25, -1.5, 1e-3, 12.0]) for n in some(METRICS)}
    params = {n: rng.choice([v for v in VALUES if v]) for n in some(PARAMS)}
    tags = {n: rng.choice([v for v in VALUES if v]) for n in some(TAGS)}
    status = rng.choice(STATUS)
    info = RunInfo(run_id=str(i), experiment_id="0", user_id="u", status=RunStatus.to_string(status), start_time=i, end_time=None,
                   lifecycle_stage=LifecycleStage.ACTIVE, artifact_uri="", run_name=rng.choice(VALUES[3:]))
    tag_list = [RunTag(k, v) for k, v in tags.items()] + [RunTag("mlflow.runName", info.run_name)]
    data = RunData(metrics=[Metric(k, v, 0, 0) for k, v in metrics.items()],
                   params=[Param(k, v) for k, v in params.items()], tags=tag_list)
    return Run(info, data), {"name": info.run_name, "status": RunStatus.to_string(status).lower(),
                             "metrics": metrics, "params": params, "tags": tags}


def key(entity, name):
    quote = rng.choice(["`", '"']) if not name.isidentifier() or rng.random() < 0.2 else ""
    prefix = rng.choice({"metric": ["metrics", "metric"], "param": ["params", "param", "parameters"],
                         "tag": ["tags", "tag"]}[entity])
    return f"{prefix}.{quote}{name}{quote}"


def text(value):
    return '"' + value + '"' if "'" in value else rng.choice(["'{}'", '"{}"']).format(value)


def comparison():
    kind = rng.randrange(7)
    if kind < 3:
        return f"{key('metric', rng.choice(METRICS))} {rng.choice(['=', '!=', '<', '<=', '>', '>='])} {rng.choice(['0', '0.5', '-1.5', '1e-3', '0.25', '12'])}"
    if kind == 3:
        return f"{rng.choice(['attributes.', 'attribute.', 'run.', ''])}status {rng.choice(['=', '!='])} '{rng.choice(['RUNNING', 'FINISHED', 'FAILED'])}'"
    entity, names = rng.choice([("param", PARAMS), ("tag", TAGS)])
    name = key(entity, rng.choice(names))
    if kind == 4:
        return f"{name} {rng.choice(['LIKE', 'ILIKE', 'like'])} {text(rng.choice(PATTERNS))}"
    if kind == 5:
        return f"attributes.run_name {rng.choice(['=', '!=', 'LIKE', 'ILIKE'])} {text(rng.choice(VALUES[3:7] + PATTERNS))}"
    return f"{name} {rng.choice(['=', '!='])} {text(rng.choice([v for v in VALUES if v]))}"


def literal(value):
    return "'" + value.replace("'", "''") + "'"


runs = [make_run(i) for i in range(60)]
print("-- Made by test/golden/search.py.")
print("CREATE TEMP TABLE golden_run (n int, spec jsonb);")
print("INSERT INTO golden_run VALUES")
print(",\n".join(f"({i}, {literal(json.dumps(spec, ensure_ascii=False))})" for i, (_, spec) in enumerate(runs)) + ";")
print("CREATE TEMP TABLE golden_search (filter text, found int[]);")
print("INSERT INTO golden_search VALUES")
rows = []
while len(rows) < 300:
    filter_string = f" {rng.choice(['AND', 'and'])} ".join(comparison() for _ in range(rng.choice([1, 1, 2, 2, 3])))
    found = [int(r.info.run_id) for r in SearchUtils.filter([r for r, _ in runs], filter_string)]
    if found or rng.random() < 0.2:
        rows.append(f"({literal(filter_string)}, '{{{','.join(map(str, found))}}}')")
print(",\n".join(rows) + ";")
