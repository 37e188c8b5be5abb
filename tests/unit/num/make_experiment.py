#!/usr/bin/env python3
"""Records the values that the tests of num/experiment, num/sketch and num/sequential (confidence sequences) compare with:
tests/unit/num/data/experiment.json.

Run with scipy 1.14.1, numpy 1.26.4, statsmodels 0.15.0, gbstats 0.8.0:  python tests/unit/num/make_experiment.py
Samples come from the formula `series` (see make_oracle.py), which both sides compute exactly.
"""
import json
import math
import os

import numpy as np
from gbstats.frequentist.tests import SequentialConfig, SequentialTwoSidedTTest, FrequentistConfig, TwoSidedTTest
from gbstats.models.statistics import RatioStatistic, RegressionAdjustedStatistic, SampleMeanStatistic, compute_theta
from scipy import special, stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import NormalIndPower

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "experiment.json")


def series(seed, n, modulus, scale, shift):
    i = np.arange(n, dtype=np.int64)
    u = (i * i * 31 + i * 7919 + seed * 104729) % 65537
    u = (u * u + 12345 * seed) % 65537
    return (u % modulus).astype(float) * scale + shift


def mean_statistic(x):
    return SampleMeanStatistic(n=len(x), sum=float(x.sum()), sum_squares=float((x * x).sum()))


# Outcome y leans on covariate x: y = x / 2 + noise, per arm: seed of x, seed of the noise, n, shift of y.
CUPED = [((1, 2, 400, 0.0), (3, 4, 500, 0.05)), ((5, 6, 2000, 0.0), (7, 8, 1500, -0.02)), ((9, 10, 60, 1.0), (11, 12, 90, 1.3))]


def covariate_arm(seed_x, seed_y, n, shift):
    x = series(seed_x, n, 997, 1 / 997, 0)
    return x / 2 + series(seed_y, n, 1009, 0.3 / 1009, shift), x


def cuped():
    rows = []
    for arms in CUPED:
        stats_ = []
        for arm in arms:
            y, x = covariate_arm(*arm)
            stats_.append(RegressionAdjustedStatistic(n=len(y), post_statistic=mean_statistic(y), pre_statistic=mean_statistic(x),
                                                      post_pre_sum_of_products=float((y * x).sum()), theta=0.0))
        # theta of both arms together, within: as Deng et al. define it
        (ya, xa), (yb, xb) = covariate_arm(*arms[0]), covariate_arm(*arms[1])
        cov = ((ya - ya.mean()) * (xa - xa.mean())).sum() + ((yb - yb.mean()) * (xb - xb.mean())).sum()
        theta = cov / (((xa - xa.mean()) ** 2).sum() + ((xb - xb.mean()) ** 2).sum())
        for s in stats_:
            s.theta = float(theta)
        # gbstats takes theta over both arms as one sample, so that a shift between them leaks into it: near, not equal.
        # The digits come from scipy on the adjusted values.
        test = TwoSidedTTest(stats_[0], stats_[1], FrequentistConfig(alpha=0.05, difference_type="absolute"))
        ref = stats.ttest_ind(yb - theta * (xb - xa.mean()), ya - theta * (xa - xa.mean()), equal_var=False)
        ci = ref.confidence_interval(0.95)
        diff = (yb - theta * xb).mean() - (ya - theta * xa).mean()
        assert abs(test.critical_value / abs(ref.statistic)) > 0.9
        rows.append([list(arms[0]), list(arms[1]), float(theta), float(diff), float(ci.low), float(ci.high), float(ref.pvalue)])
    return rows


def ratio():
    rows = []
    for arms in CUPED:
        stats_ = []
        for arm in arms:
            y, x = covariate_arm(*arm)
            x = x + 1  # views
            stats_.append(RatioStatistic(n=len(y), m_statistic=mean_statistic(y), d_statistic=mean_statistic(x),
                                         m_d_sum_of_products=float((y * x).sum())))
        test = TwoSidedTTest(stats_[0], stats_[1], FrequentistConfig(alpha=0.05, difference_type="absolute"))
        se = math.sqrt(test.variance)
        z = stats.norm.isf(0.025)
        d = test.point_estimate
        rows.append([list(arms[0]), list(arms[1]), d, se, d - z * se, d + z * se, 2 * stats.norm.sf(abs(d / se))])
    return rows


def sequence():
    rows = []
    for na, nb, n_star, alpha in ((400, 500, 5000, 0.05), (5000, 4000, 5000, 0.05), (300, 300, 1000, 0.01), (20000, 60000, 5000, 0.1)):
        a, b = mean_statistic(series(1, na, 1000, 0.001, 0)), mean_statistic(series(2, nb, 1000, 0.001, 0.01))
        test = SequentialTwoSidedTTest(a, b, SequentialConfig(alpha=alpha, sequential_tuning_parameter=n_star, difference_type="absolute"))
        lo, hi = test.confidence_interval
        rows.append([na, nb, n_star, alpha, lo, hi, float(test.p_value)])
    return rows


def planning():
    rows, solver = [], NormalIndPower()
    for sd_a, sd_b, delta, alpha, power, rat, one in ((1, 1, 0.1, 0.05, 0.8, 1, 0), (0.4, 0.4, 0.02, 0.01, 0.9, 1, 0), (2, 2, 0.5, 0.05, 0.8, 3, 0),
                                                      (1, 1, 0.05, 0.05, 0.95, 0.5, 1), (0.55, 0.55, 0.05, 0.025, 0.8, 1, 1)):
        # statsmodels knows one deviation; it leaves out the far tail when one-sided only
        n = solver.solve_power(delta / sd_a, None, alpha, power, ratio=rat, alternative="larger" if one else "two-sided")
        at = solver.power(delta / sd_a, 500, alpha, ratio=rat, alternative="larger" if one else "two-sided")
        rows.append([sd_a, sd_b, delta, alpha, power, rat, one, float(n), float(at)])
    return rows


def main():
    out = {"cuped": cuped(), "ratio": ratio(), "sequence": sequence(), "planning": planning(), "mcnemar": [], "adjust": [], "srm": [], "sketch": []}
    for b, c in ((0, 0), (1, 0), (5, 5), (3, 17), (40, 60), (1000, 1100), (0, 30)):
        if b + c == 0:
            out["mcnemar"].append([b, c, 1.0, 0.0, 1.0])
            continue
        exact, approx = mcnemar([[0, b], [c, 0]], exact=True), mcnemar([[0, b], [c, 0]], exact=False, correction=True)
        out["mcnemar"].append([b, c, float(exact.pvalue), float(approx.statistic), float(approx.pvalue)])
    for p in ([0.01, 0.04, 0.03, 0.005], [0.5, 0.5, 0.5], [1e-10, 0.9, 0.2, 0.02, 0.021, 0.049], [0.3]):
        out["adjust"].append([p, list(map(float, multipletests(p, method="holm")[1])), list(map(float, multipletests(p, method="fdr_bh")[1]))])
    for counts, shares, conc in (([50, 60], [0.5, 0.5], 10000), ([10500, 9500], [0.5, 0.5], 10000), ([10, 20, 30], [1, 2, 3], 50), ([0, 9], [0.1, 0.9], 100)):
        s = np.array(shares) / sum(shares)
        a, n = conc * s, np.array(counts)
        log_e = (special.gammaln(a + n) - special.gammaln(a) - n * np.log(s)).sum() + special.gammaln(conc) - special.gammaln(conc + n.sum())
        out["srm"].append([counts, shares, conc, float(log_e)])
    for spec in ((1, 5000, 997, 1 / 997, 0), (2, 3000, 1009, 1000 / 1009, 5), (3, 20000, 65537, 2 / 65537, -1)):
        x = series(*spec)
        y = series(spec[0] + 20, spec[1], spec[2], spec[3], spec[4] + 30 * spec[3])
        qs = [0.01, 0.1, 0.5, 0.9, 0.95, 0.99]
        out["sketch"].append([list(spec), qs, [float(v) for v in np.quantile(x, qs, method="inverted_cdf")],
                              [spec[0] + 20, spec[1], spec[2], spec[3], spec[4] + 30 * spec[3]], float(stats.ks_2samp(x, y).statistic)])
    with open(OUT, "w") as f:
        json.dump(out, f, indent=0)
        f.write("\n")


main()
