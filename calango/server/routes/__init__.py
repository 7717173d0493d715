"""One file per resource; `app.py` lists which path leads where."""
