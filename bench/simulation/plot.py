#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""plot.py fleet FILE.json OUT.png | balancers FILE.json OUT.png: draws what the simulations print."""

import json
import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

INK, MUTED = "#222222", "#8a8a8a"
BLUE, ORANGE, GREEN, RED = "#2f6db5", "#e08a1e", "#3a8f5c", "#c0392b"
plt.rcParams.update(
    {
        "figure.dpi": 110,
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": MUTED,
        "axes.grid": True,
        "grid.color": "#e6e6e6",
        "axes.titlelocation": "left",
        "axes.titlesize": 10,
        "legend.frameon": False,
    }
)


def cumulative(values):
    return values, [(i + 1) / len(values) * 100 for i in range(len(values))]


def quantile(values, share):
    return values[min(len(values) - 1, round(share * (len(values) - 1)))]


def shade(axes, run):
    spans = (
        (*run["deploy"], "#eef3fa", "rolling deploy"),
        (run["zone_loss"], run["zone_loss"] + 10, "#fbeaea", "a zone is lost"),
        (*run["lie"], "#f3f0e6", 'source says "nobody"'),
    )
    axes.set_ylim(top=axes.get_ylim()[1] * 1.12)  # room for the names
    for start, end, colour, name in spans:
        axes.axvspan(start, end, color=colour, zorder=0)
        at, align = (start + 0.5, "left") if start < 0.75 * axes.get_xlim()[1] else (end + 8, "right")
        axes.annotate(name, (at, 1.0), xycoords=("data", "axes fraction"), va="top", ha=align, fontsize=8, color=MUTED)


def fleet(run, out):
    seconds = run["seconds"][3:]
    at = [i + 3.5 for i in range(len(seconds))]
    figure, ((errors, lists), (spread, lags)) = plt.subplots(2, 2, figsize=(12, 7.2), constrained_layout=True)
    figure.suptitle(
        f"{run['instances']:,} instances in {run['zones']} zones, {run['clients']:,} clients with {run['subset']} of them each"
        f"; healthy instances lost: {run['healthy_lost']}",
        x=0.01,
        ha="left",
        fontsize=11,
    )

    errors.plot(at, [s["first_failures"] / s["calls"] * 100 for s in seconds], color=ORANGE, label="first attempts")
    errors.plot(at, [s["failures"] / s["calls"] * 100 for s in seconds], color=RED, label="calls, with one retry elsewhere")
    errors.set(title="failures, % of calls", xlabel="s", ylim=(-0.5, None))
    errors.legend(loc="upper left", bbox_to_anchor=(0, 0.85))
    shade(errors, run)

    lists.plot(at, [s["listed"] / run["clients"] for s in seconds], color=BLUE, label="in a client's registry, mean")
    lists.axhline(run["subset"], color=MUTED, lw=0.8, ls="--")
    lists.set(title="instances that a client knows (dashed: its subset)", xlabel="s", ylim=(0, None))
    shade(lists, run)

    spread.plot(at[4:], [s["spread"] for s in seconds[4:]], color=GREEN, label="measured, round robin in each client")
    steady = seconds[5:15]
    calls = sum(s["calls"] for s in steady) / sum(s["serving"] for s in steady)
    owners = run["clients"] * run["subset"] / run["instances"]
    spread.axhline(calls**-0.5, color=MUTED, lw=0.8, ls=":", label="calls at random over all instances")
    spread.axhline((1 / calls + 1 / owners) ** 0.5, color=MUTED, lw=0.8, ls="--", label="and through random subsets")
    spread.set(title="spread of calls in each second: standard deviation / mean of an instance", xlabel="s", ylim=(0, None))
    spread.legend(loc="lower left")
    shade(spread, run)

    for key, name, colour in (
        ("to_first_pick", "serving -> in a client's list", GREEN),
        ("to_last_pick_drained", "draining -> last call sent there", BLUE),
        ("to_last_pick_lost", "death of the zone -> last call sent there", RED),
    ):
        values = run[key]
        label = f"{name}: half {quantile(values, 0.5):.1f} s, 99 % {quantile(values, 0.99):.1f} s, all {values[-1]:.1f} s"
        lags.plot(*cumulative(values), color=colour, label=label)
    lags.set(title="propagation, % that took at most ...", xlabel="s", xlim=(0, None))
    lags.set(ylim=(0, 140), yticks=range(0, 101, 20))  # room for the legend above the curves
    lags.legend(loc="upper left")
    figure.savefig(out)


def balancers(run, out):
    figure, (tail, share) = plt.subplots(1, 2, figsize=(12, 3.8), constrained_layout=True)
    figure.suptitle(
        f"{run['instances']} instances, one of them {run['slowdown']} times slower, load {run['load']:.0%} of the others",
        x=0.01,
        ha="left",
        fontsize=11,
    )
    colours = dict(zip((b["name"] for b in run["balancers"]), (ORANGE, MUTED, BLUE, GREEN)))
    for balancer in run["balancers"]:
        values, shares = cumulative(balancer["latency_ms"])
        style = "--" if balancer["name"] == "round_robin" else "-"  # it covers random
        tail.plot(values, [max(100 - s, 0.1) for s in shares], style, color=colours[balancer["name"]], label=balancer["name"])
    tail.set(title="% of calls that took longer than ...", xlabel="ms", xscale="log", yscale="log", xlim=(1, None), ylim=(0.1, 100))
    tail.legend(loc="lower left")
    names = [b["name"] for b in run["balancers"]]
    share.barh(names, [b["slow_share"] * 100 for b in run["balancers"]], color=[colours[n] for n in names])
    share.axvline(100 / run["instances"], color=INK, lw=0.8, ls="--")
    share.invert_yaxis()
    share.grid(axis="y", visible=False)
    share.set(title="calls that the slow instance gets, % (dashed: an even share)")
    figure.savefig(out)


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] not in ("fleet", "balancers"):
        sys.exit(__doc__)
    {"fleet": fleet, "balancers": balancers}[sys.argv[1]](json.loads(pathlib.Path(sys.argv[2]).read_text()), sys.argv[3])
