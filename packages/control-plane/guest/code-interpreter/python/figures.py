"""Figures of matplotlib, without loading matplotlib: what was not loaded has nothing to show."""

import importlib.util
import io
import os
import sys

BACKEND = "module://figure_backend"


class _Backend:
    """Names our backend to matplotlib while it is loaded, and to nobody else: programs that a cell starts do not have it."""

    def find_spec(self, name, path=None, target=None):
        if name != "matplotlib":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module
            spec.loader.exec_module = lambda module: with_backend(lambda: load(module))
        return spec


def with_backend(load):
    was = os.environ.get("MPLBACKEND")
    # Another one that somebody chose stays: `Agg` is what a template says that has no screen.
    if was is not None and was.lower() != "agg":
        return load()
    os.environ["MPLBACKEND"] = BACKEND
    try:
        load()
    finally:
        if was is None:
            del os.environ["MPLBACKEND"]
        else:
            os.environ["MPLBACKEND"] = was


def use_our_backend():
    sys.meta_path.insert(0, _Backend())


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
