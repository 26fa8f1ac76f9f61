"""Figures of matplotlib, without loading matplotlib: what was not loaded has nothing to show."""

import io
import os
import sys

BACKEND = "module://figure_backend"


def use_our_backend():
    os.environ.setdefault("MPLBACKEND", BACKEND)


def show_open(display):
    """As a notebook does at the end of a cell: what is open is shown, and closed."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    helpers = sys.modules.get("matplotlib._pylab_helpers")
    if pyplot is None or helpers is None:
        return
    try:
        for manager in helpers.Gcf.get_all_fig_managers():
            if manager.canvas.figure.axes:
                display(manager.canvas.figure)
    finally:
        pyplot.close("all")


def figure_data(figure):
    from representation import CHART

    picture = io.BytesIO()
    figure.savefig(picture, format="png", bbox_inches="tight")
    data = {"image/png": picture.getvalue()}
    chart = chart_of(figure)
    if chart:
        data[CHART] = chart
    return data


def chart_of(figure):
    """What the figure shows, as numbers. By a package that templates bring along; without it there is only the picture."""
    try:
        from e2b_charts import chart_figure_to_chart
    except ImportError:
        return None
    try:
        chart = chart_figure_to_chart(figure)
        return None if chart is None else chart.model_dump(mode="json")
    except Exception:
        return None
