"""Answers as tables, and tables as Markdown, HTML, CSV, JSON and Parquet. Pure, but for the Parquet file."""
