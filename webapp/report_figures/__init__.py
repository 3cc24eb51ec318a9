"""Reporting figures: how long reports take, and how many there are."""
