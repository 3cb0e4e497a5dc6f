"""Radar velocity to volumetric water content, with its uncertainty.

In: wave velocity of the ground in m ns-1, or antenna offset, two-way time and the depth of a
known reflector. Out: water content and its standard deviation in m3 m-3.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from local_ml.sites.columns import SPEED_OF_LIGHT_M_NS
from local_ml.sites.settings import GprSettings

Array = NDArray[np.float64]


@dataclass(frozen=True)
class WaterContent:
    """Water content from radar velocity.

    Parameters
    ----------
    value : (n,) float, m3 m-3; may lie below 0 or above the porosity, nothing is clipped
    sd : (n,) float, m3 m-3
    above_porosity : (n,) bool; more water than the pores hold: velocity or porosity is wrong
    """

    value: Array
    sd: Array
    above_porosity: NDArray[np.bool_]


def velocity_of_reflection(
    antenna_offset_m: Array, two_way_time_ns: Array, reflector_depth_m: Array
) -> Array:
    """Return the velocity (m ns-1) at which a wave reaches a reflector of known depth and returns.

    With antennas a apart, d = ½·√(v²t² − a²), hence v = √(4d² + a²) / t (science of common-offset
    reflection, e.g. Annan 2005).

    Parameters
    ----------
    antenna_offset_m, two_way_time_ns, reflector_depth_m : (n,) float
    """
    return np.sqrt(4 * reflector_depth_m**2 + antenna_offset_m**2) / two_way_time_ns


def permittivity(velocity_m_ns: Array) -> Array:
    """Return the relative permittivity (1) of ground of that velocity, (c/v)²; losses neglected."""
    return (SPEED_OF_LIGHT_M_NS / velocity_m_ns) ** 2


def water_content(
    velocity_m_ns: Array,
    velocity_sd_m_ns: Array,
    porosity: Array,
    settings: GprSettings,
) -> WaterContent:
    """Invert the complex refractive index model (CRIM) in its general, Lichtenecker–Rother, form.

    θ = (ε_b^α − (1−φ)·ε_s^α − φ·ε_a^α) / (ε_w^α − ε_a^α), with ε_b = (c/v)². Exponent and
    permittivity of water after Du et al. (2020), Remote Sensing 12(4):605. The standard deviation
    carries those of velocity, porosity and solid permittivity to first order, taken as independent.

    Parameters
    ----------
    velocity_m_ns : (n,) float, m ns-1
    velocity_sd_m_ns : (n,) float, m ns-1; NaN: `settings.velocity_sd_share` of the velocity
    porosity : (n,) float, 1; NaN: `settings.porosity`, with the uncertainty of an assumed one
    """
    alpha = settings.exponent
    assumed = np.isnan(porosity)
    phi = np.where(assumed, settings.porosity, porosity)
    phi_sd = np.where(assumed, settings.porosity_sd, settings.measured_porosity_sd)
    velocity_sd = np.where(
        np.isnan(velocity_sd_m_ns), settings.velocity_sd_share * velocity_m_ns, velocity_sd_m_ns
    )
    bulk = permittivity(velocity_m_ns) ** alpha
    solid = settings.solid_permittivity**alpha
    air = settings.air_permittivity**alpha
    span = settings.water_permittivity**alpha - air
    value = (bulk - (1 - phi) * solid - phi * air) / span
    from_velocity = 2 * alpha * bulk / span * velocity_sd / velocity_m_ns
    from_porosity = (solid - air) / span * phi_sd
    from_solid = (
        (1 - phi)
        * (alpha * solid / settings.solid_permittivity / span)
        * settings.solid_permittivity_sd
    )
    sd = np.sqrt(from_velocity**2 + from_porosity**2 + from_solid**2)
    return WaterContent(value, sd, value > phi)
