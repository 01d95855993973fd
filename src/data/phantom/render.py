"""The phantom's radiograph: what the rays meet, added up, then developed on a film.

Soft shapes are made on a fixed grid and brought to size; bones, vessels and lines are drawn at size.
H W pixels, g the grid's.
"""

import numpy as np

from src.data.phantom import body, skeleton
from src.data.phantom.anatomy import Anatomy
from src.data.phantom.devices import device_lines, pacemaker_box
from src.data.phantom.findings import Finding, rib_number
from src.data.phantom.geometry import SIGN, Chest
from src.data.phantom.lesions import break_index, collapsed_lung, opacities
from src.data.phantom.shapes import blur, edges, fill, resize, ribbon, stroke
from src.data.phantom.vessels import NUMBERS, vessel_lines

_COARSE, _MIDDLE, _FINE = 128, 192, 256
_TEXTURE = 64
_STEPS, _DENSEST = 2048, 1.8


def render(
    rng: np.random.Generator, anatomy: Anatomy, chest: Chest, findings: tuple[Finding, ...], size: int
) -> np.ndarray:
    """The picture, uint8 (size, size). All random numbers are drawn before anything depends on the findings."""
    numbers = rng.random(NUMBERS)
    texture = rng.standard_normal((3, _TEXTURE, _TEXTURE), dtype=np.float32)
    grain_HW = rng.standard_normal((size, size), dtype=np.float32)
    grid = next((g for g in (_COARSE, _MIDDLE) if size <= 1.25 * g), _FINE)
    painter = _Painter(chest, findings, grid, texture)
    density_gg, air_gg, gas_gg = painter.soft_tissue()
    density_HW, air_HW = resize(density_gg, size), resize(air_gg, size)
    vessel_HW = _vessels(chest, numbers, size)
    density_HW += air_HW * (0.20 * vessel_HW) * (1 - resize(gas_gg, size))
    density_HW += _bones(chest, findings, size) * (0.55 + 0.45 * air_HW)
    density_HW += _lines(chest, findings, size)
    return _develop(anatomy, density_HW, grain_HW)


class _Painter:
    """Soft tissue, air and opacities on the grid."""

    def __init__(self, chest: Chest, findings: tuple[Finding, ...], grid: int, texture: np.ndarray) -> None:
        self.chest = chest
        self.findings = findings
        self.grid = grid
        rough, cloud, tissue = (
            resize(blur(field, sigma), grid) for field, sigma in zip(texture, (0.010, 0.035, 0.06), strict=True)
        )
        self.rough, self.cloud, self.tissue = rough, cloud * 3.2, tissue * 5

    def paint(self, outlines: list[np.ndarray], softness: float) -> np.ndarray:
        """Outlines in body coordinates as a soft field, 0 to 1."""
        canvas = np.zeros((self.grid, self.grid), np.uint8)
        field = fill(canvas, [self.chest.pose(outline) for outline in outlines]).astype(np.float32)
        return blur(field * (1 / 255), softness)

    def soft_tissue(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Density without bones, vessels and devices; the air in the lungs; the gas of pneumothoraces."""
        chest, paint = self.chest, self.paint
        trunk = paint([body.trunk(chest)], 0.006)
        heart = paint([chest.heart], 0.005)
        middle = paint([chest.mediastinum], 0.007)
        belly = paint([body.abdomen(chest)], 0.025)
        lungs = paint(list(chest.lungs.values()), 0.0035)
        depth = blur(lungs, 0.035)
        air = lungs * (0.62 + 0.38 * depth) * (1 - 0.86 * heart) * (1 - 0.93 * middle)
        gas, collapsed = self._pneumothorax(lungs)
        air = air * (1 + 0.28 * gas - 0.16 * collapsed) * (1 - self._water())
        pipes = paint(body.airways(chest), 0.003)
        thick = trunk * (0.30 + 0.26 * blur(trunk, 0.06)) + 0.30 * paint([body.arms(chest)], 0.012) * (1 - trunk)
        density = thick + 0.12 * heart + 0.12 * middle + 0.15 * belly * trunk - 0.10 * pipes
        density += trunk * 0.020 * self.tissue
        density += 0.09 * paint([body.humeri(chest)], 0.006)
        if chest.anatomy.breast:
            density += 0.09 * chest.anatomy.breast * paint([body.breasts(chest)], 0.008)
        if chest.anatomy.bubble:
            density -= 0.22 * paint([body.bubble(chest)], 0.005)
        density += air * (-0.46 + 0.030 * self.rough * (1 - gas) + 0.022 * self.cloud * (1 - gas))
        return density, air, gas

    def _pneumothorax(self, lungs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gas outside the lungs, and the lungs that gave way to it, which hold less air."""
        gas, collapsed = np.zeros_like(lungs), np.zeros_like(lungs)
        for finding in self.findings:
            if finding.name == "pneumothorax":
                side = self.paint([self.chest.lungs[finding.side]], 0.0035)
                rest = side * self.paint([collapsed_lung(self.chest, finding)], 0.003)
                gas, collapsed = np.maximum(gas, side - rest), np.maximum(collapsed, rest)
        return gas, collapsed

    def _water(self) -> np.ndarray:
        """The share of the lung's air that opacities take."""
        kept = np.ones((self.grid, self.grid), np.float32)
        for finding in self.findings:
            for opacity in opacities(self.chest, finding):
                mottled = 1 + opacity.texture * np.clip(self.cloud + 0.5 * self.rough, -1.2, 1.2)
                kept *= 1 - np.clip(
                    opacity.strength * self.paint(opacity.outlines, opacity.softness) * mottled, 0, 0.97
                )
        return 1 - kept


def _canvas(size: int) -> np.ndarray:
    return np.zeros((size, size), np.uint8)


def _vessels(chest: Chest, numbers: np.ndarray, size: int) -> np.ndarray:
    canvas = _canvas(size)
    for lines, width in reversed(vessel_lines(chest, numbers)):
        stroke(canvas, [chest.pose(line) for line in lines], width, 95 + 9000 * width)
    return blur(canvas.astype(np.float32) * (1 / 255), 0.0026)


def _bones(chest: Chest, findings: tuple[Finding, ...], size: int) -> np.ndarray:
    """What bones add to the density."""
    whole_SRN2 = skeleton.back_ribs(chest)
    front = ribbon(skeleton.front_ribs(chest, whole_SRN2), skeleton.RIB_WIDTH * 1.1)
    bands = [chest.pose(ribbon(line, skeleton.RIB_WIDTH)) for line in _broken(findings, whole_SRN2)]
    collar = chest.pose(ribbon(skeleton.clavicles(chest), skeleton.CLAVICLE_WIDTH))
    faint, strong, rims, column = (_canvas(size) for _ in range(4))
    fill(faint, [chest.pose(front)], 130)
    fill(strong, bands, 170)
    fill(strong, [collar], 235)
    stroke(rims, [edges(band) for band in bands], 0.003, 120)
    stroke(rims, [edges(collar)], 0.004, 150)
    stroke(rims, [chest.pose(skeleton.scapulae(chest))], 0.006, 110)
    fill(column, [chest.pose(ribbon(skeleton.spine(chest), skeleton.SPINE_WIDTH))], 200)
    stroke(column, [chest.pose(skeleton.discs(chest))], 0.010, 140)
    bone = blur(strong.astype(np.float32), 0.0028) * 0.135 + blur(faint.astype(np.float32), 0.005) * 0.085
    bone += blur(rims.astype(np.float32), 0.0018) * 0.09 + blur(column.astype(np.float32), 0.006) * 0.075
    return bone * (chest.anatomy.bone / 255)


def _broken(findings: tuple[Finding, ...], whole_SRN2: np.ndarray) -> list[np.ndarray]:
    """The ribs; one broken by a fracture in two parts, of which the outer one is pushed down."""
    lines = {(side, number): whole_SRN2[s, number] for s, side in enumerate(SIGN) for number in range(skeleton.RIBS)}
    parts = []
    for finding in findings:
        if finding.name == "fracture":
            rib_N2 = lines.pop((finding.side, rib_number(finding) - 1))
            step = np.array([0.0, 0.018 + 0.012 * finding.extent])
            index = break_index(rib_N2)
            parts += [rib_N2[: index + 1] - 0.35 * step, rib_N2[index:] + 0.65 * step]
    return [np.stack(list(lines.values())), *parts]


def _lines(chest: Chest, findings: tuple[Finding, ...], size: int) -> np.ndarray:
    """What devices and pleural lines add to the density."""
    canvas = _canvas(size)
    for finding in findings:
        if finding.name == "pneumothorax":
            stroke(canvas, [chest.pose(_pleura(chest, finding))], 0.0045, 140)
        if finding.name == "support_device":
            for line, width in device_lines(chest, finding):
                stroke(canvas, [chest.pose(line)], width, 150)
            if finding.kind == "pacemaker":
                fill(canvas, [chest.pose(pacemaker_box(chest, finding))], 230)
    return blur(canvas.astype(np.float32), 0.0012) * (0.42 / 255)


def _pleura(chest: Chest, finding: Finding) -> np.ndarray:
    """The outer edge of a collapsed lung, apex to base."""
    outline = collapsed_lung(chest, finding)
    offset = np.abs(outline[:, 0] - 0.5)
    top = int(outline[:, 1].argmin())
    return outline[max(0, top - 3) : int(offset.argmax()) + 8]


def _develop(anatomy: Anatomy, density_HW: np.ndarray, grain_HW: np.ndarray) -> np.ndarray:
    """Film: grain that coarse pixels average out, exposure, and eight bits, by table."""
    sigma = 0.011 * anatomy.noise * (len(density_HW) / 224) ** 0.5
    density_HW += sigma * blur(grain_HW, 0.0012) * (0.5 + density_HW)
    step_HW = np.clip(density_HW * (_STEPS / _DENSEST), 0, _STEPS - 1).astype(np.int32)
    value = np.clip(np.linspace(0, _DENSEST, _STEPS) * anatomy.gain, 0.004, None)
    film = 1.42 * (1 - np.exp(-1.16 * value))
    return np.clip(255 * film**anatomy.gamma, 0, 255).astype(np.uint8)[step_HW]
