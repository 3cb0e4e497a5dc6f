"""What a study may set about target, selection, members, fusion and validation.

Every key is described here once; `export` composes these models into the settings of a
whole study and writes the descriptions into its template.
"""

from math import isclose
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from local_ml.units import one_in, require_known_unit

_WATER_CONTENT = "m3 m-3"
FEWEST_ROWS = 10
"""Sites that a model is learned from at the least, inside every outer fold too."""


class Settings(BaseModel):
    """Base of all settings: unknown keys are errors, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TargetSettings(Settings):
    name: str = Field(
        "vwc",
        pattern=r"^[A-Za-z][A-Za-z0-9_]*$",
        description="name of the soil property; also the column of the samples and the file of the map",
    )
    unit: str = Field("m3 m-3", description="its unit, in the notation of UDUNITS")
    minimum: float | None = Field(
        0.0,
        description="lowest value physically possible; the map is clipped to it and the clipped share reported",
    )
    maximum: float | None = Field(0.85, description="highest value physically possible")
    maximum_covariate: str | None = Field(
        None,
        description="covariate that bounds the target from above at each place, such as 'porosity'; where it is missing, maximum holds alone. It is read for the map also where the model does not keep it, and may be one that is never learned from: the porosity of Earth Engine's soil maps, or a raster with role = 'auxiliary'",
    )
    maximum_margin: float = Field(
        0.05,
        ge=0,
        description="what the target may hold beyond that covariate, in the target's unit: neither is known exactly",
    )
    transform: Literal["none", "log"] = Field(
        "none",
        description="scale on which the members learn: 'none', or 'log' for a skewed positive property",
    )

    @field_validator("unit")
    @classmethod
    def _unit_is_known(cls, unit: str) -> str:
        return require_known_unit(unit)

    @model_validator(mode="after")
    def _bounds_are_ordered(self) -> Self:
        if self.minimum is not None and self.maximum is not None and self.minimum >= self.maximum:
            raise ValueError(f"minimum ({self.minimum}) must lie below maximum ({self.maximum})")
        return self

    @model_validator(mode="after")
    def _bounds_are_in_the_unit(self) -> Self:
        """Refuse the bounds of a water content, which are defaults, for any other unit."""
        if self.unit == _WATER_CONTENT or not self._bounds_by_default:
            return self
        scale = one_in(_WATER_CONTENT, self.unit)
        if scale is not None and isclose(scale, 1):
            return self
        name, default = self._bounds_by_default[0]
        percent = scale is not None and isclose(scale, 100)
        as_water = f" (for a volumetric water content {100 * default:g})" if percent else ""
        raise ValueError(
            f"unit is '{self.unit}', but {name} is not set and its default, {default:g}, is that "
            f"of a water content in {_WATER_CONTENT}: set {name} in '{self.unit}'{as_water}"
        )

    @property
    def _bounds_by_default(self) -> list[tuple[str, float]]:
        """Names and values of the bounds that nobody has set, and that need a unit."""
        defaults = [("maximum", self.maximum)]
        if self.maximum_covariate is not None:
            defaults.append(("maximum_margin", self.maximum_margin))
        return [(n, v) for n, v in defaults if v is not None and n not in self.model_fields_set]


class SelectionSettings(Settings):
    enabled: bool = Field(True, description="false keeps all candidates")
    folds: int = Field(
        5,
        ge=2,
        le=20,
        description="inner folds of each design in which features are ranked and counted out",
    )
    designs: tuple[Literal["random", "grouped", "block", "knndm"], ...] = Field(
        ("random", "grouped"),
        min_length=1,
        description="how the inner folds are drawn; the errors of all are averaged. 'knndm' needs domain.csv",
    )
    drop_share: float = Field(
        0.15,
        gt=0,
        lt=1,
        description="share of the features left that each step drops (at least one)",
    )
    correlation: float = Field(
        0.9,
        gt=0,
        le=1,
        description="candidates with |Spearman's rho| above this form a cluster, of which one stands for all",
    )
    maximum_missing: float = Field(
        0.2,
        ge=0,
        lt=1,
        description="candidates missing in a larger share of the sites are left out",
    )
    probes: int = Field(
        3, ge=0, le=20, description="columns of noise; no feature ranked below their median is kept"
    )
    minimum_features: int = Field(2, ge=1, description="elimination stops here")
    rule: Literal["least_error", "one_standard_error", "probes"] = Field(
        "least_error",
        description="which set is kept: the one of least held-out error, the smallest within one standard error of that (fewer covariates, a map that errs a little more), or all that rank above the probes (no further elimination)",
    )
    members: tuple[Literal["random_forest", "extra_trees", "xgboost", "catboost"], ...] = Field(
        ("random_forest", "extra_trees", "xgboost", "catboost"),
        min_length=1,
        description="the members whose SHAP values rank the features",
    )
    trees: int = Field(
        100,
        ge=10,
        description="trees of a member while features are eliminated (the final members have their own number)",
    )


class ForestSettings(Settings):
    trees: int = Field(500, ge=1, description="number of trees")
    minimum_leaf: int = Field(3, ge=1, description="fewest sites in a leaf")
    feature_share: float = Field(
        0.33, gt=0, le=1, description="share of the features tried at a split"
    )


class ExtraTreesSettings(ForestSettings):
    feature_share: float = Field(
        0.5, gt=0, le=1, description="share of the features tried at a split"
    )


class XGBoostSettings(Settings):
    trees: int = Field(400, ge=1, description="number of boosting rounds")
    depth: int = Field(4, ge=1, le=12, description="depth of a tree")
    learning_rate: float = Field(0.03, gt=0, le=1, description="shrinkage of each tree")
    row_share: float = Field(0.8, gt=0, le=1, description="share of the sites drawn for a tree")
    feature_share: float = Field(
        0.6, gt=0, le=1, description="share of the features drawn for a tree"
    )
    minimum_child_weight: float = Field(3.0, ge=0, description="least weight of a leaf")
    l2: float = Field(2.0, ge=0, description="penalty on squared leaf values")


class CatBoostSettings(Settings):
    trees: int = Field(600, ge=1, description="number of boosting rounds")
    depth: int = Field(5, ge=1, le=10, description="depth of a tree")
    learning_rate: float = Field(0.04, gt=0, le=1, description="shrinkage of each tree")
    l2: float = Field(4.0, ge=0, description="penalty on squared leaf values")
    borders: int = Field(64, ge=4, le=254, description="candidate thresholds a feature")


class EnsembleSettings(Settings):
    random_forest: ForestSettings = Field(
        ForestSettings(), description="random forest (scikit-learn)"
    )
    extra_trees: ExtraTreesSettings = Field(
        ExtraTreesSettings(), description="extremely randomised trees (scikit-learn)"
    )
    xgboost: XGBoostSettings = Field(XGBoostSettings(), description="XGBoost")
    catboost: CatBoostSettings = Field(CatBoostSettings(), description="CatBoost")


class FusionSettings(Settings):
    folds: int = Field(
        5,
        ge=2,
        le=20,
        description="inner folds of each design whose held-out predictions the fusion is fitted on",
    )
    designs: tuple[Literal["random", "grouped"], ...] = Field(
        ("random", "grouped"),
        min_length=1,
        description="how those folds are drawn; the fusion is fitted on the held-out predictions of all, near the sites and away from them, as a map has both",
    )
    repeats: int = Field(
        1,
        ge=1,
        le=10,
        description="times the inner folds are redrawn; their predictions are averaged",
    )
    shrinkage: float = Field(
        0.1, ge=0, description="pull of the members' weights towards equal ones"
    )
    site_weights: Literal["measurement", "measurement_and_intensity"] = Field(
        "measurement",
        description="what a site counts in weights and calibration: by its measurement error, or also by the inverse of how densely its surroundings were sampled, which needs domain.csv",
    )
    correction: Literal["none", "linear", "isotonic", "distribution", "residual"] = Field(
        "linear",
        description="of the fused prediction: 'linear' calibration, its slope shrunk to 1 by its own standard error (least error); 'isotonic' follows bends, in steps; 'distribution' matches the distribution of the observations, at the price of a larger error; 'residual' adds a forest of the residuals, which can mend a bias of a region, at the price of a larger error where there is none",
    )
    variance_dial: float = Field(
        0.0,
        ge=0,
        le=1,
        description="0: least error. 1: the variance of the observations restored, at the price of a larger error",
    )
    products: tuple[Literal["mean", "distribution"], ...] = Field(
        ("mean",),
        description="'mean' is the map; 'distribution' adds a second product whose values are distributed as the observations are: for histograms and extremes, not for averages",
    )

    @model_validator(mode="after")
    def _one_correction_at_a_time(self) -> Self:
        if self.variance_dial and self.correction not in ("none", "linear"):
            raise ValueError(
                f"variance_dial turns a line, but correction is '{self.correction}'; set "
                "variance_dial = 0 or correction = 'linear'"
            )
        if "mean" not in self.products or len(set(self.products)) < len(self.products):
            raise ValueError("products must name 'mean', and each product once")
        return self


class ValidationSettings(Settings):
    folds: int = Field(5, ge=2, le=20, description="outer folds")
    repeats: int = Field(1, ge=1, le=20, description="times the random outer folds are redrawn")
    ablation: Literal["off", "random", "grouped", "block", "knndm"] = Field(
        "off",
        description="design under which the whole pipeline is also scored without each group of covariates; multiplies the time of that design by the number of groups",
    )
    designs: tuple[Literal["random", "grouped", "block", "knndm"], ...] = Field(
        ("random", "grouped", "knndm"),
        min_length=1,
        description="how the outer folds are drawn; all are reported side by side, random ones also weighted by inverse sampling intensity. 'knndm' and the weights need domain.csv",
    )
    space: Literal["great_circle", "projected", "features"] = Field(
        "great_circle",
        description="where the distances of 'knndm' are taken: on the ground, on a projection, or between covariates",
    )
    projection: str | None = Field(
        None,
        description="projected coordinate reference system of the distances, such as 'EPSG:6933'",
    )
    maximum_share: float = Field(
        0.5, gt=0, le=1, description="largest share of the sites in one fold of 'knndm'"
    )
    block_size_km: float = Field(50.0, gt=0, description="side of the blocks of 'block'")
    workers: int = Field(
        0,
        ge=0,
        description="processes that share the folds; 0: one a core. The result does not depend on it",
    )

    @model_validator(mode="after")
    def _the_space_is_whole(self) -> Self:
        if (self.space == "projected") != (self.projection is not None):
            raise ValueError("space = 'projected' goes with a projection, and only with one")
        if self.maximum_share * self.folds < 1:
            raise ValueError(
                f"{self.folds} folds cannot each hold {self.maximum_share} of the sites or less"
            )
        return self


class IntervalSettings(Settings):
    level: float = Field(
        0.9, gt=0, lt=1, description="share of new observations that an interval is to hold"
    )
    design: str | None = Field(
        None,
        description="validation design whose residuals make the intervals, and under which they are said to hold; "
        "unless given 'grouped', or the first of validation.designs without it",
    )
    floor_quantile: float | None = Field(
        None,
        ge=0,
        le=1,
        description="members' spreads below this quantile of all are not believed, but taken for it; "
        "1: intervals of one width everywhere. Unless given, the one whose intervals score best",
    )


class ApplicabilitySettings(Settings):
    design: str | None = Field(
        None,
        description="validation design whose folds say how unlike the training sites a pixel may be; "
        "unless given 'grouped', or the first of validation.designs without it",
    )


class LearningSettings(Settings):
    """What training takes from a study."""

    seed: int = Field(2026, ge=0, description="the one seed of the study")
    target: TargetSettings = Field(TargetSettings(), description="the soil property that is mapped")
    selection: SelectionSettings = Field(
        SelectionSettings(), description="elimination of features by SHAP"
    )
    ensemble: EnsembleSettings = Field(EnsembleSettings(), description="the four members")
    fusion: FusionSettings = Field(
        FusionSettings(), description="weights of the members and calibration"
    )
    validation: ValidationSettings = Field(ValidationSettings(), description="the nested score")
    intervals: IntervalSettings = Field(
        IntervalSettings(), description="conformal prediction intervals"
    )
    applicability: ApplicabilitySettings = Field(
        ApplicabilitySettings(), description="area of applicability"
    )

    def decisive(self) -> dict[str, Any]:
        """Return the settings on which results depend: all but the numbers of workers."""
        return self.model_dump(mode="json", exclude={"validation": {"workers"}})
