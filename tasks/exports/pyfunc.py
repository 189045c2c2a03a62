"""The registered model as MLflow loads it: `mlflow.pyfunc.load_model("models:/titanic@champion").predict(frame)`.

MLflow runs this file itself ("models from code"), so nothing of the model is ever pickled.
"""

from __future__ import annotations

from pathlib import Path

import mlflow
import pandas as pd
import polars as pl

from tasks.core.scorer import Scorer


class KeepfitModel(mlflow.pyfunc.PythonModel):
    """Answers a frame of the raw input columns with a frame of predictions and probabilities."""

    def load_context(self, context: mlflow.pyfunc.PythonModelContext) -> None:
        self.scorer = Scorer.open(Path(context.artifacts["model"]))

    def predict(self, context: object, model_input: pd.DataFrame, params: object = None) -> pd.DataFrame:
        return self.scorer.predict(pl.from_pandas(model_input)).to_pandas()


mlflow.models.set_model(KeepfitModel())
