"""Golden values of test_tune.c: densities by Optuna's Parzen estimator, a
Gaussian process by scikit-learn.

python3 test/golden/tune.py > test/unit/golden_tune.h    (optuna 5.0, scikit-learn 1.9)
"""
import math
import warnings

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator, _ParzenEstimatorParameters
from optuna.samplers._tpe.sampler import default_weights
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

warnings.simplefilter("ignore")
rng = np.random.RandomState(7)
SPACE = {
    "a": FloatDistribution(0, 1),
    "b": FloatDistribution(0.001, 10, log=True),
    "c": IntDistribution(1, 90),
    "d": IntDistribution(4, 400, log=True),
    "e": CategoricalDistribution(["x", "y", "z"]),
}


def points(n):
    return np.stack([
        rng.rand(n).round(4), np.exp(rng.uniform(math.log(0.001), math.log(10), n)).round(6),
        # without repetitions: Optuna's bandwidths of equal points depend on an unstable sort
        rng.choice(np.arange(1, 91), n, False), rng.choice(np.arange(4, 401), n, False), rng.randint(0, 3, n)], axis=1)


def c_array(name, array):
    rows = ",\n".join("\t{" + ", ".join("%.17g" % v for v in np.atleast_1d(row)) + "}" for row in array)
    print(f"static const double {name}[{len(array)}][{np.atleast_2d(array).shape[1] if array.ndim > 1 else 1}] = {{\n{rows}\n}};\n")


def c_vector(name, values):
    print(f"static const double {name}[{len(values)}] = {{\n\t" + ",\n\t".join("%.17g" % v for v in values) + "\n};\n")


print("/* Made by test/golden/tune.py: optuna %s. */\n" % optuna.__version__)
candidates = points(12)
c_array("golden_candidates", candidates)
parameters = _ParzenEstimatorParameters(prior_weight=1.0, consider_magic_clip=True, consider_endpoints=False,
                                        weights=default_weights, multivariate=True)
for n in (0, 1, 12, 40):
    observed = points(n)
    if n:
        c_array(f"golden_points_{n}", observed)
    estimator = _ParzenEstimator({k: observed[:, i] for i, k in enumerate(SPACE)}, SPACE, parameters)
    c_vector(f"golden_density_{n}", estimator.log_pdf({k: candidates[:, i] for i, k in enumerate(SPACE)}))

# the Gaussian process: encoded as gp_encode does
LENGTH = [0.5, 1.2, 0.8, 2.0, 1.5]
SCALE, NOISE = 1.3, 0.05


def encode(x):
    inner = [x[:, 0], (np.log(x[:, 1]) - math.log(0.001)) / (math.log(10) - math.log(0.001)),
             (x[:, 2] - 0.5) / 90, (np.log(x[:, 3]) - math.log(3.5)) / (math.log(400.5) - math.log(3.5))]
    return np.column_stack(inner + [np.where(x[:, 4] == c, math.sqrt(0.5), 0) for c in range(3)])


observed = points(30)
y = np.sin(5 * observed[:, 0]) + np.log(observed[:, 1]) / 3 + observed[:, 4] + 0.1 * rng.randn(30)
c_array("golden_gp_points", observed)
c_vector("golden_gp_y", y)
standard = (y - y.mean()) / y.std()
kernel = (ConstantKernel(SCALE ** 2, "fixed") * Matern([*LENGTH, LENGTH[4], LENGTH[4]], "fixed", nu=2.5)
          + WhiteKernel(NOISE ** 2, "fixed"))
gp = GaussianProcessRegressor(kernel, alpha=1e-9, optimizer=None).fit(encode(observed), standard)
noiseless = ConstantKernel(SCALE ** 2, "fixed") * Matern([*LENGTH, LENGTH[4], LENGTH[4]], "fixed", nu=2.5)
predictor = GaussianProcessRegressor(noiseless, alpha=NOISE ** 2 + 1e-9, optimizer=None).fit(encode(observed), standard)
mean, deviation = predictor.predict(encode(candidates), return_std=True)
c_vector("golden_gp_mean", mean)
c_vector("golden_gp_deviation", deviation)
prior = sum(-(math.log(v / m) / s) ** 2 / 2 for v, m, s in
            [(l, 0.4 * math.sqrt(5), 1.0) for l in LENGTH] + [(SCALE, 1.0, 1.0), (NOISE, 0.01, 1.5)])
c_vector("golden_gp_posterior", [gp.log_marginal_likelihood_value_ + 15 * math.log(2 * math.pi) + prior])
