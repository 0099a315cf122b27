"""The report: one HTML file about a plan, with its drawings, its tables and the files."""
