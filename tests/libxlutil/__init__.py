"""The xl.cfg grammar against the real libxlutil."""
