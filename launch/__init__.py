"""Starts Noctis: settings checked, database migrated, Orthanc, bridge and webapp under one supervisor."""
