"""What a value looks like, by media type, and how results are put on the wire."""

import base64
import json

FIELDS = {
    "text/plain": "text",
    "text/html": "html",
    "text/markdown": "markdown",
    "image/svg+xml": "svg",
    "image/png": "png",
    "image/jpeg": "jpeg",
    "application/pdf": "pdf",
    "text/latex": "latex",
    "application/json": "json",
    "application/javascript": "javascript",
    "application/vnd.pandastack.data+json": "data",
    "application/vnd.pandastack.chart+json": "chart",
}
DATA = "application/vnd.pandastack.data+json"
CHART = "application/vnd.pandastack.chart+json"
METHODS = {
    "_repr_html_": "text/html",
    "_repr_markdown_": "text/markdown",
    "_repr_svg_": "image/svg+xml",
    "_repr_png_": "image/png",
    "_repr_jpeg_": "image/jpeg",
    "_repr_pdf_": "application/pdf",
    "_repr_latex_": "text/latex",
    "_repr_json_": "application/json",
    "_repr_javascript_": "application/javascript",
    "_repr_e2b_data_": DATA,
    "_repr_e2b_chart_": CHART,
}
# A repr that is longer than this helps nobody; print shows the whole.
TEXT_LIMIT_CHARACTERS = 1_000_000


def represent(value):
    """Media type → content. A method that fails has nothing to show, as in notebooks."""
    data = {"text/plain": text_of(value), **extras(value)}
    if isinstance(value, type):
        return data
    bundle = call(value, "_repr_mimebundle_")
    if isinstance(bundle, tuple):
        bundle = bundle[0]
    if isinstance(bundle, dict):
        data.update(bundle)
    for method, media_type in METHODS.items():
        if media_type not in data:
            content = call(value, method)
            if content is not None:
                data[media_type] = content[0] if isinstance(content, tuple) else content
    return data


def extras(value):
    """What notebooks do not know: tables as data, lists and dicts as JSON, figures as charts."""
    module = type(value).__module__.partition(".")[0]
    if module == "pandas" and type(value).__name__ == "DataFrame":
        from tables import table_data

        return {DATA: table_data(value)}
    if module == "matplotlib" and hasattr(value, "savefig"):
        from figures import figure_data

        return figure_data(value)
    if type(value) in (list, dict):
        try:
            json.dumps(value, allow_nan=False)
            return {"application/json": value}
        except (TypeError, ValueError, RecursionError):
            return {}
    return {}


def call(value, name):
    method = getattr(value, name, None)
    if method is None or not callable(method):
        return None
    try:
        return method()
    except Exception:
        return None


def text_of(value):
    if type(value) in (list, dict, tuple, set) and len(value) > 0:
        from pprint import pformat

        try:
            return pformat(value, width=80, compact=True, sort_dicts=False)[:TEXT_LIMIT_CHARACTERS]
        except Exception:
            pass
    return repr(value)[:TEXT_LIMIT_CHARACTERS]


def to_fields(data):
    """Media types as fields of a result; those without a field under `extra`."""
    fields, extra = {}, {}
    for media_type, content in data.items():
        if content is None:
            continue
        if isinstance(content, bytes):
            content = base64.b64encode(content).decode()
        elif isinstance(content, str) and media_type in ("image/png", "image/jpeg", "application/pdf"):
            content = content.replace("\n", "")
        field = FIELDS.get(media_type)
        if field is None:
            extra[media_type] = content
        else:
            fields[field] = content
    if extra:
        fields["extra"] = extra
    return fields
