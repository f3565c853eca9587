"""The instructor's half: release assignments, try their checks, grade what students hand in."""
