"""What is measured, a file for each kind of row. ``python -m benchmarks.programs.scalars asyncsummary --count 1000`` runs one alone.

Peers' interpreters run these files, too, and have none of our packages: whatever is not in the standard library is imported where it is
used, and nothing here imports what is in ``benchmarks`` itself.
"""
