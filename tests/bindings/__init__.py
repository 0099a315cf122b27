"""Linux' own bindings, as dt-schema reads them, judge the trees that guests get."""
