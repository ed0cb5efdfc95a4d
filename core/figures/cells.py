"""Maps of coloured cells whose numbers can be read on every cell, on light and dark grounds.

Contrast and luminance: Web Content Accessibility Guidelines 2.2, success criterion 1.4.3, which
asks for at least 4.5 to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.figures import style

GROUNDS = {"light": "#FFFFFF", "dark": "#0E141D"}  # as in .streamlit/config.toml
DARK_INK, LIGHT_INK = "#000000", "#FFFFFF"  # one of them reaches 4.5 to 1 on any colour
NOTHING = (style.MUTED, 0.06)

# Position 0 to 1, then the colour there and its opacity.
Stop = tuple[float, tuple[str, float]]


@dataclass(frozen=True)
class CellColours:
    """Which colour a number gets.

    Attributes:
        low: number of the first stop.
        high: number of the last stop.
        stops: colours between them, by rising position.
    """

    low: float
    high: float
    stops: tuple[Stop, ...]

    def scale(self) -> list[list[float | str]]:
        """Return the stops as plotly writes a colour scale."""
        return [[position, style.faint(*colour)] for position, colour in self.stops]

    def on_ground(self, values: NDArray[np.float64], ground: str) -> NDArray[np.float64]:
        """Return the colour that is seen of each number, n x 3 (red, green, blue), 0 to 1.

        Plotly goes in straight lines from stop to stop in each channel and in opacity.

        Args:
            values: n numbers; those beyond the ends have the colours of the ends.
            ground: ``#RRGGBB`` of what lies behind the cells.
        """
        positions = [position for position, _ in self.stops]
        seen = [[*channels(colour), opacity] for _, (colour, opacity) in self.stops]
        at = (values - self.low) / (self.high - self.low)
        mixed = np.column_stack([np.interp(at, positions, column) for column in np.transpose(seen)])
        opacity = mixed[:, 3:]
        return mixed[:, :3] * opacity + channels(ground) * (1 - opacity)


def channels(colour: str) -> NDArray[np.float64]:
    """Return red, green and blue of ``#RRGGBB``, 0 to 1."""
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def luminance(colours: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the relative luminance of n x 3 sRGB colours, n, 0 (black) to 1 (white)."""
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    weighted: NDArray[np.float64] = linear @ np.array([0.2126, 0.7152, 0.0722])
    return weighted


def contrast(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the contrast of two sets of sRGB colours (n x 3), n, 1 to 21."""
    lights = np.array([luminance(first), luminance(second)]) + 0.05
    ratio: NDArray[np.float64] = lights.max(axis=0) / lights.min(axis=0)
    return ratio


def inks(seen: NDArray[np.float64]) -> list[str]:
    """Return black or white for each of n x 3 colours, whichever is read better on it."""
    dark, light = (
        contrast(seen, np.broadcast_to(channels(ink), seen.shape)) for ink in (DARK_INK, LIGHT_INK)
    )
    return [DARK_INK if better else LIGHT_INK for better in dark >= light]


def _unsigned_zero(text: str) -> str:
    """Write what rounds to nothing without a sign: 0.00 for -0.00."""
    return text if text.strip("+-0.") else text.lstrip("+-")


def cell_map(
    values: NDArray[np.float64],
    colours: CellColours,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    form: str,
    hover: str,
    theme: str,
    height: int,
    least: float = 0.0,
) -> go.Figure:
    """Draw numbers as coloured cells with the numbers on them.

    Args:
        values: rows x columns; NaN stays blank.
        colours: which colour a number gets.
        rows: labels of the rows.
        columns: labels of the columns.
        form: printf format of a number.
        hover: template of what the mouse shows: ``%{text}`` is the row, ``%{customdata}`` the
            column, ``%{z}`` the number.
        theme: ``light`` or ``dark``, the ground that the cells lie on.
        height: of the figure in px.
        least: numbers of smaller magnitude are not written.
    """
    figure = go.Figure(
        go.Heatmap(
            z=values,
            zmin=colours.low,
            zmax=colours.high,
            colorscale=colours.scale(),
            customdata=np.broadcast_to(np.array(columns), values.shape),
            text=np.broadcast_to(np.array(rows)[:, None], values.shape),
            xgap=1,
            ygap=1,
            showscale=False,
            hovertemplate=f"{hover}<extra></extra>",
        )
    )
    up, across = np.nonzero(np.abs(values) >= least)
    written = values[up, across]
    figure.add_scatter(
        x=across,
        y=up,
        mode="text",
        text=[_unsigned_zero(form % value) for value in written],
        textfont={"size": 11, "color": inks(colours.on_ground(written, GROUNDS[theme]))},
        hoverinfo="skip",
        showlegend=False,
    )
    style.laid_out(figure, height)
    figure.update_xaxes(showgrid=False, tickvals=list(range(len(columns))), ticktext=list(columns))
    figure.update_yaxes(
        showgrid=False, autorange="reversed", tickvals=list(range(len(rows))), ticktext=list(rows)
    )
    return figure
