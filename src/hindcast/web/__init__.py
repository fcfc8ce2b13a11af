"""What people look at: the report of a replay as one self-contained page.

The page is made of a *story*, plain JSON: what is missing in it is said to be missing.
"""

from hindcast.web.report import render
from hindcast.web.words import Headline, headline

__all__ = ["Headline", "headline", "render"]
