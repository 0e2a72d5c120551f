"""Journeys beyond the life cycle of one resource.

Each probe states what it expects and why. No probe expects a behaviour that only this project chose.
"""
