"""How a fold lies in memory, and how its specification says so.

A fold is two flat arrays, so that it can be copied, stored and handed to compiled code as it is. The specification,
an int64 array, is made once per feature group by :mod:`hindcast.features.group`: a header, then a row per window, per
part of a window's state, and per output.
"""

from __future__ import annotations

# ---- spec: a header
VALUES, WINDOWS, COUNTS, SUMS, WEDGES, OUTPUTS, CELLS = range(7)  # how many of each
RETAIN, LATEST_KEPT, START = 7, 8, 9  # microseconds kept (-1: all); the newest too; when the table began to see
WINDOW_AT, COUNT_AT, SUM_AT, WEDGE_AT, OUTPUT_AT = range(10, 15)  # where the rows of each begin
FIXED, VALUE_AT, COUNT_BASE, INFINITE_BASE, WEDGE_HEADS = range(15, 20)  # where parts of a fold begin
TILE, ROLE_AT = 20, 21  # microseconds of a tile that is summed up once it is closed, or 0; where the roles begin
SPEC_HEAD = 22

# a window: its kind, then by kind
W_KIND, W_LO, W_HI, W_TILE, W_EDGES, W_EDGE_COUNT, W_BACK, W_GAP = range(8)
# and which counts, sums and wedges are its own: first and last + 1
W_COUNT, W_COUNT_END, W_SUM, W_SUM_END, W_WEDGE, W_WEDGE_END = range(8, 14)
WINDOW_WIDTH = 14
OFFSETS, CALENDAR, SESSION = range(3)

# a count: value | a wedge: value, sign
# a sum: value, other (other >= 0: times that value, or itself; -1: alone; -2 - v: plus value v)
SUM_WIDTH, WEDGE_WIDTH = 2, 2

# an output: what, of which window, from which parts or values, to which cells, and the bits of a float parameter
O_KIND, O_WINDOW, O_A, O_B, O_C, O_CELL, O_CELLS, O_PARAM = range(8)
OUTPUT_WIDTH = 8
COUNT, SUM, MEAN, MIN, MAX, VAR, STD, WEIGHTED_MEAN, RATE, LATEST = range(10)  # read from parts
SCANNED = 10  # from here on read by walking over the window's values
FIRST, LAST, SINCE, LAST_N, QUANTILE, DISTINCT, DECAYED_SUM, DECAYED_MEAN, DECAYED_COUNT = range(10, 19)
TOP, TOP_SHARE, COLLECTED = range(19, 22)

# of a tiled fold's values: how those of a closed tile become one. How many; their sum, in two values; least; greatest
ROLE_WEIGHT, ROLE_SUM, ROLE_REST, ROLE_MIN, ROLE_MAX = range(5)

# ---- fold.ints: a header, then lo[W] hi[W] count[C] infinite[2*S] head[M] tail[M]
#                 event[cap] known[cap] seq[cap] wedge[M*cap], and digits[S*DIGITS] once doubles do not do
#      fold.floats: high[S] low[S] and both as they were before a fact was counted, value[V*cap]
CAP, SIZE, HEAD, NOW, WIDE = range(5)
FOLD_HEAD = 5
