"""Golden values of test_explain.c: random trees, explained by shap's TreeExplainer.

python3 test/golden/explain.py > test/unit/golden_explain.h    (shap 0.51, numpy 2.4)

The trees are written here in the engine's terms (bin b: "value <= edges[b - 1]
goes left", a direction for missing values, covers) and handed to shap as its
dictionaries of arrays, so that both sides have the same model.
"""
import numpy as np
import shap

FEATURES, TREES, ROWS, BASE = 8, 6, 12, -1.25
EDGES = np.round(np.linspace(-2, 2, 9), 3)
rng = np.random.RandomState(3)


def grow(depth):
    """A tree as parallel lists; children come after their parents, right after left."""
    tree = {k: [] for k in ("feature", "left", "bin", "missing_left", "value", "cover")}

    def add(cover):
        for key, value in (("feature", -1), ("left", 0), ("bin", 0), ("missing_left", 0),
                           ("value", round(rng.randn() / 2, 4)), ("cover", cover)):
            tree[key].append(value)
        return len(tree["feature"]) - 1

    level = [add(1000.0)]
    for d in range(depth):
        below = []
        for node in level:
            if d > 0 and rng.rand() < 0.15:
                continue
            cover = tree["cover"][node]
            share = cover * rng.uniform(0.02, 0.98)
            tree["feature"][node] = rng.randint(FEATURES)
            tree["bin"][node] = rng.randint(1, len(EDGES) + 1)
            tree["missing_left"][node] = rng.randint(2)
            tree["left"][node] = add(share)
            add(cover - share)
            below += [tree["left"][node], tree["left"][node] + 1]
        level = below
    return tree


def for_shap(tree):
    """shap goes left if value <= threshold."""
    feature = np.array(tree["feature"])
    inner = feature >= 0
    left = np.where(inner, tree["left"], -1)
    right = np.where(inner, left + 1, -1)
    return {
        "children_left": left, "children_right": right,
        "children_default": np.where(np.array(tree["missing_left"]) == 1, left, right),
        "features": np.where(inner, feature, -2),
        "thresholds": np.where(inner, EDGES[np.maximum(np.array(tree["bin"]) - 1, 0)], -2.0),
        "values": np.where(inner, 0.0, tree["value"]).reshape(-1, 1),
        "node_sample_weight": np.array(tree["cover"]),
    }


def c_rows(name, array):
    body = ",\n".join("\t{" + ", ".join("NAN" if np.isnan(v) else "%.17g" % v for v in row) + "}" for row in array)
    print("static const double %s[][%d] = {\n%s\n};\n" % (name, array.shape[1], body))


trees = [grow(2 + t) for t in range(TREES)]
rows = np.round(rng.uniform(-2.5, 2.5, (ROWS, FEATURES)), 3)
rows[rng.rand(ROWS, FEATURES) < 0.2] = np.nan
rows[0, :3] = EDGES[2:5]        # exactly on an edge
explainer = shap.TreeExplainer({"trees": [for_shap(t) for t in trees]}, feature_perturbation="tree_path_dependent")
values = np.asarray(explainer.shap_values(rows, check_additivity=False)).reshape(ROWS, FEATURES)
expected = float(np.ravel(explainer.expected_value)[0]) + BASE

print("/* Made by test/golden/explain.py: shap %s. */\n" % shap.__version__)
print("#define GOLDEN_FEATURES %d\n#define GOLDEN_EDGES %d\n#define GOLDEN_TREES %d\n#define GOLDEN_ROWS %d"
      % (FEATURES, len(EDGES), TREES, ROWS))
print("#define GOLDEN_BASE %r\n#define GOLDEN_EXPECTED %.17g\n" % (BASE, expected))
print("static const double golden_edges[] = {%s};\n" % ", ".join("%r" % float(e) for e in EDGES))
print("typedef struct GoldenNode\n{\n\tint\t\t\tfeature;\n\tunsigned\tleft;\n\tint\t\t\tbin;\n\tint\t\t\tmissing_left;\n"
      "\tdouble\t\tvalue;\n\tdouble\t\tcover;\n} GoldenNode;\n")
print("static const GoldenNode golden_nodes[] = {")
first = [0]
for tree in trees:
    for row in zip(*(tree[k] for k in ("feature", "left", "bin", "missing_left", "value", "cover"))):
        print("\t{%d, %d, %d, %d, %.17g, %.17g}," % row)
    first.append(first[-1] + len(tree["feature"]))
print("};\n\nstatic const uint32_t golden_first[] = {%s};\n" % ", ".join(map(str, first)))
c_rows("golden_rows", rows)
c_rows("golden_contributions", values)
