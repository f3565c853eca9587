"""Interactive demos, one a file: what it computes, how it looks on paper, and the live widget."""
