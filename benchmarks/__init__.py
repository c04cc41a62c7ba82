"""How fast is asyncsummary, beside its peers, on this machine? ``make bench`` runs all of it and writes ``docs/benchmarks.md``.

Order of reading: ``rows`` (what a row is made of), ``catalogue`` (the rows), ``goals`` and ``figures`` (what was found, pure),
``page`` (the document, pure), ``plots``; ``environments`` (where peers are installed), ``storage`` (the S3 server), ``runner`` (who runs
what, when), ``machine``. ``programs`` has what is measured: each file runs alone, under its own interpreter, and prints a line of JSON.

``append_cost`` and ``late_steps`` are benchmarks of their own, with verbs of their own.
"""
