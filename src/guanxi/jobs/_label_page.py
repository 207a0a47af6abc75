"""The page of a training on labels."""

from __future__ import annotations

import pandas as pd

from guanxi import __version__
from guanxi.jobs._page_record import PageRecord, effects_of, effects_table
from guanxi.jobs.train_labels import LabelTraining
from guanxi.models.drivers import explain_labels
from guanxi.params import Params
from guanxi.pipeline.folds import FOLDS
from guanxi.report.labels import LabelReport, render_labels
from guanxi.served.input_checks import LANGUAGES
from guanxi.served.texts import Language, number, texts


def label_record(training: LabelTraining, scores: pd.DataFrame) -> PageRecord:
    """Keep what the page shows of a training, with the scores of the models that had not seen a customer."""
    fitted = training.fitted
    spoken = [name for name in map(str, scores) if name.startswith("driver_") and name.endswith("_text")]
    return PageRecord(
        task="labels",
        params=training.params,
        source=training.source,
        digest="",  # all that the page shows is in the tables
        version=training.version,
        run_id=training.run_id,
        facts={
            "label": training.label,
            "warnings": list(fitted.model.warnings),
            "data_facts": {language: _facts(training, language) for language in LANGUAGES},
        },
        tables={
            "customers": scores.drop(columns=spoken),
            **{f"drivers_{each}": fitted.score_held_out(each)[spoken] for each in LANGUAGES},
            "attributes": fitted.features,
            "metrics": training.metrics,
            "effects": effects_table(explain_labels(fitted.scorer, fitted.features, training.params.seed)),
        },
    )


def label_page(record: PageRecord, params: Params) -> str:
    """Render the page of a record."""
    facts, tables, language = record.facts, record.tables, params.language
    return render_labels(
        LabelReport(
            source=record.source,
            model_version=record.version,
            language=language,
            generated_by=f"guanxi {__version__}",
            label=facts["label"],
            folds=FOLDS,
            customers=tables["customers"].join(tables[f"drivers_{language}"]),
            attributes=tables["attributes"],
            metrics=tables["metrics"],
            explanation=effects_of(tables["effects"]),
            warnings=facts["warnings"],
            facts=facts["data_facts"][language],
        )
    )


def _facts(training: LabelTraining, language: Language) -> list[tuple[str, str]]:
    t, fitted = texts("guanxi.report.labels", language)["page"], training.fitted
    excluded = training.params.data.exclude
    return [
        (t["rows"], number(len(fitted.features))),
        (t["label"], training.label),
        (t["identifier"], fitted.model.id),
        (t["attributes"], ", ".join(map(str, fitted.features.columns))),
        *([(t["left_out"], ", ".join(excluded))] if excluded else []),
    ]
