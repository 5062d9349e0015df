"""What every program in benchmarks/ measures, compares and reports with.

results = interleaved({"old": old, "new": new}, rounds=20)     # rounds
ratio(results.column("new", "wall"), results.column("old", "wall"))  # estimates
markdown_table([...], [...]), replace_section(page, "table", text)  # pages
draw_bars(path, title, panels)                                  # plots
environment()                                                   # where it was measured
"""
