"""Synthetic pixel data that look like something: drawn with numpy, repeatable from a seed.

Each function draws one slice or frame from ``position`` (where the slice lies in the body, or the phase of a
moving picture, 0 to 1) and says nothing of DICOM but the meaning of its values.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float64]
Shape = tuple[int, int]


@lru_cache(maxsize=16)
def _grid(shape: Shape) -> tuple[Plane, Plane]:
    """Coordinates from -1 to 1, downwards and to the right."""
    rows, columns = shape
    y, x = np.mgrid[-1 : 1 : complex(rows), -1 : 1 : complex(columns)]
    return y, x


def _ellipse(shape: Shape, center: tuple[float, float], radii: tuple[float, float]) -> NDArray[np.bool_]:
    """``center`` and ``radii`` as (x, y)."""
    y, x = _grid(shape)
    inside = ((x - center[0]) / radii[0]) ** 2 + ((y - center[1]) / radii[1]) ** 2 <= 1.0
    return np.asarray(inside)


def chest_ct(shape: Shape, position: float, random: np.random.Generator) -> NDArray[np.uint16]:
    """An axial slice of a chest. Hounsfield units plus 1024."""
    y, x = _grid(shape)
    hounsfield = np.full(shape, -1000.0)
    hounsfield[_ellipse(shape, (0, 0.05), (0.92, 0.68))] = -95  # skin and fat
    hounsfield[_ellipse(shape, (0, 0.05), (0.86, 0.62))] = 45  # muscle
    lung = 0.15 + 0.25 * np.sin(np.pi * position)
    for side in (-1, 1):
        center = (side * 0.42, 0.0)
        hounsfield[_ellipse(shape, center, (lung * 0.85, lung * 1.25))] = -840
        vessels = (np.sin(19 * x + 9 * position) * np.sin(23 * y - 7 * position)) > 0.93
        hounsfield[vessels & _ellipse(shape, center, (lung * 0.8, lung * 1.2))] = 30
    heart = 0.10 + 0.18 * position
    hounsfield[_ellipse(shape, (0.08, -0.08), (heart * 1.15, heart))] = 120
    hounsfield[_ellipse(shape, (0.10, 0.25), (0.07, 0.075))] = 210  # aorta
    hounsfield[_ellipse(shape, (-0.02, 0.14 - 0.05 * position), (0.05, 0.05))] = -980  # trachea
    hounsfield[_ellipse(shape, (0, 0.42), (0.14, 0.11))] = 420  # vertebra
    hounsfield[_ellipse(shape, (0, 0.53), (0.045, 0.04))] = 20  # spinal canal
    for angle in np.linspace(0, 2 * np.pi, 14, endpoint=False) + 0.6 * position:
        rib = (0.80 * np.cos(angle), 0.05 + 0.56 * np.sin(angle))
        hounsfield[_ellipse(shape, rib, (0.055, 0.028))] = 620
    hounsfield += random.normal(0, 14, shape)
    return np.asarray(np.clip(hounsfield + 1024, 0, 4095), np.uint16)


def head_mr(shape: Shape, position: float, random: np.random.Generator) -> NDArray[np.uint16]:
    """An axial T2-like slice of a head. Arbitrary units up to about 1,000."""
    y, x = _grid(shape)
    size = 0.45 + 0.42 * np.sin(np.pi * (0.12 + 0.76 * position))
    signal = np.zeros(shape)
    signal[_ellipse(shape, (0, 0), (size * 0.86, size * 1.02))] = 620  # scalp
    signal[_ellipse(shape, (0, 0), (size * 0.80, size * 0.96))] = 60  # skull
    signal[_ellipse(shape, (0, 0), (size * 0.74, size * 0.90))] = 860  # fluid
    brain = _ellipse(shape, (0, 0), (size * 0.71, size * 0.87))
    distance = np.sqrt((x / 0.71) ** 2 + (y / 0.87) ** 2) / size
    folds = np.sin(16 * np.arctan2(y, x) + 9 * position) + np.sin(34 * distance)
    signal[brain] = 330
    signal[brain & (distance > 0.72 + 0.05 * folds)] = 500  # cortex
    ventricle = 0.20 * np.sin(np.pi * position)
    for side in (-1, 1):
        center = (side * 0.10, -0.04)
        signal[_ellipse(shape, center, (0.01 + 0.35 * ventricle, 0.02 + ventricle))] = 930
        signal[_ellipse(shape, (side * 0.24, 0.03), (0.5 * ventricle, 0.6 * ventricle))] = 420
    signal[brain & (np.abs(x) < 0.008)] = 880  # fissure
    real, imaginary = random.normal(0, 16, (2, *shape))
    return np.asarray(np.clip(np.hypot(signal + real, imaginary), 0, 4095), np.uint16)


def chest_radiograph(shape: Shape, position: float, random: np.random.Generator) -> NDArray[np.uint16]:
    """A chest radiograph, frontal, or lateral in the second half of a series. More is denser, 0 to 4095."""
    density = _frontal_chest(shape) if position <= 0.5 else _lateral_chest(shape)
    density += random.normal(0, 28, shape)
    return np.asarray(np.clip(density, 0, 4095), np.uint16)


def _frontal_chest(shape: Shape) -> Plane:
    y, x = _grid(shape)
    density: Plane = 700 + 1500 * np.clip(1 - np.abs(x) ** 3, 0, 1) + 500 * (y + 1) / 2
    density[np.abs(x) > 0.96 - 0.12 * (y + 0.4) ** 2] = 150  # air beside the patient
    for side in (-1, 1):
        lung = ((x - side * 0.42) / 0.33) ** 2 + ((y + 0.02) / 0.70) ** 2
        density -= 1250 * np.clip(1.15 - lung, 0, 0.85)
        ribs = np.sin(17 * (y + 0.30 * (np.abs(x) - 0.42) ** 2 + 0.18 * np.abs(x)))
        density += 230 * np.clip(ribs, 0, 1) * (np.abs(x - side * 0.45) < 0.40)
        density[np.abs(y + 0.78 + 0.12 * side * x) < 0.025] += 160  # clavicle
    density += 900 * np.exp(-((((x - 0.14) / 0.26) ** 2 + ((y - 0.32) / 0.30) ** 2) ** 2))  # heart
    density += 700 * np.exp(-((x / 0.09) ** 2))  # spine and mediastinum
    density += 900 / (1 + np.exp(-28 * (y - 0.62 + 0.10 * np.cos(4 * x))))  # diaphragm
    return density


def _lateral_chest(shape: Shape) -> Plane:
    y, x = _grid(shape)
    density: Plane = 1500 + 900 * np.clip(1 - (x / 0.8) ** 2, 0, 1) + 400 * (y + 1) / 2
    density[np.abs(x + 0.05 * y) > 0.82 - 0.10 * (y - 0.1) ** 2] = 150  # air around the patient
    lung = ((x - 0.02 + 0.10 * y) / 0.56) ** 2 + ((y + 0.05) / 0.78) ** 2
    density -= 1300 * np.clip(1.1 - lung, 0, 0.75)
    spine = np.exp(-(((x - 0.52 - 0.10 * np.cos(1.6 * y)) / 0.10) ** 2))
    density += spine * (800 + 350 * np.sign(np.sin(24 * y)))  # vertebrae and discs
    density += 850 * np.exp(-((((x + 0.24) / 0.27) ** 2 + ((y - 0.28) / 0.28) ** 2) ** 2))  # heart
    density += 350 * np.exp(-(((x + 0.70 - 0.10 * y) / 0.04) ** 2))  # sternum
    density += 900 / (1 + np.exp(-26 * (y - 0.58 + 0.18 * x**2 - 0.22 * x)))  # diaphragm
    return density


def heart_ultrasound(shape: Shape, position: float, random: np.random.Generator) -> NDArray[np.uint8]:
    """A sector of a beating heart; one beat is ``position`` 0 to 1. Grey values."""
    y, x = _grid(shape)
    depth = (y + 0.95) / 1.85
    distance = np.sqrt((x * 0.9) ** 2 + depth**2)
    sector = (np.abs(np.arctan2(x * 0.9, depth)) < 0.68) & (distance < 1.0) & (distance > 0.04)
    beat = 0.5 - 0.5 * np.cos(2 * np.pi * position)
    echo = 78 * np.exp(-0.5 * distance) + 20 * np.sin(42 * distance)
    for (cx, cy), size in (((-0.20, -0.05), 0.27), ((0.20, 0.02), 0.21), ((-0.14, 0.50), 0.17)):
        radius = size * (1 - 0.28 * beat)
        wall = np.sqrt((x - cx) ** 2 + ((y - cy) * 0.85) ** 2)
        echo[wall < radius + 0.05] = 150
        echo[wall < radius] = 9
    valve = np.abs(y - 0.24 - 0.10 * beat * np.sin(9 * x)) < 0.014
    echo[valve & (np.abs(x + 0.15) < 0.20)] = 190
    speckle = random.rayleigh(0.8, shape)
    return np.asarray(np.where(sector, np.clip(echo * speckle, 0, 255), 0), np.uint8)
