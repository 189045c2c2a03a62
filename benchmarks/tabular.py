"""How good are keepfit's models? The loss on unseen rows, against plain learners on the same rows.

    python benchmarks/tabular.py --data FOLDER [--seconds 30] [--seeds 3] [--only titanic ...]

FOLDER holds a folder for each data set, `<name>/<name>.csv`. For every data set and seed keepfit collects, checks,
splits, tunes and trains within the budget; LightGBM and HistGradientBoosting with their defaults and a linear model
(scaled, one-hot) are fitted on the same training and validation rows. Printed is keepfit's loss on the test rows over
the best of the three, mean over seeds with a 95 % interval over seeds: below 1 keepfit is better. Each seed is
another split. Needs the extra `bench`.
"""

from __future__ import annotations

import argparse
import inspect
import json
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tasks.check import check, check_splits
from tasks.collect import collect
from tasks.core import metrics, store
from tasks.core.records import CheckedSplits
from tasks.learning import development
from tasks.models.family import answer
from tasks.prepare import prepare
from tasks.project import Project, load_project
from tasks.scoring.scorer import Scorer
from tasks.select_model import select_model
from tasks.train import train
from tasks.tune import tune

TARGETS = {
    "titanic": "Survived",
    "california_housing": "median_house_value",
    "bench_abalone": "rings",
    "bench_credit_g": "risk",
    "bench_telco_churn": "churn",
    "bench_wine_quality": "quality",
}
DROPPED = {"titanic": ["PassengerId", "Name", "Ticket", "Cabin"]}
REGRESSIONS = ("california_housing", "bench_abalone", "bench_wine_quality")
T_95 = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78}
"""Student's t for a 95 % interval over so many seeds."""


def main() -> None:
    """Print a line for each data set and seed, and one for each data set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=list(TARGETS), default=list(TARGETS))
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    means = {}
    for name in options.only:
        ratios = [compared(options.data, name, seed, options.seconds) for seed in range(options.seeds)]
        means[name] = float(np.mean(ratios))
        width = T_95.get(len(ratios), 2.0) * np.std(ratios, ddof=1) / len(ratios) ** 0.5 if len(ratios) > 1 else np.nan
        print(f"{name:20} ratio {means[name]:.3f} ± {width:.3f}", flush=True)
    mean = np.exp(np.mean(np.log(list(means.values()))))
    print(f"{'geometric mean':20} ratio {mean:.3f}, worst {max(means.values()):.3f}")


def compared(data: Path, name: str, seed: int, seconds: float) -> float:
    """keepfit's loss on the test rows over the best of the references'."""
    with tempfile.TemporaryDirectory() as folder:
        project = project_in(Path(folder), data, name, seed)
        with store.opened(Path(folder) / "home"):
            splits = prepared(project)
            started = time.perf_counter()
            candidates = now(select_model)(splits, project.selection)
            tuned = now(tune)(candidates, splits, project.with_budget(seconds, None).tuning)
            model = now(train)(tuned.members, splits, project.training, tuned.metric, name)
            took = time.perf_counter() - started
            x, y, _ = development.rows_of(splits.splits, splits.splits.test)
            ours = metrics.loss(tuned.metric, y, Scorer.open(store.path(model.artifact), model.digest).ask(x))
            others = references(splits, tuned.metric)
    ratio = ours / min(others.values())
    figures = "  ".join(f"{reference} {loss:.5g}" for reference, loss in others.items())
    print(
        f"  {name} seed {seed}: {ratio:.3f}  keepfit {ours:.5g} ({took:.0f} s, {tuned.n_trials} trials, "
        f"{model.artifact.size / 1e6:.1f} MB)  {figures}",
        flush=True,
    )
    return ratio


def now(step: Any) -> Any:
    """The step's own function, without Prefect and the memory around it."""
    return inspect.unwrap(step.fn)


def project_in(folder: Path, data: Path, name: str, seed: int) -> Project:
    said: dict[str, Any] = {
        "name": name.replace("_", "-"),
        "source": {"kind": "csv", "path": str((data / name / f"{name}.csv").absolute())},
        "target": TARGETS[name],
        "drop": DROPPED.get(name, []),
        "problem": "regression" if name in REGRESSIONS else "classification",
        "seed": seed,
    }
    (folder / "project.yaml").write_text(json.dumps(said))  # JSON is YAML
    return load_project(folder)


def prepared(project: Project) -> CheckedSplits:
    raw = now(check)(now(collect)(project.source), project.expectations.raw)
    return now(check_splits)(now(prepare)(raw, project.preparation), project.expectations.prepared)


def references(splits: CheckedSplits, metric: str) -> dict[str, float]:
    """The losses on the test rows of LightGBM, HistGradientBoosting and a linear model, with their defaults."""
    import lightgbm
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    data = development.load(splits.splits, most_rows=None)
    categories = [i for i, feature in enumerate(data.features) if feature.kind == "category"]
    small: Any = [i for i in categories if len(data.features[i].levels) < 255] or None
    numbers = [i for i in range(len(data.features)) if i not in categories]
    blocks: Any = [
        ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
        ("categories", OneHotEncoder(handle_unknown="ignore"), categories),
    ]
    scaled = ColumnTransformer(blocks)
    models: dict[str, Any]
    if data.problem == "regression":
        models = {
            "lightgbm": lightgbm.LGBMRegressor(verbose=-1, random_state=0),
            "hist": HistGradientBoostingRegressor(categorical_features=small, random_state=0),
            "linear": make_pipeline(scaled, Ridge()),
        }
    else:
        models = {
            "lightgbm": lightgbm.LGBMClassifier(verbose=-1, random_state=0),
            "hist": HistGradientBoostingClassifier(categorical_features=small, random_state=0),
            "linear": make_pipeline(scaled, LogisticRegression(max_iter=1000)),
        }
    x, y, _ = development.rows_of(splits.splits, splits.splits.test)
    losses = {}
    for name, model in models.items():
        model.fit(data.x, data.y, **({"categorical_feature": categories} if name == "lightgbm" and categories else {}))
        losses[name] = metrics.loss(metric, y, answer(model, x))
    return losses


if __name__ == "__main__":
    main()
