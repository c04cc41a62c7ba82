"""How does a Python value become a Summary.Value? One pure file per kind."""
