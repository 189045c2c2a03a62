"""The registered model as MLflow loads it: `mlflow.pyfunc.load_model("models:/titanic@champion").predict(frame)`.

MLflow runs this file itself ("models from code"), so nothing of the model is ever pickled.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import polars as pl
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from tasks.scoring.scorer import Scorer


class KeepfitModel(PythonModel):
    """Answers a frame of the raw input columns with a frame of predictions and probabilities."""

    def load_context(self, context: PythonModelContext) -> None:
        self.scorer = Scorer.open(Path(context.artifacts["model"]))

    def predict(  # pyright: ignore[reportIncompatibleMethodOverride]  # the base class is annotated to return None
        self, context: PythonModelContext, model_input: pd.DataFrame, params: object = None
    ) -> pd.DataFrame:
        return self.scorer.predict(pl.from_pandas(model_input)).to_pandas()


set_model(KeepfitModel())
