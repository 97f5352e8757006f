"""Proposals for planners: who could take what nobody has."""
