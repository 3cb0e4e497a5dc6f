"""What the report reads of a study's result files: one class a document, or a part of one.

In: JSON written by the steps; scores, SHAP values and calibration in the units of the files (the
target's unit, or its natural logarithm where the members learned that). Out: frozen models. What
is not always there has a default that says so: None, or empty.
"""

from pydantic import BaseModel, ConfigDict


class Document(BaseModel):
    """Part of a file that another step owns: keys that the report does not show are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Scores(Document):
    """None where the rows do not define a score."""

    r2: float | None
    rmse: float | None
    mae: float | None
    bias: float | None
    concordance: float | None
    slope_observed_on_predicted: float | None


class ScoreIntervals(Document):
    """Bootstrap intervals of scores: lower and upper end; None where they could not be had."""

    level: float
    r2: tuple[float, float] | None
    rmse: tuple[float, float] | None


class Fifth(Document):
    """`interval`: of the bias; of fifths of the prediction alone, None where it cannot be had."""

    n: int
    lower: float | None
    upper: float | None
    bias: float | None
    interval: tuple[float, float] | None = None


class Baseline(Document):
    name: str
    scores: Scores


class Correction(Document):
    """What another correction of the fused prediction would have scored on the same sites.

    `standard_deviation_ratio`: of the predictions to the observations.
    """

    scores: Scores
    standard_deviation_ratio: float | None


class MethodScores(Document):
    """Scores of the sites that were measured in one way."""

    n: int
    scores: Scores | None
    intervals: ScoreIntervals | None


class Design(Document):
    """Held-out sites of one design of folds, pooled; scores None where none got a prediction.

    `borrowed_from` names the design whose predictions these are, weighted otherwise; None where
    they are its own. `selected`: the covariates that each fold kept.
    """

    n: int
    folds: int
    no_prediction: int
    borrowed_from: str | None
    scores: Scores | None
    intervals: ScoreIntervals | None
    baseline: Baseline | None
    transformed_scores: Scores | None
    bias_by_fifth_of_prediction: tuple[Fifth, ...]
    bias_by_fifth_of_observation: tuple[Fifth, ...]
    clipped_share: float | None = None
    corrections: dict[str, Correction] = {}
    by_method: dict[str, MethodScores] = {}
    selected: tuple[tuple[str, ...], ...] = ()


class LevelCoverage(Document):
    """Held-out observations inside the intervals of a level; None where there were too few."""

    level: float
    picp: float | None
    standard_error: float | None
    mean_width: float | None


class Coverage(Document):
    """`pit_histogram`: shares of the sites by where in its distribution the observation lies."""

    n: int
    levels: tuple[LevelCoverage, ...]
    pit_histogram: tuple[float, ...] | None = None


class IntervalReport(Document):
    """How the intervals held; those of the map were made from errors of `promised_under`."""

    promised_under: str
    level: float
    designs: dict[str, Coverage]
    test: Coverage | None

    @property
    def parts(self) -> dict[str, Coverage]:
        """All designs and, last, the test set."""
        return self.designs | ({} if self.test is None else {"test": self.test})


class Applicability(Document):
    """Threshold of the dissimilarity index, and the design that it was found under."""

    design: str
    threshold: float


class NearestNeighbours(Document):
    """Distances to the nearest neighbour; `wasserstein` from those of the map's pixels."""

    n: int
    mean: float
    quantiles: tuple[float, ...]
    wasserstein: float | None = None


class Distances(Document):
    """How far sites lie from each other, pixels from sites, and held-out sites from the others."""

    space: str
    unit: str
    quantile_levels: tuple[float, ...]
    sample_to_sample: NearestNeighbours
    domain_to_sample: NearestNeighbours | None
    clustered: bool | None
    p_clustered: float | None
    designs: dict[str, NearestNeighbours]


class Validation(Document):
    intervals: IntervalReport
    applicability: Applicability
    no_skill: str | None
    notes: tuple[str, ...]
    designs: dict[str, Design]
    test: Design | None
    distances: Distances | None = None

    @property
    def parts(self) -> dict[str, Design]:
        """All designs and, last, the test set."""
        return self.designs | ({} if self.test is None else {"test": self.test})


class Fusion(Document):
    """How predictions of the members become the value that is delivered.

    `curve` (pairs of weighted mean and corrected value) and `residual` (a forest of the residuals
    is added) take the place of `intercept` and `slope`, which are then 0 and 1.
    """

    members: tuple[str, ...]
    weights: tuple[float, ...]
    intercept: float
    slope: float
    fused_minimum: float
    fused_maximum: float
    transform: str
    smearing: float
    minimum: float | None
    maximum: float | None
    curve: tuple[tuple[float, float], ...] | None = None
    residual: bool = False


class FusionSettings(Document):
    """What the study asked for; a manifest that does not tell was made with the defaults."""

    correction: str = "linear"
    variance_dial: float = 0.0


class LearningSettings(Document):
    fusion: FusionSettings = FusionSettings()


class Target(Document):
    name: str
    unit: str


class BoundingCovariate(Document):
    name: str
    unit: str


class Bounding(Document):
    """The covariate that bounds the target from above, and what the target may hold beyond it."""

    covariate: BoundingCovariate
    margin: float


class Rows(Document):
    rows_used: int | None = None
    rows_left_out: int | None = None


class Manifest(Document):
    target: Target
    fusion: Fusion
    seed: int
    versions: dict[str, str]
    samples_fingerprint: str
    settings: LearningSettings = LearningSettings()
    extra: Rows = Rows()
    maximum: Bounding | None = None


class Step(Document):
    n: int
    rmse: float
    standard_error: float
    features: tuple[str, ...]


class Dropped(Document):
    name: str
    reason: str


class Stability(Document):
    """How alike the sets are that the outer folds kept; None where it is undefined."""

    estimate: float | None
    lower: float | None
    upper: float | None
    level: float
    sets: int


class Without(Document):
    """The score of the whole pipeline without one group of covariates.

    `rmse_change`: without − with, positive where the group helps. Numbers are None where the other
    covariates cannot be learned from; `reason` then says why.
    """

    features: tuple[str, ...]
    n: int | None
    rmse: float | None
    r2: float | None
    rmse_change: float | None
    standard_error: float | None
    reason: str | None = None


class Ablation(Document):
    design: str
    n: int
    rmse: float
    r2: float
    without: dict[str, Without]


class Selection(Document):
    candidates: tuple[str, ...]
    dropped: tuple[Dropped, ...]
    path: tuple[Step, ...]
    chosen: tuple[str, ...]
    frequency: dict[str, dict[str, float]]
    note: str | None = None
    stability: dict[str, Stability] = {}
    ablation: Ablation | None = None


class SiteSummary(Document):
    rows: int
    excluded: int
    reasons: dict[str, int]
    sites: int
    merged_rows: int
    groups: int
    splits: dict[str, int]


class SiteReport(Document):
    summary: SiteSummary
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


class Finding(Document):
    severity: str
    text: str


class CheckedCovariate(Document):
    covariate: str
    resampling: str
    covered: float
    minimum: float | None
    maximum: float | None
    findings: tuple[Finding, ...]


class CovariateSource(Document):
    """`role`: "auxiliary" where it bounds the target and is never learned from."""

    name: str
    unit: str
    group: str
    source: str
    role: str = "feature"


class DatasetLicence(Document):
    """`condition`: what it asks beyond a citation; empty where nothing."""

    dataset: str
    title: str
    licence: str
    condition: str
    covariates: tuple[str, ...]


class CovariateReport(Document):
    covariates: tuple[CheckedCovariate, ...]
    sources: tuple[CovariateSource, ...]
    licences: tuple[DatasetLicence, ...] = ()
    missing_at_sites: dict[str, int] = {}
    warnings: tuple[str, ...] = ()


class MapCounts(Document):
    """Pixels: of the region, with a value, at a physical bound, without a value.

    `outside_area` counts those with a value that lie outside the area of applicability,
    `without_maximum` those at which the covariate that bounds the target is missing.
    """

    region: int
    predicted: int
    clipped: int
    missing: int
    unseen_levels: int
    outside_area: int
    without_maximum: int = 0


class Comparison(Document):
    reference: str
    pixels: int
    scores: Scores
