"""The plots of the page, as SVG that changes only when the figures do."""

from __future__ import annotations

import pathlib
from typing import Any

COLOURS = {
    "seconds": "#1b4f8f",
    "encrypt": "#c2571a",
    "round_trip": "#2e7d4f",
    "decrypt": "#8a5a9e",
    "server": "#777777",
}
NAMES = {"seconds": "whole", "encrypt": "encrypt (client)", "round_trip": "round trip", "decrypt": "decrypt (client)"}
STYLE = {
    "svg.hashsalt": "einfer",
    "svg.fonttype": "none",
    "font.size": 9,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "lines.markersize": 3.5,
}


def file_name(curve: str) -> str:
    return f"growth-{curve}.svg"


def server_line(lines: dict[str, Any]) -> tuple[str, str] | None:
    """The server's own time that tells most: (line, its name)."""
    for line, name in (
        ("server.job_completed.evaluate_us", "evaluation (server)"),
        ("server.request.microseconds", "request (server)"),
    ):
        if line in lines:
            return line, name
    return None


def draw(curves: dict[str, Any], ratios: list[dict[str, Any]], folder: pathlib.Path) -> None:
    """`ratios`: {"name", "ratio", "goal"} of what is measured against a peer."""
    import matplotlib

    matplotlib.use("svg")
    folder.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(STYLE):
        for name, curve in curves.items():
            _growth(curve, folder / file_name(name))
        if ratios:
            _ratios(ratios, folder / "ratios.svg")


def _save(figure: Any, file: pathlib.Path) -> None:
    from matplotlib import pyplot

    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None}, bbox_inches="tight")
    pyplot.close(figure)
    file.write_text(
        "\n".join(line.rstrip() for line in file.read_text(encoding="utf-8").splitlines()) + "\n", encoding="utf-8"
    )


def _growth(curve: dict[str, Any], file: pathlib.Path) -> None:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5.2, 3.0))
    lines = curve["lines"]
    shown = [(name, NAMES[name], COLOURS[name]) for name in NAMES if name in lines]
    server = server_line(lines)
    if server:
        shown.append((*server, COLOURS["server"]))
    for line, name, colour in shown:
        xs, middles, lows, highs = zip(*lines[line], strict=True)
        to_ms = [[1000 * value for value in values] for values in (middles, lows, highs)]
        axes.plot(xs, to_ms[0], marker="o", label=name, color=colour)
        axes.fill_between(xs, to_ms[1], to_ms[2], color=colour, alpha=0.15, linewidth=0)
    first_x, first_time = lines["seconds"][0][:2]
    last_x = lines["seconds"][-1][0]
    axes.plot(
        [first_x, last_x],
        [1000 * first_time, 1000 * first_time * last_x / first_x],
        ":",
        color="#aaaaaa",
        linewidth=1,
        label="linear",
    )
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    ticks = [point[0] for point in lines["seconds"]]
    axes.set_xticks(ticks, [f"{x:g}" for x in ticks])
    axes.minorticks_off()
    top = max(1000 * point[3] for line, *_ in shown for point in lines[line])
    axes.set_ylim(top=3 * top)
    axes.set_xlabel(curve["label"])
    axes.set_ylabel("ms")
    axes.set_title(curve["about"], fontsize=9, loc="left")
    axes.legend(fontsize=7.5, loc="center left", bbox_to_anchor=(1.0, 0.5))
    _save(figure, file)


def _ratios(ratios: list[dict[str, Any]], file: pathlib.Path) -> None:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6.4, 0.34 * len(ratios) + 0.8))
    places = range(len(ratios))
    axes.barh(places, [each["ratio"] for each in ratios], color=COLOURS["seconds"], height=0.6)
    for place, each in zip(places, ratios, strict=True):
        if each["goal"] is not None:
            axes.plot([each["goal"]] * 2, [place - 0.42, place + 0.42], color=COLOURS["encrypt"], linewidth=2)
    axes.axvline(1, color="#777777", linewidth=0.8)
    axes.set_yticks(places, [each["name"] for each in ratios])
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("times as fast as the peer in the same run; upright strokes are goals")
    _save(figure, file)
