"""Radar: what each covariate is."""

from dataclasses import replace

from gee.covariate import Covariate, Preset
from gee.optical.sensors import datasets as optical_datasets
from gee.optical.settings import OpticalSettings
from gee.sentinel1.settings import Sentinel1Settings
from gee.terrain.settings import TerrainSettings

PASSES = ("ascending", "descending")

_SCENES = "COPERNICUS/S1_GRD_FLOAT"
_DEM = "USGS/SRTMGL1_003"
_WEATHER = "ECMWF/ERA5_LAND/HOURLY"
_EVERYWHERE: tuple[Preset, ...] = ("published", "extended")


def covariates(
    settings: Sentinel1Settings,
    optical: OpticalSettings | None = None,
    terrain: TerrainSettings | None = None,
) -> tuple[Covariate, ...]:
    """Return every covariate of this room that the settings allow.

    `optical` and `terrain` tell which scenes and which elevation model are read beside.
    """
    seasonal = [entry for side in PASSES for entry in _of_pass(side, settings)]
    indices = [_seasonal_index(settings), _change_index(settings)]
    if settings.water_cloud.use:
        model = _water_cloud(settings)
        scenes = optical_datasets(optical or OpticalSettings())
        indices.append(replace(model, datasets=(*model.datasets, *scenes)))
    dem = (terrain or TerrainSettings()).dem
    return tuple(
        replace(entry, datasets=tuple(dem if one == _DEM else one for one in entry.datasets))
        for entry in (*seasonal, *indices)
    )


def _of_pass(side: str, settings: Sentinel1Settings) -> list[Covariate]:
    thaw, frozen = _thaw(settings), _frozen(settings)
    mean = (
        "mean of power over the scenes of each relative orbit, then over the orbits, then over "
        f"the pixels of {settings.scale_m:g} m, in dB"
    )
    shaded = _shaded(settings)
    unseen = f"no {side} scene is left after screening{shaded}"
    entries = []
    for band, minimum, maximum in (("vv", -40.0, 15.0), ("vh", -50.0, 5.0)):
        for season, period, presets in (
            ("thaw", thaw, _EVERYWHERE),
            ("frozen", frozen, ("extended",)),
        ):
            entries.append(
                _covariate(
                    f"{band}_{season}_{side}",
                    f"{band.upper()} backscatter of {'thawed' if season == 'thaw' else 'frozen'} "
                    f"ground, {side} passes{_corrected(settings)}",
                    "dB",
                    (minimum, maximum),
                    settings,
                    period,
                    mean,
                    unseen,
                    presets,
                )
            )
        entries.append(
            _covariate(
                f"{band}_difference_{side}",
                f"{band.upper()} backscatter of thawed ground minus that of frozen ground, "
                f"{side} passes",
                "dB",
                (-20.0, 25.0),
                settings,
                f"{thaw}; {frozen}",
                f"{mean}; both seasons over the same relative orbits",
                f"no relative orbit has {side} scenes of both seasons after screening{shaded}",
            )
        )
    entries.append(
        _covariate(
            f"cross_ratio_thaw_{side}",
            f"VH over VV of thawed ground, {side} passes",
            "dB",
            (-35.0, 10.0),
            settings,
            thaw,
            f"ratio of two means: each the {mean}",
            unseen,
        )
    )
    for season, period in (("thaw", thaw), ("frozen", frozen)):
        entries.append(
            _covariate(
                f"observations_{season}_{side}",
                f"number of {side} scenes behind the {season} composite",
                "1",
                (0.0, 10_000.0),
                settings,
                period,
                f"count of scenes, then mean over the pixels of {settings.scale_m:g} m",
                "nowhere: without a scene, in layover and in shadow it is 0",
            )
        )
    return entries


def _seasonal_index(settings: Sentinel1Settings) -> Covariate:
    return _covariate(
        "moisture_index_difference",
        "Moisture index of the seasonal difference: VV thawed minus frozen, "
        f"{settings.index_dry_db:g} dB is 0 and {settings.index_wet_db:g} dB is 1",
        "1",
        (-5.0, 5.0),
        settings,
        f"{_thaw(settings)}; {_frozen(settings)}",
        "mean of vv_difference over the passes that have one, scaled",
        f"neither pass has a difference{_shaded(settings)}",
        _EVERYWHERE,
    )


def _change_index(settings: Sentinel1Settings) -> Covariate:
    change = settings.change_detection
    return _covariate(
        "moisture_index_change",
        "Moisture index of change detection (TU Wien): VV between the dry and the wet reference "
        "of its pixel",
        "1",
        (0.0, 1.0),
        settings,
        _thaw(settings),
        f"of each scene averaged onto the grid, its place between percentiles "
        f"{change.dry_percentile:g} and {change.wet_percentile:g} of its relative orbit (dB); mean "
        "over scenes, relative orbits and passes",
        f"no relative orbit has {change.minimum_scenes} screened scenes and "
        f"{change.minimum_contrast_db:g} dB between the references{_shaded(settings)}",
    )


def _water_cloud(settings: Sentinel1Settings) -> Covariate:
    model = settings.water_cloud
    return _covariate(
        "vwc_water_cloud",
        "Surface moisture by inversion of the water-cloud model, with constants that the study "
        "sets",
        "m3 m-3",
        (model.minimum, model.maximum),
        settings,
        _thaw(settings),
        f"mean VV of all passes and {model.ndvi} through the model",
        f"no screened scene, no {model.ndvi}, or vegetation alone gives more backscatter"
        f"{_shaded(settings)}",
        _EVERYWHERE,
    )


def _covariate(
    name: str,
    description: str,
    unit: str,
    valid: tuple[float, float],
    settings: Sentinel1Settings,
    period: str,
    reducer: str,
    masked_where: str,
    presets: tuple[Preset, ...] = ("extended",),
) -> Covariate:
    sloped = settings.slope_model != "none"
    return Covariate(
        name=name,
        description=description,
        unit=unit,
        minimum=valid[0],
        maximum=valid[1],
        group="radar",
        datasets=(_SCENES, _WEATHER, *((_DEM,) if sloped else ())),
        period=period,
        reducer=reducer,
        way=f"mean over the pixels of {settings.scale_m:g} m within each pixel of the grid",
        masked_where=masked_where,
        presets=presets,
        missing="native",
    )


def _shaded(settings: Sentinel1Settings) -> str:
    return "" if settings.slope_model == "none" else "; all of it in layover or shadow"


def _corrected(settings: Sentinel1Settings) -> str:
    if settings.slope_model == "none":
        return ""
    return f", gamma nought corrected for slopes ({settings.slope_model} model)"


def _thaw(settings: Sentinel1Settings) -> str:
    return (
        f"{settings.thaw_start} to {settings.thaw_end} of every year, soil warmer than "
        f"{settings.thaw_soil_above_k:g} K and snow below {settings.thaw_snow_below_m:g} m"
    )


def _frozen(settings: Sentinel1Settings) -> str:
    return (
        f"{settings.frozen_start} to {settings.frozen_end} of every winter, soil colder than "
        f"{settings.frozen_soil_below_k:g} K"
    )
