"""Where land surface temperature comes from."""

from gee.temperature.settings import Satellite, TemperatureSettings

DATASETS: dict[Satellite, str] = {"terra": "MODIS/061/MOD11A1", "aqua": "MODIS/061/MYD11A1"}


def datasets(settings: TemperatureSettings) -> tuple[str, ...]:
    """Return the ids of what the chosen satellites give."""
    return tuple(DATASETS[name] for name in settings.satellites)
