"""Whether data is fit to learn from: wrong labels, duplicates, outliers, gaps, leaks; the report before a project."""
