"""Starts Noctis: settings checked, database migrated, then all its processes under one supervisor."""
