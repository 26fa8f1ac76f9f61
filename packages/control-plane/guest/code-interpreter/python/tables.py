"""A DataFrame as `{column: [values]}` that JSON can hold."""

import datetime
import math

# A table is shown to be looked at or drawn; who needs more rows reads a file.
ROWS_LIMIT = 10_000


def table_data(frame):
    return {str(column): [plain(value) for value in frame[column].tolist()[:ROWS_LIMIT]] for column in unique(frame)}


def unique(frame):
    return [column for column, count in frame.columns.value_counts(sort=False).items() if count == 1]


def plain(value):
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return None if value != value else value.isoformat()
    if value != value:
        return None
    return str(value)
